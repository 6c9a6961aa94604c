#!/usr/bin/env bash
# Branch coverage of raft/core by its unit tests, the golden scripts and the simulation, without
# mutants. Fails below the percentage given (default 95), and names the branches never taken. What
# counts as a branch: scripts/branches.py.
set -euo pipefail
cd "$(dirname "$0")/.."
case ${1:-} in
  -h | --help) echo "Usage: scripts/coverage.sh [PERCENT]"; exit 0 ;;
esac
wanted=${1:-95}
build=build-coverage
mkdir -p build-logs
tests=(tests/unit/raft_core/test_raft_{configuration,core,log,members,membership,progress,read_index}
  tests/golden/golden_runner tests/simulation/test_simulation tests/unit/raft_node/test_raft_node)

command -v llvm-cov-19 > /dev/null || scripts/setup.sh test
if [[ ! -e $build/build.ninja ]]; then
  CC=clang-19 CXX=clang++-19 CXX_LD=${CXX_LD:-mold} meson setup "$build" -Dportable=false \
    -Dbuildtype=plain -Doptimization=1 > build-logs/coverage.log \
    '-Dcpp_args=-fprofile-instr-generate -fcoverage-mapping' \
    '-Dcpp_link_args=-fprofile-instr-generate'
fi
ninja -C "$build" "${tests[@]}" >> build-logs/coverage.log

profiles=() objects=()
for test in "${tests[@]}"; do
  profile=$build/$(basename "$test").profraw
  arguments=()
  [[ $test == */golden_runner ]] && arguments=(tests/golden/*.txt)
  LLVM_PROFILE_FILE=$profile "$build/$test" "${arguments[@]}" > "$build/test.log" 2>&1 ||
    { tail -n 40 "$build/test.log"; echo "failed: $test"; exit 1; }
  profiles+=("$profile")
  objects+=(-object "$build/$test")
done
llvm-profdata-19 merge -o "$build/all.profdata" "${profiles[@]}"
report() {
  llvm-cov-19 "$1" -instr-profile "$build/all.profdata" "${objects[@]:1}" "${@:2}" raft/core
}
report report -show-region-summary=false
echo
report export -format=text | python3 scripts/branches.py "$wanted"
