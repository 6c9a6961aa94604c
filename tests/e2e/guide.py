"""The deployment guide, word for word: its commands are read from its text and run as they stand."""
import itertools
import os
import re
import shlex

from harness import (ROOT, SHARED, Client, Skip, check, check_equal, port_is_free, test, wait_until)

GUIDE = os.path.join(ROOT, 'docs/deployment-guide.md')


def commands_of(section, document=GUIDE):
    """The shell commands of the section with this heading, verbatim, in order."""
    with open(document, encoding='utf-8') as file:
        text = file.read()
    match = re.search(rf'^#+ {re.escape(section)}\n(.*?)(?=^#+ |\Z)',
                      hide_code_comments(text), re.M | re.S)
    check(match, f'{document} has no section {section!r}')
    commands = []
    for block in re.findall(r'```bash\n(.*?)```', match.group(1), re.S):
        for line in re.sub(r'\\\n', '\\\\\x00', block).split('\n'):
            line = line.replace('\x00', '\n').strip()
            if line and not line.startswith(COMMENT):
                commands.append(line)
    check(commands, f'section {section!r} of the guide has no commands')
    return commands


COMMENT = '\x01'


def hide_code_comments(text):
    """A comment in a code block looks like a heading."""
    def hide(match):
        return re.sub(r'^#', COMMENT, match.group(0), flags=re.M)
    return re.sub(r'```bash\n.*?```', hide, text, flags=re.S)


def run_commands(env, commands, prefix=()):
    """Runs each one to its end, but servers, which are returned as started processes."""
    servers = []
    for command in commands:
        if ' server ' in command:
            servers.append(start_server(env, command, prefix))
        else:
            env.run([*prefix, 'bash', '-c', command])
    return servers


def start_server(env, command, prefix=()):
    name = f'server{len(env.processes) + 1}'
    return env.start(name, [*prefix, 'bash', '-c', 'exec ' + command])


def curl(env, command):
    """Runs a curl command of the guide, as it stands: (status, body)."""
    with open(env.path('.curlrc'), 'w', encoding='utf-8') as file:
        file.write('silent\nshow-error\nmax-time = 20\nwrite-out = "\\n%{http_code}"\n')
    done = env.run(['bash', '-c', command], env={**env.variables, 'CURL_HOME': env.directory})
    body, _, status = done.stdout.rpartition('\n')
    return int(status), body


def expected_status(command, first=True):
    """What the contract says of a curl command of the guide."""
    if 'cluster/nodes' in command:
        return 204
    if '-X POST' in command and '/networks' in command:
        return 201 if first else 409  # the same CIDR once more
    if '-X POST' in command and '/allocations' in command:
        return 404  # there is no net-123
    return 200


def run_curl_commands(env, port, first=True):
    for section in ('Dynamic Node Management', 'Cluster Status', 'API Usage', 'Debugging Commands'):
        for command in commands_of(section):
            if not command.startswith('curl'):
                continue
            command = command.replace('localhost:8080', f'localhost:{port}')
            status, body = curl(env, command)
            check_equal(status, expected_status(command, first), f'{command}\n{body}')


def need_ports(*ports):
    taken = [port for port in ports if not port_is_free(port)]
    if taken:
        raise Skip(f'port {taken[0]} is taken, and there is no network namespace to be had')


def wait_healthy(port, server, host='127.0.0.1'):
    def healthy():
        check(server.alive(), f'{server.name} has ended with {server.popen.returncode}')
        client = Client(port, host=host)
        try:
            return client.request('GET', '/health').status == 200
        finally:
            client.close()
    wait_until(f'{host}:{port} is healthy', healthy)


@test()
def guide_is_the_users_guide(env):
    original = os.path.join(SHARED, 'guide/ipam-cluster-deployment-guide.md')
    if not os.path.exists(original):
        raise Skip('the original is not here')
    with open(original, 'rb') as one, open(GUIDE, 'rb') as other:
        check(one.read() == other.read(), 'docs/deployment-guide.md differs from the users\' guide')


@test()
def guide_single_node(env):
    need_ports(8080, 5001)
    server, = run_commands(env, commands_of('Single-Node Cluster (Development)'))
    wait_healthy(8080, server)
    run_curl_commands(env, 8080)
    done = env.ipam('cluster', 'status', '--config', 'ipam-cluster-data/cluster.json')
    check('leader' in done.stdout, f'cluster status does not name the leader: {done.stdout}')
    check_equal(server.stop(), 0, 'exit code on SIGTERM')


def split_single_machine():
    commands = commands_of('Testing on Single Machine')
    servers = [command for command in commands if ' server ' in command]
    forming = [command for command in commands if ' server ' not in command]
    check_equal((len(forming), len(servers)), (3, 3), 'commands of the section')
    return forming, servers


@test(240)
def guide_single_machine_in_any_order(env):
    need_ports(8081, 8082, 8083, 5001, 5002, 5003)
    forming, servers = split_single_machine()
    for order in itertools.permutations(range(3)):
        env.run(['rm', '-rf', 'node1-data', 'node2-data', 'node3-data'])
        run_commands(env, [forming[i] for i in order])
        started = {i: start_server(env, servers[i]) for i in order}
        for i, server in started.items():
            wait_healthy(8081 + i, server)
        if order == (0, 1, 2):
            for port in (8081, 8082, 8083):
                run_curl_commands(env, port, first=port == 8081)
            for command in commands_of('Debugging Commands'):
                if command.startswith('./ipam'):
                    done = env.run(['bash', '-c', command])
                    check('leader' in done.stdout, f'{command} does not name the leader')
        for server in started.values():
            check_equal(server.stop(), 0, f'exit code of {server.name} on SIGTERM')
        env.processes.clear()


@test()
def guide_commands_may_be_given_twice(env):
    """What the guide forms keeps its data when a command is given again."""
    need_ports(8081, 5001)
    forming, _ = split_single_machine()
    run_commands(env, forming)
    before = open(env.path('node1-data/cluster.json'), encoding='utf-8').read()
    for command in forming:
        done = env.run(shlex.split(command), expect=None)
        check(done.returncode >= 0, f'{command} crashed')
    after = open(env.path('node1-data/cluster.json'), encoding='utf-8').read()
    check_equal(after, before, 'cluster.json after the second init')
