"""The Debian package that scripts/package.sh makes, and the systemd units in it."""
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess

from harness import ROOT, Skip, check, check_equal, free_port, test, wait_until

EXPOSURE_MAX = '20'  # of systemd-analyze security: 2.0 of 10
UNITS = ('ipam.service', 'ipam-cluster@.service')


def made(env, name):
    if not shutil.which('dpkg-shlibdeps'):
        raise Skip('dpkg-dev is not installed')
    done = env.run([os.path.join(ROOT, 'scripts/package.sh'), '--binary', env.path('ipam'),
                    env.path(name)], seconds_max=300, cwd=ROOT)
    return done.stdout.strip()


def files_below(folder):
    return sorted(os.path.relpath(os.path.join(parent, name), folder)
                  for parent, _, names in os.walk(folder) for name in names)


@test(600)
def debian_package(env):
    package = made(env, 'one')
    with open(package, 'rb') as one, open(made(env, 'other'), 'rb') as other:
        check(hashlib.sha256(one.read()).digest() == hashlib.sha256(other.read()).digest(),
              'two packages of the same binary differ')
    tree, control = env.path('tree'), env.path('control')
    env.run(['dpkg-deb', '-x', package, tree])
    env.run(['dpkg-deb', '-e', package, control])
    env.run(['md5sum', '--quiet', '-c', os.path.join(control, 'md5sums')], cwd=tree)

    version = env.ipam('version').stdout
    check_equal(env.run([os.path.join(tree, 'usr/bin/ipam'), '--version']).stdout, version,
                'version of the binary in the package')
    fields = subprocess.run(['dpkg-deb', '-f', package], capture_output=True, text=True,
                            check=True).stdout
    check(f'\nVersion: {version.split()[1]}\n' in fields, fields)
    check(re.search(r'\nDepends: .*libc6 \(>= ', fields), fields)

    commands = json.loads(env.ipam('man', '--output', 'json').stdout)['commands']
    wanted = {f'usr/share/man/man1/{page}.1.gz'
              for page in ['ipam', *(command['page'] for command in commands)]}
    wanted |= {'usr/bin/ipam', 'etc/ipam/ipam.env', 'usr/share/doc/ipam/copyright',
               'usr/share/doc/ipam/changelog.gz', 'usr/share/doc/ipam/docs/operations.md',
               'usr/share/doc/ipam/examples/haproxy/haproxy.cfg',
               'usr/share/bash-completion/completions/ipam',
               'usr/share/zsh/vendor-completions/_ipam',
               'usr/share/fish/vendor_completions.d/ipam.fish',
               *(f'lib/systemd/system/{unit}' for unit in UNITS)}
    found = files_below(tree)
    check_equal(wanted - set(found), set(), 'missing in the package')
    with gzip.open(os.path.join(tree, 'usr/share/man/man1/ipam-network-add.1.gz'), 'rt') as page:
        check_equal(page.read(), env.ipam('man', 'network', 'add').stdout, 'a man page')
    with open(os.path.join(control, 'conffiles'), encoding='ascii') as file:
        check_equal(file.read(), '/etc/ipam/ipam.env\n', 'conffiles')
    for script in ('postinst', 'prerm', 'postrm'):
        env.run(['sh', '-n', os.path.join(control, script)])
    starts_with_its_settings(env, tree)
    if shutil.which('lintian'):
        # The maintainer's address is whoever's builds it, in IPAM_MAINTAINER.
        tags = 'bogus-mail-host,bogus-mail-host-in-debian-changelog'
        complaints = env.run(['lintian', '--allow-root', '--suppress-tags', tags, package],
                             seconds_max=300, expect=None).stdout
        check_equal(complaints, '', 'what lintian says')
    env.notes.append(f'{len(found)} files, {os.path.getsize(package)} bytes')


def starts_with_its_settings(env, tree):
    """Each line of ipam.env, switched on, is a setting with its default; and the server of the
    package starts with them."""
    settings = {}
    with open(os.path.join(tree, 'etc/ipam/ipam.env'), encoding='utf-8') as file:
        for line in file:
            match = re.fullmatch(r'#(IPAM_[A-Z_]+)=(.*)\n', line)
            if match and match[2]:
                settings[match[1]] = match[2]
    check(len(settings) >= 8, f'only {settings} in ipam.env')
    environment = {**env.variables, **settings, 'HOME': env.directory}
    shown = env.run([os.path.join(tree, 'usr/bin/ipam'), 'server', '--explain-config', '--output',
                     'json'], env=environment).stdout
    for row in json.loads(shown)['settings']:
        if row['variable'] in settings:
            check_equal((row['value'], row['source']), (row['default'], 'environment'),
                        row['variable'])
    port = free_port()
    environment.update(IPAM_PORT=str(port), IPAM_HOST='127.0.0.1')
    server = env.start('packaged', [os.path.join(tree, 'usr/bin/ipam'), 'server', '--db',
                                    env.path('data')], env=environment)
    wait_until('the server of the package is healthy', lambda: env.run(
        [os.path.join(tree, 'usr/bin/ipam'), 'list', '--server', f'http://127.0.0.1:{port}'],
        expect=None).returncode == 0)
    check_equal(server.stop(), 0, 'exit code on SIGTERM')


@test()
def systemd_units_are_valid_and_confined(env):
    analyze = shutil.which('systemd-analyze')
    if not analyze:
        raise Skip('systemd-analyze is not installed')
    exposures = []
    for unit in UNITS:
        with open(os.path.join(ROOT, 'examples/systemd', unit), encoding='utf-8') as file:
            text = file.read()
        check('/usr/bin/ipam' in text, f'{unit} starts something else')
        name = unit.replace('@.', '@1.')
        path = env.path(name)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text.replace('/usr/bin/ipam', '/bin/true'))
        done = env.run([analyze, 'verify', path], expect=None)
        complaints = [line for line in done.stderr.split('\n') if name in line]
        check(not complaints, f'{unit}: {complaints}')
        done = env.run([analyze, 'security', '--offline=true', f'--threshold={EXPOSURE_MAX}',
                        '--no-pager', path], expect=None)
        line = next((line for line in done.stdout.split('\n') if 'Overall exposure' in line),
                    done.stderr)
        check(done.returncode == 0, f'{unit} is exposed: {line}')
        exposures.append(f'{unit} {re.search(r": ([0-9.]+)", line)[1]}')
    env.notes.append(', '.join(exposures))


@test()
def dockerfile_copies_what_is_there(env):
    """Building it takes half an hour: scripts/check-image.sh."""
    with open(os.path.join(ROOT, 'Dockerfile'), encoding='utf-8') as file:
        lines = file.read().replace('\\\n', ' ').split('\n')
    copied = [line.split()[1:-1] for line in lines
              if line.startswith('COPY ') and '--from=' not in line]
    check(len(copied) >= 3, f'{copied}')
    for path in [path for paths in copied for path in paths]:
        check(os.path.exists(os.path.join(ROOT, path)), f'Dockerfile: {path} is not there')
    for script in re.findall(r'scripts/\S+\.sh', '\n'.join(line for line in lines
                                                          if line.startswith('RUN '))):
        check(os.access(os.path.join(ROOT, script), os.X_OK), f'Dockerfile: {script}')
    env.run(['bash', '-n', os.path.join(ROOT, 'scripts/check-image.sh')])
