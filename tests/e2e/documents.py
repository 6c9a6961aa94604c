"""The commands of README.md, docs/security.md, docs/configuration.md, docs/installation.md and
docs/api.md, word for word.
Those of the guide are in guide.py, the drills of docs/operations.md in drills.py."""
import os
import re
import shlex

from drills import drill_cluster
from guide import curl, need_ports, start_server, wait_healthy
from harness import ROOT, Client, check, check_equal, test

# What a server alone, with what prepare() has made, cannot do: there is no cluster.
NO_CLUSTER = ('/cluster/nodes', '/cluster/transfer-leader')


def commands_in(path, heading=None):
    """The commands in the shell blocks of a document, or of one of its sections, in order."""
    with open(os.path.join(ROOT, path), encoding='utf-8') as file:
        text = file.read()
    if heading is not None:
        check(f'\n## {heading}\n' in text, f'{path} has no section {heading!r}')
        text = re.split(r'\n## ', text.partition(f'\n## {heading}\n')[2])[0]
    commands = []
    for block in re.findall(r'```(?:bash|sh)\n(.*?)```', text, re.S):
        lines = ''
        for line in block.split('\n'):
            lines += line + '\n'
            if line.endswith('\\'):
                continue
            try:
                words = shlex.split(lines, comments=True)
            except ValueError:  # within quotes
                continue
            if words:
                commands.append(lines.strip())
            lines = ''
        check(not lines.strip(), f'{path}: a command does not end: {lines}')
    check(commands, f'{path}, {heading}: no commands')
    return commands


def with_ipam_in_the_path(env):
    env.variables['PATH'] = env.directory + ':' + env.variables['PATH']
    env.variables['HOME'] = env.directory


def answered(env, command, seconds_max=20):
    """The status that a curl command gets."""
    if '/watch' in command:  # it never ends
        command = command.replace('curl ', 'curl -m 2 -D head -o body ', 1)
        env.run(['bash', '-c', command], expect=28, seconds_max=seconds_max)
        with open(env.path('head'), encoding='ascii') as file:
            return int(file.readline().split()[1])
    return curl(env, command.replace('curl ', 'curl -o body ', 1))[0]


@test()
def readme_on_one_machine(env):
    need_ports(8080)
    commands = commands_in('README.md', 'Two commands')
    local = [command for command in commands if command.startswith('./ipam')]
    check(len(local) >= 4 and ' server' in local[-1], f'{local}')
    for command in local[:-1]:
        env.run(['bash', '-c', command])
    server = start_server(env, local[-1])
    wait_healthy(8080, server)
    check('web-server' in env.ipam('list').stdout, 'the CLI does not follow the server')
    check_equal(server.stop(), 0, 'exit code on SIGTERM')


@test()
def readme_tour(env):
    drill_cluster(env, 3)
    commands = commands_in('README.md', 'A tour of the API')
    for command in commands:
        status = answered(env, command)
        check(200 <= status < 300, f'{status} for {command}')
    env.notes.append(f'{len(commands)} commands')


@test()
def security_document(env):
    with_ipam_in_the_path(env)
    need_ports(8080)
    first, cluster, *rest = commands_in('docs/security.md', 'The first token')
    check('--cluster' in cluster, cluster)
    env.run(['ipam', 'vrf', 'add', 'blue'])
    env.run(['bash', '-c', first])
    server = start_server(env, 'ipam server --auth required')
    client = Client(8080)
    wait_healthy(8080, server)
    check_equal(client.request('GET', '/networks').status, 401, 'a request without a token')
    for command in rest:
        env.run(['bash', '-c', command])
    check('ci' not in env.run(['ipam', 'token', 'list']).stdout, 'the token is not revoked')
    check_equal(server.stop(), 0, 'exit code on SIGTERM')
    env.run(['ipam', 'cluster', 'init', '--data-dir', 'node1-data', '--single-node'])
    server = start_server(env, 'ipam server --cluster --config node1-data/cluster.json '
                               '--auth required')
    wait_healthy(8080, server)
    env.run(['bash', '-c', cluster])


@test()
def configuration_document(env):
    with_ipam_in_the_path(env)
    need_ports(8080, 9000)
    commands = commands_in('docs/configuration.md')
    servers = 0
    for command in commands:
        # The one path that a test may not touch.
        command = command.replace('/var/lib/ipam', env.path('var'))
        if ' server' not in command or '--explain-config' in command:
            done = env.run(['bash', '-c', command])
            check('log-level' in done.stdout or ' server' not in command, done.stdout)
            continue
        servers += 1
        words = command.split(' ipam ')
        server = start_server(env, f'env {words[0]} ipam {words[1]}' if len(words) > 1 else command)
        wait_healthy(9000 if '9000' in command else 8080, server)
        check_equal(server.stop(), 0, f'exit code on SIGTERM: {command}')
    check(servers >= 2, 'no server is started')


# Which test runs the commands of docs/installation.md that cannot be run here.
ELSEWHERE = {
    'scripts/setup.sh': 'scripts/test.sh, to begin with',
    'scripts/build.sh': 'scripts/test.sh, to begin with',
    'scripts/package.sh': 'debian_package',
    'dpkg -i': 'scripts/check-image.sh',
    'systemctl enable': 'none: systemd_units_are_valid_and_confined reads the unit',
    'docker build': 'scripts/check-image.sh',
    'docker run': 'scripts/check-image.sh',
}


@test()
def installation_document(env):
    with_ipam_in_the_path(env)
    run = 0
    for command in commands_in('docs/installation.md'):
        if any(command.startswith(begin) for begin in ELSEWHERE):
            continue
        run += 1
        env.run(['bash', '-c', command])
    check_equal(run, 2, 'commands that are run')
    env.run(['bash', '-c', 'source .ipam-completion && complete -p ipam'])


def prepare(env):
    """What the examples of docs/api.md speak of."""
    client = Client(8080)
    client.post('/vrfs', {'name': 'red'})
    for cidr in ('192.168.1.0/24', '10.0.0.0/25', '10.0.0.128/25'):
        client.post('/networks', {'cidr': cidr})
    client.post('/allocations', {'network_id': 'net-1'})
    client.post('/networks/net-1/reservations', {'start': '192.168.1.200'})
    client.post('/tokens', {'name': 'ci', 'role': 'viewer'})
    client.close()


@test(240)
def api_examples(env):
    """Each on a server of its own, so that none depends on another."""
    need_ports(8080)
    commands = commands_in('docs/api.md')
    refused = []
    for number, command in enumerate(commands):
        server = env.start('server', ['./ipam', 'server', '--db', f'data{number}',
                                      '--host', '127.0.0.1'])
        wait_healthy(8080, server)
        prepare(env)
        status = answered(env, command)
        if any(path in command for path in NO_CLUSTER) or '/cluster/status' in command:
            check(status < 500, f'{status} for {command}')
        elif not 200 <= status < 300:
            with open(env.path('body'), encoding='utf-8') as file:
                refused.append(f'{status} for {command}\n{file.read()}')
        server.kill()
        env.processes.remove(server)
    check(not refused, '\n'.join(refused))
    env.notes.append(f'{len(commands)} requests')
