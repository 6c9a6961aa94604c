#!/usr/bin/env python3
"""Builds and runs all tests of ipam; scripts/test.sh calls it after the set-up.

Each test of Meson, each fuzzer, the style test, the history checker's own tests and each end-to-end
test counts as one. The last line is "N passed, N failed"; the exit code is 1 if anything failed.
"""
import argparse
import glob
import itertools
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOGS = os.path.join(ROOT, 'build-logs')
FUZZ_SECONDS = 10
STEP_SECONDS_MAX = 2700
TAIL_LINES = 40

# Where threads meet: the shell of the node, its storage and peers, state.db, the server.
TSAN_FOLDERS = ('raft_node', 'raft_storage', 'raft_transport', 'state', 'http', 'server')
# Real processes with the sanitizers in them: those end-to-end tests that reach most of the code.
ASAN_E2E = ('standalone_cli_without_a_server', 'bad_requests', 'cluster_survives_a_killed_leader')

# All threads of a node together, under load.
TSAN_E2E = ('standalone_cli_with_a_server', 'cluster_survives_a_killed_leader')

# Bugs of storage, driver and replica that die within some 20 seeds; the others take minutes each.
NODE_MUTANTS = ('answers_before_write', 'messages_before_write', 'commit_without_sync',
                'failed_write_is_retried', 'open_believes_page_cache', 'cut_without_state',
                'durable_before_commit', 'side_file_not_written', 'side_file_before_commit',
                'position_in_own_transaction', 'hard_state_not_written', 'key_is_dropped',
                'keys_not_loaded')

# Ten clusters of different sizes, whose traces do not depend on the compiler.
HASH_SEEDS = range(1, 11)

SANITIZER_OPTIONS = {
    'ASAN_OPTIONS': 'detect_stack_use_after_return=1:strict_string_checks=1',
    'UBSAN_OPTIONS': 'halt_on_error=1:print_stacktrace=1',
    'TSAN_OPTIONS': 'halt_on_error=1:second_deadlock_stack=1',
}


def say(line):
    print(line, flush=True)


class Run:
    def __init__(self, only):
        self.only = re.compile(only) if only else None
        self.passed = 0
        self.failed = []  # names

    def wants(self, name):
        return self.only is None or self.only.search(name) is not None

    def record(self, name, ok, seconds, log_tail='', replay=''):
        say(f'== {name} … {"ok" if ok else "FAILED"} ({seconds:.0f} s)')
        if ok:
            self.passed += 1
            return
        self.failed.append(name)
        for line in log_tail.rstrip().split('\n')[-TAIL_LINES:]:
            say(f'   | {line}')
        if replay:
            say(f'   again: {replay}')


def shell(command):
    return ' '.join(shlex.quote(word) for word in command)


def execute(name, command, env=None):
    """Runs the command with its output in a log file: (ok, seconds, output)."""
    os.makedirs(LOGS, exist_ok=True)
    path = os.path.join(LOGS, re.sub(r'[^\w.-]+', '_', name) + '.log')
    started = time.monotonic()
    with open(path, 'wb') as log:
        try:
            code = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log,
                                  stderr=subprocess.STDOUT, timeout=STEP_SECONDS_MAX,
                                  env={**os.environ, **SANITIZER_OPTIONS, **(env or {})}).returncode
        except subprocess.TimeoutExpired:
            log.write(f'\nstopped after {STEP_SECONDS_MAX} s\n'.encode())
            code = -1
    with open(path, encoding='utf-8', errors='replace') as log:
        return code == 0, time.monotonic() - started, log.read()


# ---- builds ----
def configure(run, build, options):
    """A clang build directory with sanitizers."""
    if os.path.exists(os.path.join(ROOT, build, 'build.ninja')):
        return True
    command = ['meson', 'setup', build, '-Db_lundef=false', '-Dportable=false',
               '-Dbuildtype=plain', '-Doptimization=1', *options]
    env = {'CC': 'clang-19', 'CXX': 'clang++-19', 'CXX_LD': os.environ.get('CXX_LD', 'lld')}
    if subprocess.run(['which', 'mold'], capture_output=True).returncode == 0:
        env['CXX_LD'] = 'mold'
    ok, seconds, output = execute(f'configure {build}', command, env)
    if not ok:
        run.record(f'configure {build}', False, seconds, output, shell(command))
    return ok


def compile_with(run, name, command):
    """A build takes minutes: on a terminal, ninja shows how far it is."""
    say(f'== {name} …')
    if sys.stdout.isatty():
        started = time.monotonic()
        ok = subprocess.run(command, cwd=ROOT).returncode == 0
        seconds, output = time.monotonic() - started, '(see above)'
    else:
        ok, seconds, output = execute(name, command)
    run.record(name, ok, seconds, output, shell(command))
    return ok


def compile_targets(run, build, targets):
    return compile_with(run, f'build {build}', ['ninja', '-C', build, *targets])


def introspect(build, what):
    output = subprocess.run(['meson', 'introspect', build, what], cwd=ROOT, capture_output=True,
                            check=True, text=True).stdout
    return json.loads(output)


def executable_of(build, test):
    return os.path.relpath(test['cmd'][0], os.path.join(ROOT, build))


# ---- steps ----
def meson_tests(run, kind, build, wanted=lambda test: True, slower=1):
    """Runs the tests of a build directory whose executables are built; one line each."""
    names = [test['name'] for test in introspect(build, '--tests')
             if wanted(test) and run.wants(f'{kind} {test["name"]}')]
    if not names:
        return
    log = os.path.join(ROOT, build, 'meson-logs', 'testlog.json')
    if os.path.exists(log):
        os.remove(log)
    execute(f'{kind} tests', ['meson', 'test', '-C', build, '--no-rebuild',
                              '--timeout-multiplier', str(slower), *names])
    results = {}
    if os.path.exists(log):
        with open(log, encoding='utf-8') as file:
            for line in file:
                result = json.loads(line)
                results[result['name'].split(' / ')[-1]] = result
    for name in names:
        result = results.get(name)
        replay = shell(['meson', 'test', '-C', build, '-v', name])
        if result is None:
            run.record(f'{kind} {name}', False, 0, 'did not run; see build-logs', replay)
            continue
        text = result.get('stdout', '') + result.get('stderr', '')
        run.record(f'{kind} {name}', result['result'] in ('OK', 'SKIP', 'EXPECTEDFAIL'),
                   result.get('duration', 0), f'{text}\n({result["result"]})', replay)


def script(run, name, path):
    if run.wants(name):
        command = ['python3', path]
        ok, seconds, output = execute(name, command)
        if ok and output.startswith('skipped: '):
            say(f'== {name} … {output.strip()} ({seconds:.0f} s)')
        else:
            run.record(name, ok, seconds, output, shell(command))


def sanitized(run):
    """AddressSanitizer and UBSan over all unit tests and the simulation; the fuzzers' build too."""
    build = 'build-asan'
    # What is found ends the process in any case (SANITIZER_OPTIONS): code to go on afterwards would
    # only take the compiler's time.
    if not configure(run, build, ['-Db_sanitize=address,undefined', '-Dfuzz=true',
                                  '-Dcpp_args=-g1 -fno-omit-frame-pointer '
                                  '-fno-sanitize-recover=all']):
        return False
    tests = introspect(build, '--tests')
    fuzzers = [target for target in introspect(build, '--targets')
               if target['type'] == 'executable' and target['name'].startswith('fuzz_')]
    paths = {executable_of(build, test) for test in tests}
    paths |= {os.path.relpath(target['filename'][0], os.path.join(ROOT, build))
              for target in fuzzers}
    if not compile_targets(run, build, sorted(paths) + ['src/server/ipam', 'tools/trace_hash']):
        return False
    meson_tests(run, 'asan', build, slower=10)
    trace_hashes(run, build)
    end_to_end(run, 'asan e2e', binary=f'{build}/src/server/ipam', among=ASAN_E2E)
    return True


def fuzz_canary(run):
    """A fuzzer whose bug must be found, or the others prove nothing."""
    if not run.wants('fuzz canary'):
        return
    command = ['build-asan/tests/fuzz/fuzz_canary', '-max_total_time=60',
               f'-artifact_prefix={LOGS}/canary-']
    ok, seconds, output = execute('fuzz canary', command)
    found = not ok and 'heap-use-after-free' in output
    run.record('fuzz canary', found, seconds, 'its bug was not found\n' + output, shell(command))


def fuzz(run):
    """A short run of each fuzzer, from its corpus. What it finds is kept and named."""
    fuzz_canary(run)
    for path in sorted(glob.glob(os.path.join(ROOT, 'build-asan/tests/fuzz/fuzz_*'))):
        target = os.path.basename(path)
        name = target.removeprefix('fuzz_')
        if name == 'canary':
            continue
        if not os.access(path, os.X_OK) or os.path.isdir(path) or not run.wants(f'fuzz {name}'):
            continue
        corpus = f'tests/fuzz/corpus/{name}'
        with tempfile.TemporaryDirectory() as scratch:
            command = [os.path.relpath(path, ROOT), f'-max_total_time={FUZZ_SECONDS}',
                       '-rss_limit_mb=4096', f'-artifact_prefix={LOGS}/{name}-', scratch, corpus]
            ok, seconds, output = execute(f'fuzz {name}', command)
        found = re.search(r'Test unit written to (\S+)', output)
        replay = shell([command[0], found.group(1)]) if found else shell([*command[:-2], corpus])
        run.record(f'fuzz {name}', ok, seconds, output, replay)


def proof(run):
    """A selection of the simulations: seeds without a violation, and mutants that must be killed.
    Longer runs: tests/simulation/README.md."""
    tools = {
        'simulate core': ['simulate', '--seeds', '1-500', '--jobs', '2'],
        'simulate nodes': ['simulate', '--level', 'node', '--seeds', '1-40', '--jobs', '2'],
        'mutants core': ['mutants', '--seeds', '500'],
        'mutants nodes': ['mutants', '--level', 'node', '--seeds', '60', *NODE_MUTANTS],
    }
    for name, (tool, *arguments) in tools.items():
        if not run.wants(name):
            continue
        command = [f'build/tools/{tool}', *arguments]
        ok, seconds, output = execute(name, command)
        run.record(name, ok, seconds, output, shell(command))


def speed(run):
    """What a request costs as a multiple of the bare server's answer in the same run. With a burden
    the guard has to fail, or it proves nothing."""
    command = ['build/tools/bench', 'guard', '--ipam', 'build/src/server/ipam']
    if run.wants('speed guard'):
        ok, seconds, output = execute('speed guard', command)
        run.record('speed guard', ok, seconds, output, shell(command))
    if run.wants('speed canary'):
        ok, seconds, output = execute('speed canary', [*command, '--burden', '40'])
        is_above = not ok and output.count('ABOVE ITS BOUND') == 2
        run.record('speed canary', is_above, seconds, 'it passed under a burden\n' + output,
                   shell([*command, '--burden', '40']))


def trace_hashes(run, build):
    """A seed is the same run, to the message, in the g++ build and in a clang build."""
    for level, minutes in (('core', 5), ('node', 1)):
        name = f'asan trace hashes {level}'
        if not run.wants(name):
            continue
        started = time.monotonic()
        arguments = [level, str(minutes), str(HASH_SEEDS[0]), str(HASH_SEEDS[-1])]
        found = []
        for folder in ('build', build):
            _, _, output = execute(f'{name} {folder}', [f'{folder}/tools/trace_hash', *arguments])
            found.append(output.rstrip().split('\n'))
        differing = [f'build: {ours}\n{build}: {theirs}\n'
                     + shell(['FOLDER/tools/trace_hash', *arguments])
                     for ours, theirs in itertools.zip_longest(*found, fillvalue='nothing')
                     if ours != theirs or not re.fullmatch(r'seed=\d+ events=\d+ trace_hash=\w+',
                                                           ours)]
        if len(found[0]) != len(HASH_SEEDS):
            differing.append(f'{len(found[0])} lines')
        run.record(name, not differing, time.monotonic() - started, '\n'.join(differing))


def thread_sanitized(run):
    build = 'build-tsan'
    if not configure(run, build, ['-Db_sanitize=thread', '-Dcpp_args=-g1']):
        return

    def threaded(test):
        return os.path.basename(os.path.dirname(test['cmd'][0])) in TSAN_FOLDERS

    targets = sorted({executable_of(build, test) for test in introspect(build, '--tests')
                      if threaded(test)})
    if targets and compile_targets(run, build, targets + ['src/server/ipam']):
        meson_tests(run, 'tsan', build, threaded, slower=15)
        end_to_end(run, 'tsan e2e', binary=f'{build}/src/server/ipam', among=TSAN_E2E)


def end_to_end(run, kind='e2e', binary=None, among=None):
    """tests/e2e/run.py, its lines passed on as they come."""
    base = ['python3', 'tests/e2e/run.py', *(['--binary', binary] if binary else [])]
    listed = subprocess.run([*base, '--list'], cwd=ROOT, capture_output=True, text=True, check=True)
    names = [name for name in listed.stdout.split() if run.wants(f'{kind} {name}')
             and (among is None or name in among)]
    if not names:
        return
    process = subprocess.Popen([*base, *names], cwd=ROOT, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               errors='replace', env={**os.environ, **SANITIZER_OPTIONS})
    reported = set()
    for line in process.stdout:
        line = line.rstrip('\n')
        result = re.fullmatch(r'(ok|FAILED|skipped) (\w+) \(([\d.]+) s\)(.*)', line)
        if result:
            word, name, seconds, rest = result.groups()
            reported.add(name)
            say(f'== {kind} {name} … {word} ({float(seconds):.0f} s){rest}')
            if word == 'ok':
                run.passed += 1
            elif word == 'FAILED':
                run.failed.append(f'{kind} {name}')
        elif not re.fullmatch(r'\d+ passed, \d+ failed.*', line):
            say(f'   | {line}')
    process.wait()
    for name in set(names) - reported:
        run.record(f'{kind} {name}', False, 0, 'did not run', shell([*base, name]))


def main():
    parser = argparse.ArgumentParser(
        prog='scripts/test.sh', description='Sets up, builds and runs all tests.')
    parser.add_argument('--quick', action='store_true', help='without sanitizers and fuzzing')
    parser.add_argument('--only', metavar='PATTERN',
                        help='only tests whose name (such as "test base", "asan base", "tsan '
                             'state", "fuzz cidr", "style", "e2e nginx") has this regular '
                             'expression in it')
    arguments = parser.parse_args()
    os.makedirs(LOGS, exist_ok=True)
    run = Run(arguments.only)
    started = time.monotonic()

    ok = compile_with(run, 'build', ['scripts/build.sh', 'build', 'all'])
    script(run, 'style', 'tests/style/test_style.py')
    script(run, 'coverage of the API', 'tests/style/test_coverage.py')
    script(run, 'table of limits', 'tests/style/test_limits.py')
    script(run, 'history checker', 'tests/e2e/torture/test_checker.py')
    if ok:
        meson_tests(run, 'test', 'build')
        script(run, 'openapi validator', 'tests/openapi/validate.py')
    script(run, 'kubernetes types', 'tests/kubernetes/validate.py')
    if ok:
        proof(run)
        speed(run)
        end_to_end(run)
    if not arguments.quick:
        kinds = arguments.only is None
        if kinds or re.search(r'asan|fuzz', arguments.only):
            if sanitized(run):
                fuzz(run)
        if kinds or 'tsan' in arguments.only:
            thread_sanitized(run)

    if run.failed:
        say('failed: ' + ', '.join(run.failed))
    say(f'took {time.monotonic() - started:.0f} s; logs in {os.path.relpath(LOGS, ROOT)}')
    say(f'{run.passed} passed, {len(run.failed)} failed')
    return 1 if run.failed or not run.passed else 0


if __name__ == '__main__':
    sys.exit(main())
