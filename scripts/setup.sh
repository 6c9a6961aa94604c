#!/usr/bin/env bash
# Installs what is missing to build (and test) ipam, on Debian 12 and Ubuntu 24.04.
# Does nothing, in a moment, when all is there.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: scripts/setup.sh [build|test]

  build   what it takes to build ipam (the default)
  test    that, and what scripts/test.sh needs: clang, nginx, haproxy, wrk, zsh, …

Only packages that are missing are installed, with apt-get; that needs root or sudo.
IPAM_SKIP_SETUP=1 skips the check, for a system where you installed them by other means.
TEXT
}

profile=${1:-build}
case $profile in
  build | test) ;;
  -h | --help) usage; exit 0 ;;
  *) echo "setup: unknown profile '$profile'; one of: build, test" >&2; exit 2 ;;
esac
[ "${IPAM_SKIP_SETUP:-}" != 1 ] || exit 0

system=unknown
if [ -r /etc/os-release ]; then
  # shellcheck disable=SC1091
  system=$(. /etc/os-release && echo "${ID:-unknown} ${VERSION_ID:-}")
fi

boost=1.81
[ "$system" != "ubuntu 24.04" ] || boost=1.83
packages=(g++ meson ninja-build pkg-config ccache mold libasio-dev "libboost$boost-dev"
  "libboost-json$boost-dev" "libboost-program-options$boost-dev" libsqlite3-dev libssl-dev
  libgoogle-perftools-dev zlib1g-dev
  libfmt-dev doctest-dev curl python3)
if [ "$profile" = test ]; then
  packages+=(clang-19 libclang-rt-19-dev llvm-19 nginx haproxy wrk sqlite3 iproute2 faketime
    prometheus openssl zsh fish groff man-db systemd dpkg-dev lintian)
  command -v npm >/dev/null || packages+=(nodejs npm)
fi

if [ "$system" != "debian 12" ] && [ "$system" != "ubuntu 24.04" ]; then
  cat >&2 <<TEXT
setup: this script knows Debian 12 and Ubuntu 24.04; this is '$system'.
Please install these, by the names that your system gives them:
  a C++20 compiler (g++ 12 or newer), meson, ninja, pkg-config, curl, python3
  asio 1.22 (the standalone one), boost 1.81 with json and program_options (static libraries),
  sqlite 3.40 and OpenSSL 3 (static libraries), fmt 9, doctest 2.4; where they help: ccache, mold
TEXT
  [ "$profile" = build ] || echo "  and for the tests: clang 19 with its sanitizer runtimes, nginx," \
    "haproxy, wrk, sqlite3, iproute2, faketime, prometheus (promtool), openssl, zsh, fish, groff," \
    "man, systemd-analyze, dpkg-dev, lintian" >&2
  echo "Then set IPAM_SKIP_SETUP=1 and run the command again." >&2
  exit 1
fi

# One call for all of them: the names that are not fully installed.
installed=$(dpkg-query -W -f '${binary:Package} ${db:Status-Status}\n' "${packages[@]}" 2>/dev/null |
  awk '$2 == "installed" { sub(/:.*/, "", $1); print $1 }' || true)
missing=()
for package in "${packages[@]}"; do
  grep -qxF -- "$package" <<<"$installed" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

sudo=()
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "setup: needs root (or sudo) to run: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  sudo=(sudo)
fi
echo "setup: installing ${missing[*]}"

log=$(mktemp)
policy=/usr/sbin/policy-rc.d
made_policy=
cleanup() {
  rm -f "$log"
  [ -z "$made_policy" ] || "${sudo[@]}" rm -f "$policy"
}
trap cleanup EXIT
# The tests run nginx and haproxy themselves: the packages shall not start them as services now.
if [ "$profile" = test ] && [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$policy" >/dev/null
  "${sudo[@]}" chmod 755 "$policy"
  made_policy=1
fi

apt() {
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" >"$log" 2>&1
}
fail() {
  echo "setup: apt-get $1 failed:" >&2
  tail -n 15 "$log" >&2
  exit 1
}
apt update || echo "setup: apt-get update failed; trying with the lists at hand" >&2
apt install -y --no-install-recommends "${missing[@]}" || fail "install ${missing[*]}"
