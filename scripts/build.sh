#!/usr/bin/env bash
# Builds ipam and makes the link ./ipam to it.
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-} in
  -h | --help)
    cat <<'TEXT'
Usage: scripts/build.sh [BUILD_DIR [TARGET...]]

Configures BUILD_DIR (default: build) where needed, with the mold linker if there is one, and
builds the targets (default: the binary alone; `all` builds the tests too).
TEXT
    exit 0
    ;;
esac
build=${1:-build}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(src/server/ipam)

for tool in meson ninja; do
  command -v $tool >/dev/null || { echo "build: $tool is missing; run scripts/setup.sh" >&2; exit 1; }
done

if [ ! -f "$build/build.ninja" ]; then
  if [ -z "${CXX_LD:-}" ] && command -v mold >/dev/null; then
    export CXX_LD=mold
  fi
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  if ! meson setup "$build" --buildtype=release >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    echo "build: meson setup failed; scripts/setup.sh installs what a build needs" >&2
    exit 1
  fi
fi
ninja -C "$build" "${targets[@]}"

if [ -x "$build/src/server/ipam" ]; then
  if [ -e ipam ] && [ ! -L ipam ]; then
    echo "build: ./ipam is not a link of ours; left as it is" >&2
  else
    ln -sfn "$build/src/server/ipam" ipam
  fi
fi
