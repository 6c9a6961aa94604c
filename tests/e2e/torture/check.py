#!/usr/bin/env python3
"""Checks a whole history: `check.py HISTORY.jsonl` does it again for the file of a run."""
import argparse
import collections
import dataclasses
import os
import sys
import time

if __name__ == '__main__':
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from torture import history, linearizability, model  # noqa: E402

LINES_AROUND = 40
COLUMNS_MAX = 400
VIOLATIONS_SHOWN = 5


@dataclasses.dataclass
class Report:
    operations: int = 0
    partitions: int = 0
    partition_operations_max: int = 0
    undecided: int = 0
    configurations: int = 0
    configurations_max: int = 0  # of one partition
    seconds: float = 0
    violations: list = dataclasses.field(default_factory=list)  # texts

    def line(self):
        return (f'{self.operations} operations in {self.partitions} partitions (the largest '
                f'{self.partition_operations_max}), {self.configurations} configurations (at most '
                f'{self.configurations_max}), {self.undecided} undecided, '
                f'{self.seconds:.1f} s of checking')


def by_cidr(operations, names):
    """The operations of each CIDR. Those on everything are in each of them, with their part of the
    answer."""
    parts = collections.defaultdict(list)
    everything = []
    for operation in operations:
        if operation.cidr:
            parts[operation.cidr].append(operation)
        elif operation.answered:
            everything.append(operation)
    for operation in everything:
        answers = collections.defaultdict(list)
        for entry in operation.answer:
            if operation.kind == 'all_allocations':
                network = names.network_of.get(entry.network_id)
                answers[network.cidr if network else None].append(entry)
            else:
                answers[entry.cidr].append(entry)
        for cidr in parts:
            part = tuple(answers.pop(cidr, ()))
            parts[cidr].append(dataclasses.replace(operation, answer=part))
        for entries in answers.values():
            names.violations.append(f'on no network of the history: {entries[:3]}')
    return parts


def around(partition, verdict):
    """The part of the history where the search came no further."""
    stuck = verdict.stuck.operation
    start = partition.operations[0].begin
    state = verdict.state
    lines = [f'{partition.cidr}: no order explains this answer, times in seconds from the first '
             f'operation on it (at {start} ns)',
             f'  {stuck.describe(start)}',
             f'where the search came furthest, the network is {state.network}, {len(state.ended)} '
             f'allocations have ended, and active are {state.active}']
    for call in verdict.missing:
        lines += ['it must come after this, which does not hold:',
                  f'  {call.operation.describe(start)}']
    lines.append('around it:')
    near = sorted(partition.operations,
                  key=lambda one: abs(one.begin - stuck.begin))[:LINES_AROUND]
    near = set(map(id, near)) | {id(stuck)}
    for operation in partition.operations:
        known = not operation.unknown and id(operation) not in near
        if known or operation.begin > stuck.end:
            continue
        mark = '=>' if operation is stuck else '  '
        lines.append(f'{mark} {operation.describe(start)}')
    return '\n'.join(line if len(line) <= COLUMNS_MAX else line[:COLUMNS_MAX - 1] + '…'
                     for line in lines)


def check_history(operations, configurations_max=linearizability.CONFIGURATIONS_MAX):
    """The Report; it holds violations of every kind, most telling ones first."""
    started = time.monotonic()
    report = Report(operations=len(operations))
    for operation in operations:
        if not operation.expected():
            report.violations.append(f'an answer that must not be:\n  {operation.describe()}')
    operations = [one for one in operations if one.expected()]
    names = history.names_of(operations)
    parts = by_cidr(operations, names)
    report.violations += names.violations
    for cidr, part in parts.items():
        partition = model.Partition(cidr, part, names)
        verdict = linearizability.search(partition.calls, model.EMPTY, configurations_max)
        report.partitions += 1
        report.partition_operations_max = max(report.partition_operations_max,
                                              len(partition.calls))
        report.configurations += verdict.configurations
        report.configurations_max = max(report.configurations_max, verdict.configurations)
        if verdict.kind == linearizability.VIOLATION:
            report.violations.append('not linearizable: ' + around(partition, verdict))
        elif verdict.kind == linearizability.UNDECIDED:
            report.undecided += 1
            report.violations.append(
                f'not decided after {verdict.configurations} configurations: '
                + around(partition, verdict))
    report.violations += history.revision_violations(operations)
    report.seconds = time.monotonic() - started
    return report


def text_of(violations):
    shown = '\n\n'.join(violations[:VIOLATIONS_SHOWN])
    more = len(violations) - VIOLATIONS_SHOWN
    return shown + (f'\n\nand {more} more' if more > 0 else '')


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('history', help='the file that a failed run has kept')
    arguments = parser.parse_args()
    report = check_history(history.read_history(arguments.history))
    if report.violations:
        print(text_of(report.violations))
    print(report.line() + f', {len(report.violations)} violations')
    return 1 if report.violations else 0


if __name__ == '__main__':
    sys.exit(main())
