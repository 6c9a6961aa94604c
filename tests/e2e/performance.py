"""docs/performance.md: its commands, and that its tables and plots come out of a measurement."""
import json
import os
import re
import shutil
import sys
from xml.etree import ElementTree

from documents import commands_in
from harness import ROOT, Skip, check, check_equal, test

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', '..', 'tools', 'bench'))
from results import number  # noqa: E402

DOCUMENT = 'docs/performance.md'
BENCH = os.path.join(ROOT, 'build', 'tools', 'bench')

# Which test runs them; hours of measurement run nowhere, and a part of them below.
ELSEWHERE = {
    'scripts/bench.sh --all --json results.json': 'performance_document, a part',
    'scripts/bench.sh --document results.json': 'performance_document, by what it calls',
    'build/tools/bench guard --ipam build/src/server/ipam': 'scripts/test.sh, speed guard',
    'build/tools/bench guard --ipam build/src/server/ipam --burden 40':
        'scripts/test.sh, speed canary',
}


@test()
def performance_document(env):
    if not os.path.exists(BENCH):
        raise Skip('build/tools/bench is not built')
    commands = [command.partition('#')[0].strip() for command in commands_in(DOCUMENT)]
    check_equal(commands, list(ELSEWHERE), f'commands of {DOCUMENT}')
    env.run([BENCH, 'writes', '--ipam', env.binary, '--etcd', 'none', '--folder', env.directory,
             '--clients', '1,64', '--seconds', '1', '--rounds', '2', '--commit', 'abc123',
             '--json', env.path('results.json')])
    with open(env.path('results.json'), encoding='utf-8') as file:
        results = json.load(file)
    check_equal(results['commit'], 'abc123', 'commit')
    check(results['machine']['fdatasync']['growing']['p50_us'] > 0, 'no time of an fdatasync')
    check_equal(len(results['results']), 4, 'results of two places and two numbers of clients')
    for result in results['results']:
        check_equal(len(result['rates']), 2, 'rounds')
        for role in ('leader/io', 'leader/raft.db', 'leader/state.db', 'follower/io', 'generator'):
            check(result['cpu_us'][role] > 0, f'no processor time of {role}: {result}')
    document = env.path('performance.md')
    shutil.copy(os.path.join(ROOT, DOCUMENT), document)
    for script, *options in (('results.py', '--write', document),
                             ('plots.py', '--into', env.path('plots'))):
        env.run(['python3', os.path.join(ROOT, 'tools/bench', script), env.path('results.json'),
                 *options])
    with open(document, encoding='utf-8') as file:
        text = file.read()
    measured = next(result['cpu_us']['all'] for result in results['results']
                    if result['work'] == 'allocate, 64 connections')
    check(f'| an allocation at the leader | {number(measured)} |' in text, text)
    runs = text.partition('<!-- runs: begin -->')[2].partition('<!-- runs: end -->')[0]
    check_equal(len(re.findall(', commit ', runs)), 1, 'runs that the document names')
    check(', commit abc123:' in runs, runs)
    drawn = sorted(os.listdir(env.path('plots')))
    check_equal(drawn, ['latency-1.svg', 'latency-64.svg', 'writes-follower.svg',
                        'writes-leader.svg'], 'plots')
    for name in drawn:
        ElementTree.parse(env.path('plots', name))
