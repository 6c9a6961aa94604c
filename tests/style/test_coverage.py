#!/usr/bin/env python3
"""Every route and every error of the API stands in docs/coverage.md with a test that shows it.

Checks that table against the route table, the table of errors and the tests: a row for each, each
test that it names exists, and its text speaks of the route or the reason. `--write` writes the table
again: rows that still hold stay as they are, and those that are missing get tests that are found.
"""
import collections
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TABLE = os.path.join(ROOT, 'docs', 'coverage.md')
TESTS_PER_ROW_MAX = 3  # that --write names
# Where tests are looked for, the plainest first.
TEST_FOLDERS = ('tests/unit/api', 'tests/unit/http', 'tests/unit/server', 'tests/unit/cli', 'tests/e2e')

# The routes of the contract (shared/contract.md, with what part B adds), as the route table writes
# them. One that is not served stands in the table as missing; no other row may say so.
CONTRACT = '''
GET networks; POST networks; GET networks/{id}; PATCH networks/{id}; DELETE networks/{id}
GET networks/{id}/stats; GET networks/{id}/children; GET networks/{id}/free
POST networks/{id}/subnets; POST networks/{id}/split; POST networks/merge
GET networks/{id}/reservations; POST networks/{id}/reservations
GET networks/{id}/reservations/{reservation_id}; PATCH networks/{id}/reservations/{reservation_id}
DELETE networks/{id}/reservations/{reservation_id}
GET allocations; POST allocations; GET allocations/{id}; PATCH allocations/{id}
POST allocations/{id}/release; POST allocations/{id}/renew
GET vrfs; POST vrfs; GET vrfs/{id}; PATCH vrfs/{id}; DELETE vrfs/{id}
GET addresses/{id}; GET search; POST transactions; GET watch; POST import; GET export
GET audit; GET audit/verify; GET tokens; POST tokens; DELETE tokens/{id}; GET metrics
GET openapi.json; GET health; GET cluster/status; POST cluster/nodes; DELETE cluster/nodes/{id}
POST cluster/transfer-leader; POST cluster/backup; POST cluster/snapshot
'''


def read(path):
    with open(os.path.join(ROOT, path), encoding='utf-8') as file:
        return file.read()


def routes_served():
    text = read('src/api/route.cpp')
    table = text[text.index('constexpr Route routes[]'):]
    table = table[:table.index('\n};')]
    rows = re.findall(r'\{\s*(?:http::)?(?:Method|M)::(\w+),\s*"/?([^"]*)"', table)
    names = {'delete_': 'DELETE'}
    return [f'{names.get(method, method.upper())} {pattern}' for method, pattern in rows]


def reasons():
    return re.findall(r'ProblemRow\{P::\w+,\s*(\d+),\s*"(\w+)"', read('src/api/problems.cpp'))


# ---- the tests ----
def tests_of_cpp(path, text):
    """(name, text) of each TEST_CASE; helpers before the first one belong to none."""
    starts = list(re.finditer(r'^TEST_CASE\("((?:[^"\\]|\\.)*)"', text, re.M))
    for here, after in zip(starts, starts[1:] + [None]):
        yield here.group(1), text[here.start():after.start() if after else len(text)]


def tests_of_python(path, text):
    """(name, text) of each e2e test, with the functions of its module that it calls."""
    starts = list(re.finditer(r'^(@test\(.*\)\n)?(?:def|class) (\w+)', text, re.M))
    bodies = {here.group(2): text[here.start():after.start() if after else len(text)]
              for here, after in zip(starts, starts[1:] + [None])}
    for here in starts:
        if not here.group(1):
            continue
        used, todo = [], [here.group(2)]
        while todo:
            name = todo.pop()
            if name in used:
                continue
            used.append(name)
            todo += [other for other in bodies if re.search(rf'\b{other}\b', bodies[name])]
        yield here.group(2), ''.join(bodies[name] for name in used)


def all_tests():
    """(file, name) -> text."""
    found = collections.OrderedDict()
    for folder in TEST_FOLDERS:
        for name in sorted(os.listdir(os.path.join(ROOT, folder))):
            path = f'{folder}/{name}'
            split = {'.cpp': tests_of_cpp, '.py': tests_of_python}.get(os.path.splitext(name)[1])
            if split:
                for test, text in split(path, read(path)):
                    found[path, test] = text
    return found


def mentions_route(text, route):
    """The method by one of its names, then the path, with anything for {id} and the like."""
    method, pattern = route.split(' ', 1)
    words = {'GET': 'get|GET|same_on_all', 'POST': 'post|POST', 'PATCH': 'patch|PATCH',
             'DELETE': 'del|delete|delete_|DELETE'}[method]
    begin = rf'\b(?:{words})\b(?:\([\w.]+,)?'
    path = re.sub(r'\\\{\w+\\\}', lambda _: r'[^"\'/?\s]+', re.escape(pattern.strip('/')))
    if not path:  # of the index
        return re.search(begin + r'\(?["\' ](?:/api/v1)?/?["\' ]', text) is not None
    between = r'[^\w]{1,8}(?:f["\'])?(?:/?api/v1)?/?'
    return re.search(begin + between + path + r'(?=["\'?\s])', text) is not None


def mentions_reason(text, reason):
    return re.search(rf'\b{reason}\b', text) is not None


# ---- the table ----
def rows_wanted():
    """what -> (kind, whether a test's text speaks of it); in the order of the table."""
    wanted = collections.OrderedDict()
    served = routes_served()
    contract = [route.strip() for route in re.split(r'[;\n]', CONTRACT) if route.strip()]
    for route in served + [route for route in contract if route not in served]:
        method, pattern = route.split(' ', 1)
        wanted[f'{method} /{pattern}'] = ('route', route, route in served)
    for status, reason in reasons():
        wanted[f'{status} {reason}'] = ('error', reason, True)
    return wanted


def speaks(kind, what, text):
    return mentions_route(text, what) if kind == 'route' else mentions_reason(text, what)


MISSING = 'not there yet'


def rows_there():
    """what -> [(file, test)], or [] for one that is said to be missing; doubled rows raise."""
    rows = collections.OrderedDict()
    if not os.path.exists(TABLE):
        return rows
    for line in read('docs/coverage.md').split('\n'):
        cells = [cell.strip() for cell in line.strip('|').split('|')]
        if not line.startswith('| `') or len(cells) != 2:
            continue
        what = cells[0].strip('`')
        if what in rows:
            raise ValueError(f'two rows for {what}')
        rows[what] = re.findall(r'([\w./]+): “([^”]*)”', cells[1])
    return rows


def problems_of(rows, wanted, tests):
    for what in rows:
        if what not in wanted:
            yield f'{what}: no such route or error'
    for what, (kind, name, served) in wanted.items():
        if what not in rows:
            yield f'{what}: has no row'
        elif served and not rows[what]:
            yield f'{what}: names no test'
        elif not served and rows[what]:
            yield f'{what}: is not served, yet it names tests'
        for test in rows.get(what, []):
            if test not in tests:
                yield f'{what}: there is no test {test[0]}: “{test[1]}”'
            elif not speaks(kind, name, tests[test]):
                yield f'{what}: “{test[1]}” does not speak of it'


def choose(kind, name, tests):
    found = [test for test, text in tests.items() if speaks(kind, name, text)]
    # The test that is about it speaks of it most, for its length; and one of each folder comes before
    # a second one of any, for they show different things.
    word = re.escape(name.split(' ')[-1]).replace(r'\{id\}', r'[^"\'/?\s]+')
    found.sort(key=lambda test: -len(re.findall(word, tests[test])) / (len(tests[test]) + 500))
    first = {}
    for test in found:
        first.setdefault(os.path.dirname(test[0]), test)
    chosen = list(first.values()) + [test for test in found if test not in first.values()]
    return chosen[:TESTS_PER_ROW_MAX]


HEADER = '''# Every route and every error, and the tests that show it

Kept by `tests/style/test_coverage.py`, which fails where a route or an error of the program has no row
here, or where a test that is named does not exist or does not speak of it; `--write` adds what is
missing. Paths are below `/api/v1`. A test of `tests/unit/` is a `TEST_CASE`, one of `tests/e2e/` is run by
`tests/e2e/run.py NAME`. “Not there yet” is a route of the contract that is not served.
'''


def write(wanted, tests):
    rows = rows_there()
    lines = [HEADER]
    for kind, title in (('route', 'Routes'), ('error', 'Errors')):
        lines.append(f'## {title}\n\n| {kind} | tests |\n|---|---|')
        for what, (its_kind, name, served) in wanted.items():
            if its_kind != kind:
                continue
            kept = [test for test in rows.get(what, [])
                    if test in tests and speaks(kind, name, tests[test])]
            shown = (kept or choose(kind, name, tests)) if served else []
            cell = '; '.join(f'{file}: “{test}”' for file, test in shown)
            lines.append(f'| `{what}` | {cell if served else MISSING} |')
        lines.append('')
    with open(TABLE, 'w', encoding='utf-8') as file:
        file.write('\n'.join(lines))


def self_test():
    """The rules find what they are for."""
    good = 'TEST_CASE("a") {\n  get("networks/net-1/stats"); "NETWORK_FULL"\n}\n'
    tests = dict(tests_of_cpp('x', good + 'TEST_CASE("b") {}\n'))
    assert list(tests) == ['a', 'b'] and 'stats' not in tests['b']
    assert mentions_route(tests['a'], 'GET networks/{id}/stats')
    assert not mentions_route(tests['a'], 'GET networks/{id}')
    assert not mentions_route(tests['a'], 'POST networks/{id}/stats')
    assert mentions_reason(tests['a'], 'NETWORK_FULL') and not mentions_reason(tests['a'], 'FULL')
    called = dict(tests_of_python('x', 'def h():\n  "/vrfs"\n\n@test(3)\ndef t(env):\n  h()\n'))
    assert list(called) == ['t'] and '/vrfs' in called['t']
    wanted = {'GET /a': ('route', 'GET a', True), 'GET /b': ('route', 'GET b', False)}
    shown = {('f', 't'): 'get("/a")'}
    assert not list(problems_of({'GET /a': [('f', 't')], 'GET /b': []}, wanted, shown))
    for broken in ({'GET /b': []}, {'GET /a': [], 'GET /b': []},
                   {'GET /a': [('f', 'u')], 'GET /b': []},
                   {'GET /a': [('f', 't')], 'GET /b': [('f', 't')]},
                   {'GET /a': [('f', 't')], 'GET /b': [], 'GET /c': []}):
        assert list(problems_of(broken, wanted, shown)), broken


def main():
    self_test()
    wanted, tests = rows_wanted(), all_tests()
    if not routes_served() or not reasons():
        print('coverage: the tables of routes and errors are not where they were')
        return 1
    if '--write' in sys.argv[1:]:
        write(wanted, tests)
    found = list(problems_of(rows_there(), wanted, tests))
    for problem in found:
        print(f'docs/coverage.md: {problem}')
    missing = sum(not served for _, _, served in wanted.values())
    print(f'{len(wanted)} rows, {len(tests)} tests, {missing} routes of the contract not there yet, '
          f'{len(found)} violations')
    if found:
        print('tests/style/test_coverage.py --write adds the rows that are missing')
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
