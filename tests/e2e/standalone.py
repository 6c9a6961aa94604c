"""The command line on one machine, with and without a server."""
import csv
import io
import json
import re
import signal

from harness import Client, check, check_equal, free_port, test, wait_until

EXIT_FAILED, EXIT_USAGE, EXIT_NOT_REACHABLE = 1, 2, 3


def start_server(env, *options):
    """`ipam server` on the default data directory of the folder."""
    port = free_port()
    server = env.start('server', ['./ipam', 'server', '--host', '127.0.0.1', '--port', str(port),
                                  *options])
    client = Client(port)

    def healthy():
        check(server.alive(), f'the server has ended with {server.popen.returncode}')
        return client.request('GET', '/health').status == 200
    wait_until('the server is healthy', healthy)
    return server, client


def says(done, text):
    check(text in done.stdout, f'expected {text!r} in {done.stdout!r} {done.stderr!r}')


def complains(done, code, text):
    check_equal(done.returncode, code, f'exit code of {done.args}: {done.stdout} {done.stderr}')
    check(text in done.stderr, f'expected {text!r} on stderr, found {done.stderr!r}')


def tour(env):
    """The commands of issue 2, item 6, verbatim, on an empty database; what they print."""
    says(env.ipam('list'), 'No allocations found')
    says(env.ipam('network', 'list'), 'No networks found')
    shell = ['bash', '-c']
    says(env.run([*shell, './ipam network add 192.168.1.0/24 -d "Office network"']),
         'Network added successfully')
    says(env.run([*shell, './ipam allocate -c 192.168.1.0/24 --hostname web-server']),
         'IP allocated successfully')
    done = env.run([*shell, './ipam allocate -c 192.168.1.0/24 -k 5 -d "Load balancer pool"'])
    says(done, 'IP range allocated successfully')
    says(done, '192.168.1.2 - 192.168.1.6')
    listed = env.run([*shell, './ipam list'])
    says(listed, '192.168.1.1')
    says(listed, 'web-server')
    stats = env.run([*shell, './ipam stats'])
    for column in ('Network', 'Total IPs', 'Allocated', 'Available', 'Reserved', 'Utilization'):
        says(stats, column)
    says(stats, '254')
    env.run([*shell, './ipam release 192.168.1.1'])
    check('192.168.1.1 ' not in env.ipam('list').stdout.replace('\n', ' \n'), 'still listed')
    says(env.ipam('list', '--all'), 'released')


def errors(env):
    """The messages that scripts look for, and the exit codes."""
    complains(env.ipam('network', 'add', '10.0.0.5/16', expect=None), EXIT_FAILED, '10.0.0.0/16')
    complains(env.ipam('network', 'add', 'nonsense', expect=None), EXIT_FAILED, 'invalid CIDR')
    complains(env.ipam('allocate', '-n', 'net-999', expect=None), EXIT_FAILED, 'network not found')
    complains(env.ipam('allocate', '-c', '192.168.1.0/24', '-k', '0', expect=None), EXIT_USAGE,
              'count must be at least 1')
    complains(env.ipam('allocate', '-c', '192.168.1.0/24', '-k', '-1', expect=None), EXIT_USAGE,
              'count must be at least 1')
    complains(env.ipam('allocate', '-c', '192.168.1.0/24', '-k', '1000000000000', expect=None),
              EXIT_FAILED, 'no available IP addresses')
    networks = json.loads(env.ipam('network', 'list', '--output', 'json').stdout)
    complains(env.ipam('network', 'delete', networks[0]['id'], expect=None), EXIT_FAILED,
              'cannot delete network with active allocations')
    complains(env.ipam('release', '192.168.1.200', expect=None), EXIT_FAILED, '192.168.1.200')
    complains(env.ipam('nonsense', expect=None), EXIT_USAGE, 'nonsense')
    complains(env.ipam('list', '--nonsense', expect=None), EXIT_USAGE, 'nonsense')
    port = free_port()
    complains(env.ipam('list', '--server', f'http://127.0.0.1:{port}', expect=None),
              EXIT_NOT_REACHABLE, str(port))


def formats(env):
    networks = json.loads(env.ipam('network', 'list', '--output', 'json').stdout)
    check_equal([network['cidr'] for network in networks], ['192.168.1.0/24'], 'networks as JSON')
    rows = list(csv.reader(io.StringIO(env.ipam('list', '--output', 'csv').stdout)))
    check_equal(len({len(row) for row in rows}), 1, f'columns of the rows of CSV {rows}')
    check(any('192.168.1.2' in row for row in rows), f'no 192.168.1.2 in {rows}')
    audit = json.loads(env.ipam('audit', '--output', 'json').stdout)
    actions = [entry['action'] for entry in audit]
    for action in ('network_created', 'ip_allocated', 'ip_released'):
        check(action in actions, f'no {action} in {actions}')
    check_equal(len(json.loads(env.ipam('audit', '--limit', '2', '--output', 'json').stdout)), 2,
                'entries with --limit 2')


@test()
def standalone_cli_without_a_server(env):
    tour(env)
    errors(env)
    formats(env)


@test()
def standalone_cli_with_a_server(env):
    server, client = start_server(env)
    tour(env)
    errors(env)
    formats(env)
    # Both ways see one database, and what the command line prints as JSON is what the API gives.
    check_equal(json.loads(env.ipam('list', '--all', '--output', 'json').stdout),
                client.get('/allocations?all=true').json(), 'the list')
    check_equal(client.get('/health').json()['cluster_mode'], False, 'cluster_mode')
    check_equal(client.request('GET', '/cluster/status').status, 404, 'cluster/status')
    check_equal(server.stop(), 0, 'exit code on SIGTERM')
    env.ipam('allocate', '-c', '192.168.1.0/24', '--hostname', 'after')
    check('after' in env.ipam('list').stdout, 'the embedded database goes on where it was')


@test()
def standalone_server_keeps_all_when_killed(env):
    server, client = start_server(env)
    network = client.post('/networks', {'cidr': '10.0.0.0/16'}).json()['id']
    made = [client.post('/allocations', {'network_id': network, 'hostname': f'h{number}'}).json()
            for number in range(100)]
    server.kill()
    # First without a server, then with one again.
    listed = json.loads(env.ipam('list', '--output', 'json').stdout)
    check_equal(sorted(entry['id'] for entry in listed), sorted(entry['id'] for entry in made),
                'allocations after SIGKILL')
    _, client = start_server(env)
    check_equal(client.get('/allocations').json(), listed, 'allocations after the restart')


@test()
def server_that_is_told_to_stop_while_it_starts_ends_in_order(env):
    server, client = start_server(env)
    network = client.post('/networks', {'cidr': '10.0.0.0/16'}).json()['id']
    revision = client.get('/networks').headers['x-ipam-revision']
    client.post('/networks', {'cidr': '10.1.0.0/16'})
    for _ in range(20):
        client.post('/allocations', {'network_id': network, 'count': 1000, 'contiguous': False})
    # What is kept of the past for the next page holds nobody up.
    check_equal(len(client.get(f'/networks?at={revision}').json()), 1, 'networks of then')
    check_equal(server.stop(), 0, 'exit code on SIGTERM')
    for number in range(5):
        server = env.start(f'starting{number}', ['./ipam', 'server', '--host', '127.0.0.1',
                                                 '--port', str(free_port())])
        wait_until('it catches SIGTERM', lambda: server.catches(signal.SIGTERM))
        check_equal(server.stop(), 0, f'exit code on SIGTERM: {server.log()}')


@test()
def lease_is_released_by_the_server_itself(env):
    _, client = start_server(env)
    network = client.post('/networks', {'cidr': '10.0.0.0/30'}).json()['id']
    lease = client.post('/allocations', {'network_id': network, 'ttl': 1}).json()
    check(lease['expires_at'] is not None, f'no expires_at in {lease}')
    wait_until('the lease has expired', lambda: client.get('/allocations').json() == [], 15)
    actions = [entry['action'] for entry in client.get('/audit').json()]
    check('ip_expired' in actions, f'no ip_expired in {actions}')


@test()
def lease_ends_without_a_server(env):
    """Each command ends what is due before it looks."""
    env.ipam('network', 'add', '10.0.0.0/30')
    env.ipam('allocate', '-c', '10.0.0.0/30', '-k', '2', '-T', '1')
    wait_until('the lease has expired',
               lambda: json.loads(env.ipam('list', '--output', 'json').stdout) == [], 15)
    env.ipam('allocate', '-c', '10.0.0.0/30', '-k', '2')
    audit = json.loads(env.ipam('audit', '--output', 'json').stdout)
    check('ip_expired' in [entry['action'] for entry in audit], f'no ip_expired in {audit}')


@test()
def many_command_lines_at_once(env):
    """They take turns on the embedded database: none fails because of another one."""
    env.ipam('network', 'add', '10.0.0.0/24')
    running = [env.start(f'cli{number}', ['./ipam', 'allocate', '-c', '10.0.0.0/24'])
               for number in range(8)]
    for process in running:
        check_equal(process.wait(60), 0, f'exit code of {process.name}: {process.log()}')
    listed = json.loads(env.ipam('list', '--output', 'json').stdout)
    check_equal(len({entry['ip'] for entry in listed}), 8, f'different addresses in {listed}')


@test()
def help_of_every_command_has_an_example(env):
    overview = env.ipam('--help').stdout
    listed = overview[overview.index('Commands:\n'):overview.index('\nExamples:')]
    commands = re.findall(r'^  (\w+(?: [\w-]+)?)  ', listed, re.MULTILINE)
    check(len(commands) > 30 and 'audit verify' in commands, f'commands: {commands}')
    for command in sorted({*commands} - {'help'}):  # whose own help is the overview
        done = env.ipam(*command.split(), '--help')
        check(f'ipam {command}' in done.stdout and 'xample' in done.stdout,
              f'no example in the help of {command}: {done.stdout}')
    check('1.' in env.ipam('--version').stdout, 'no version')
