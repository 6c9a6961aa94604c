#!/usr/bin/env python3
"""Runs the end-to-end tests: `run.py [NAME...]`, all of them without a name.

Where it may, it first moves into a network namespace of its own, in which every port is free, so
that tests neither disturb nor are disturbed by anything else on the machine.
"""
import argparse
import importlib
import os
import re
import signal
import subprocess
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402

MODULES = ('guide', 'guide_hosts', 'cluster', 'membership', 'standalone', 'bad_input',
           'cluster_script', 'balancers', 'openapi', 'watch', 'contest', 'leases', 'restarts',
           'drills', 'rolling', 'disks', 'shells', 'packaging', 'reference', 'documents',
           'importing', 'monitoring', 'security', 'tls', 'peers', 'garbage', 'scale', 'throughput',
           'performance', 'torture.run')


def enter_private_network():
    """Runs this program again in a network and mount namespace of its own, if that can be had."""
    if 'IPAM_E2E_PRIVATE' in os.environ:
        if os.environ['IPAM_E2E_PRIVATE'] == '1':
            subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
        return
    for options in (['-n', '-m'], ['-r', '-n', '-m']):
        probe = ['unshare', *options, 'ip', 'link', 'set', 'lo', 'up']
        try:
            possible = subprocess.run(probe, capture_output=True).returncode == 0
        except OSError:  # no unshare, no ip
            possible = False
        if possible:
            os.environ['IPAM_E2E_PRIVATE'] = '1'
            os.execvp('unshare', ['unshare', *options, sys.executable, os.path.abspath(__file__),
                                  *sys.argv[1:]])
    os.environ['IPAM_E2E_PRIVATE'] = '0'


def run_one(test, arguments):
    """'ok', 'FAILED' or 'skipped'; prints the line and, on failure, what helps."""
    env = harness.Environment(test.name, arguments.binary, arguments.full)
    if arguments.seed is not None:
        env.seed = arguments.seed
    env.seconds, env.nodes = arguments.seconds, arguments.nodes
    started = time.monotonic()
    seconds_max = test.seconds_max * (10 if arguments.full else 1) + 2 * (arguments.seconds or 0)

    def too_long(*_):
        raise AssertionError(f'took longer than {seconds_max} s')

    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(seconds_max)
    failure, reason, outcome = None, '', 'ok'
    try:
        test.function(env)
    except harness.Skip as skip:
        outcome, reason = 'skipped', f': {skip}'
    except Exception:
        outcome, failure = 'FAILED', traceback.format_exc()
    except KeyboardInterrupt:
        env.end_processes()
        if not arguments.keep:
            env.remove()
        raise
    finally:
        signal.alarm(0)
    if outcome == 'ok' and env.notes:
        reason = ': ' + '; '.join(env.notes)
    print(f'{outcome} {test.name} ({time.monotonic() - started:.1f} s){reason}', flush=True)
    if failure:
        print('  ' + failure.rstrip().replace('\n', '\n  '))
        env.print_logs(print)
    env.end_processes()
    if failure or arguments.keep:
        print(f'  kept: {env.directory}')
    if failure:
        options = ''.join(f' --{name} {value}' for name, value in
                          (('seconds', env.seconds), ('nodes', env.nodes)) if value is not None)
        full = ' --full' if env.full else ''
        print(f'  again: tests/e2e/run.py --seed {env.seed}{options}{full} {test.name}', flush=True)
    if not failure and not arguments.keep:
        env.remove()
    return outcome


def interrupted(*_):
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('names', nargs='*', metavar='NAME', help='a test, or part of its name')
    parser.add_argument('--list', action='store_true', help='print the names and do nothing')
    parser.add_argument('--full', action='store_true',
                        help="the real sizes (7,500 networks, 20,000 allocations, ten kills)")
    parser.add_argument('--keep', action='store_true', help='keep the folders of passed tests too')
    parser.add_argument('--seed', type=int, help='of the random choices; a failure prints it')
    parser.add_argument('--seconds', type=int,
                        help='of faults in the test torture (60; 600 if full)')
    parser.add_argument('--nodes', type=int, help='in the test torture (3)')
    parser.add_argument('--binary', default=os.path.join(harness.ROOT, 'build/src/server/ipam'))
    arguments = parser.parse_args()
    arguments.binary = os.path.abspath(arguments.binary)

    for module in MODULES:
        importlib.import_module(module)
    tests = harness.TESTS
    if arguments.list:
        print('\n'.join(test.name for test in tests))
        return 0
    if arguments.names:
        exact = {test.name for test in tests}
        tests = [test for test in tests if any(
            name == test.name if name in exact else re.search(name, test.name)
            for name in arguments.names)]
        if not tests:
            print('no such test; see run.py --list', file=sys.stderr)
            return 2
    if not os.access(arguments.binary, os.X_OK):
        print(f'{arguments.binary} is not there; build it with scripts/build.sh', file=sys.stderr)
        return 2

    enter_private_network()
    signal.signal(signal.SIGTERM, interrupted)
    outcomes = [run_one(test, arguments) for test in tests]
    passed, failed, skipped = (outcomes.count(word) for word in ('ok', 'FAILED', 'skipped'))
    print(f'{passed} passed, {failed} failed' + (f', {skipped} skipped' if skipped else ''))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
