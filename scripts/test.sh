#!/usr/bin/env bash
# Sets up, builds and runs all tests; the last line is "N passed, N failed". See --help.
set -euo pipefail
cd "$(dirname "$0")/.."
case " $* " in
  *" --help "* | *" -h "*) ;;
  *) scripts/setup.sh test ;;
esac
exec python3 tests/run_all.py "$@"
