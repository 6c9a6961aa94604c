#!/usr/bin/env bash
# Durable allocations a second: three nodes on this machine, wrk with 64 connections on the leader.
set -euo pipefail
cd "$(dirname "$0")/.."
case ${1:-} in
  -h | --help) echo "Usage: scripts/bench.sh    (30 seconds; sets up and builds first)"; exit 0 ;;
esac
scripts/setup.sh test
scripts/build.sh build
exec python3 tests/e2e/run.py --full throughput_of_allocations
