"""Reads an export of llvm-cov (JSON), counts the branches taken, names the others.

Each condition has two branches. Not counted, as no test of the production code can take them:
the failing branch of an ASSERT, the points of mutants (MUTANT, false in this build, and what stands
behind one), and comparisons that the compiler writes (= default).
"""
import json
import sys

wanted = float(sys.argv[1])
counts = {}  # (file, line, column) -> [times true, times false], over all instantiations
for data in json.load(sys.stdin)['data']:
    for function in data['functions']:
        for branch in function.get('branches', []):
            line, column, end_line, end_column, true, false, file_id = branch[:7]
            name = function['filenames'][file_id]
            if 'raft/core/' not in name:
                continue
            key = name, line, column, end_line, end_column
            found = counts.setdefault(key, [0, 0])
            found[0] += true
            found[1] += false

sources, taken, total = {}, 0, 0
for (name, line, column, end_line, end_column), (true, false) in sorted(counts.items()):
    if name not in sources:
        with open(name, encoding='utf-8') as file:
            sources[name] = file.read().split('\n')
    text = sources[name][line - 1]
    condition = text[column - 1:end_column - 1] if line == end_line else text[column - 1:]
    before = text[:column - 1]
    if '= default' in text or 'MUTANT(' in condition:
        continue
    if 'MUTANT(' in before and true == false == 0:
        continue
    sides = [('true', true)] if 'ASSERT' in text else [('true', true), ('false', false)]
    for side, count in sides:
        total += 1
        taken += count > 0
        if count == 0:
            short = name[name.index('raft/core/'):]
            print(f'never {side}: {short}:{line}: {condition}')
percent = 100 * taken / total
print(f'{taken} of {total} branches of raft/core taken: {percent:.1f}%')
sys.exit(percent < wanted)
