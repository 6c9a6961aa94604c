#!/usr/bin/env python3
"""A validator that is not ours reads the OpenAPI document of a running server.

The validator comes from the npm registry into a temporary folder, at a fixed version. Where the
registry cannot be reached the last line says "skipped: " and why; nothing has been checked then.
"""
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'tests', 'e2e'))
import harness  # noqa: E402
from standalone import start_server  # noqa: E402

VALIDATOR = '@seriousme/openapi-schema-validator@2.11.0'
INSTALL_SECONDS_MAX = 60


def install(env):
    """Empty, or why there is no validator."""
    if not shutil.which('npm'):
        sys.exit('npm is missing: scripts/setup.sh test installs it')
    try:
        done = env.run(['npm', 'install', '--no-save', '--no-package-lock', '--no-audit',
                        '--no-fund', '--prefix', env.directory, VALIDATOR], expect=None,
                       seconds_max=INSTALL_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        return f'the npm registry did not answer within {INSTALL_SECONDS_MAX} s'
    return '' if done.returncode == 0 else f'npm cannot install it: {done.stderr.strip()[-300:]}'


def main():
    binary = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, 'ipam')
    env = harness.Environment('openapi', os.path.realpath(binary))
    try:
        missing = install(env)
        if missing:
            print(f'skipped: {missing}')
            return
        _, client = start_server(env)
        for name, change in (('openapi', lambda text: text),
                             ('canary', lambda text: text.replace(b'"responses"', b'"answers"', 1))):
            with open(env.path(f'{name}.json'), 'wb') as file:
                file.write(change(client.get('/openapi.json').body))
            done = subprocess.run([env.path('node_modules', '.bin', 'validate-api'),
                                   env.path(f'{name}.json')], capture_output=True, text=True)
            if (done.returncode == 0) != (name == 'openapi'):
                sys.exit(f'{name}.json: exit code {done.returncode}\n{done.stdout}{done.stderr}')
            print(f'{name}.json: ' + ('accepted' if done.returncode == 0 else 'refused, as it must'))
    finally:
        env.end_processes()
        env.remove()


if __name__ == '__main__':
    main()
