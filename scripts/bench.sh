#!/usr/bin/env bash
# How fast ipam is on this machine: clusters of its own under load, beside etcd where there is one.
set -euo pipefail
cd "$(dirname "$0")/.."
case ${1:-} in
  -h | --help)
    echo "Usage: scripts/bench.sh [WHAT] [OPTION...]    as tools/bench/main.cpp says: build/tools/bench --help"
    echo "(default: writes --clients 64; sets up and builds first)"
    exit 0
    ;;
esac
[ $# -gt 0 ] || set -- writes --clients 64
scripts/setup.sh build
scripts/build.sh build src/server/ipam tools/bench
command -v etcd >/dev/null || set -- "$@" --etcd none
exec build/tools/bench "$@" --ipam ./ipam
