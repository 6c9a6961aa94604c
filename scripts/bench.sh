#!/usr/bin/env bash
# How fast ipam is on this machine: clusters of its own under load, beside etcd where there is one.
set -euo pipefail
cd "$(dirname "$0")/.."
case ${1:-} in
  -h | --help)
    cat <<'TEXT'
Usage: scripts/bench.sh [WHAT] [OPTION...]    as build/tools/bench --help says
       scripts/bench.sh --all [OPTION...]     everything, each three times: hours
       scripts/bench.sh --document FILE...    tables and plots of docs/performance.md, from files
                                              that --json FILE has written

Sets up and builds first. Default: writes --clients 64.
TEXT
    exit 0
    ;;
  --document)
    shift
    tools/bench/results.py "$@" --write docs/performance.md
    exec tools/bench/plots.py "$@"
    ;;
  --all)
    shift
    set -- all "$@"
    ;;
esac
[ $# -gt 0 ] || set -- writes --clients 64
scripts/setup.sh build
scripts/build.sh build src/server/ipam tools/bench
command -v etcd >/dev/null || set -- "$@" --etcd none
commit=$(git describe --always --dirty 2>/dev/null || true)
build/tools/bench "$@" --ipam ./ipam ${commit:+--commit "$commit"}
