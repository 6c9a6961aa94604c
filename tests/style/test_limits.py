#!/usr/bin/env python3
"""docs/limits.md has every limit of the program, with the default that it has.

Each row names a constant: the value there must be the one of the row, and an option must be one of
settings.cpp that sets this constant. The constants of the files of limits must all have a row.
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TABLE = 'docs/limits.md'
# Files that hold limits, and which of their constants are some: each needs a row.
FILES = {
    'src/http/limits.hpp': r'\w+(?:_max|_min|_timeout)',
    'src/ipam/model.hpp': r'\w+_max',
    'src/ipam/decision.hpp': r'\w+_max',
    'src/api/request_rate.hpp': r'\w+_max',
    'src/api/failed_attempts.hpp': r'\w+_max',
    'src/api/json.hpp': r'\w+_max',
    'src/api/pages.hpp': r'\w+_max',
    'src/api/list_reader.hpp': r'\w+_max',
    'src/api/past_plan.hpp': r'\w+_max',
    'src/api/watch_hub.hpp': r'\w+_max',
    'src/state/state_store.hpp': r'\w+_max',
    'src/transfer/reader.hpp': r'\w+_max',
    'raft/node/driver.hpp': r'\w+queue_max',
    'raft/core/node.hpp': r'(?:uncommitted_bytes|reads)_max',
    'raft/core/progress.hpp': r'\w+_max',
    'raft/core/configuration.hpp': r'\w+_max',
    'raft/transport/limits.hpp': r'\w+(?:_max|(?:dial|handshake|write|silence)_timeout)',
    'raft/transport/handshake.hpp': r'\w+_bytes_max',
    'raft/transport/frame.hpp': r'\w+_bytes_max',
}
# No limit of what somebody may do.
EXEMPT = {'time_ms_max', 'data_bytes_max', 'reconnect_delay_max', 'id_bytes_max',
          'rfc3339_bytes_max'}

UNITS = {'': 1, 'bytes': 1, 'KiB': 1 << 10, 'MiB': 1 << 20, 'GiB': 1 << 30, 's': 1000,
         'min': 60_000, 'day': 86_400_000, 'days': 86_400_000}
# A definition: "name = value" or "name{value}", of a member or a constant.
DEFINITION = r'^[^/\n]*\b({name})\s*(?:=\s*([^;{{}}]+)|\{{([^;{{}}]+)\}});'
ROW = re.compile(r'^\| (?P<what>[^|]+) \| (?P<value>[^|]+) \| (?P<option>[^|]*)\|[^|]*\|[^|]*\| '
                 r'`(?P<file>[^`]+)`: `(?P<name>\w+)` \|$')


def read(path):
    with open(os.path.join(ROOT, path), encoding='utf-8') as file:
        return file.read()


def number(expression):
    """Of C++: digits, quotes in them, suffixes, and + - * <<."""
    plain = re.sub(r"(?<=\d)'(?=\d)", '', expression.strip())
    plain = re.sub(r'\b(\d+)(?:ull|ULL|u|U)\b', r'\1', plain)
    if not re.fullmatch(r'[\d\s+*<()-]+', plain):
        return None
    return eval(plain, {'__builtins__': {}})  # digits and operators alone


def definitions(text, pattern):
    """Name -> value, times in milliseconds."""
    found = {}
    for match in re.finditer(DEFINITION.format(name=pattern), text, re.M):
        name, value = match[1], number(match[2] or match[3])
        if value is None:
            continue
        if name.endswith(('_seconds', '_seconds_max', '_seconds_default')):
            value *= 1000
        if name.endswith('_days'):
            value *= 86_400_000
        found[name] = value
    return found


def value_of(text):
    match = re.fullmatch(r'([\d,]+)(?: (\w+))?(?: \(\w+\))?', text)
    if not match or (match[2] or '') not in UNITS:
        return None
    return int(match[1].replace(',', '')) * UNITS[match[2] or '']


def settings():
    """Option -> the text of its row in the table of settings."""
    text = read('src/server/settings.cpp')
    rows = re.split(r'\{\.option = "', text)[1:]
    return {row[:row.index('"')]: row for row in rows}


def main():
    problems = []
    rows = [(line, ROW.match(line)) for line in read(TABLE).split('\n') if line.startswith('|')]
    known = settings()
    seen = set()
    for line, row in rows[2:]:
        if not row:
            problems.append(f'not a row of a limit: {line[:90]}')
            continue
        name = row['name']
        seen.add((row['file'], name))
        found = definitions(read(row['file']), name).get(name)
        if found is None:
            problems.append(f'{row["file"]} defines no {name}')
        elif found != value_of(row['value'].strip()):
            problems.append(f'{name} is {found}, not {row["value"]}')
        option = row['option'].strip().strip('`').removeprefix('--')
        if option and option not in known:
            problems.append(f'there is no --{option}')
        member = name.removesuffix('_default')
        if option and not re.search(rf'::{member}\b', known.get(option, member)):
            problems.append(f'--{option} does not set {name}')
    for file, pattern in FILES.items():
        for name in definitions(read(file), pattern):
            if name not in EXEMPT and (file, name) not in seen:
                problems.append(f'{name} of {file} has no row')
    for option, row in known.items():
        if 'http_limit(' in row or 'http_timeout(' in row:
            if f'`--{option}`' not in read(TABLE):
                problems.append(f'--{option} has no row')
    for problem in problems:
        print(f'{TABLE}: {problem}')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
