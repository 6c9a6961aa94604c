"""Tokens on a cluster with --auth required: made on one node, used at once on another, revoked."""
import json
import os
import pwd
import stat

from harness import Client, Cluster, check, check_equal, free_port, test, wait_until


def bearer(secret):
    return {'Authorization': f'Bearer {secret}'}


def ask(node, secret, method, path, body=None):
    with node.connected() as client:
        return client.request(method, path, body, bearer(secret) if secret else None)


def expect(status, node, secret, method, path, body=None):
    answer = ask(node, secret, method, path, body)
    check_equal(answer.status, status, f'{method} {path} on node {node.id}: {answer!r}')
    return answer


@test(seconds_max=240)
def tokens_on_a_cluster(env):
    cluster = Cluster(env).form()
    for node in cluster.nodes:
        node.variables = {**env.variables, 'IPAM_AUTH': 'required'}
    cluster.start()
    one, two, three = cluster.nodes

    # Who may read the directory needs no token: through the server that holds it.
    local = os.path.join(one.directory, 'local.token')
    check_equal(stat.S_IMODE(os.stat(local).st_mode), 0o600, 'mode of local.token')
    made = json.loads(env.ipam('token', 'create', 'root', '--role', 'admin', '--db', one.directory,
                               '--output', 'json').stdout)
    root = made['secret']
    check_equal(env.ipam('cluster', 'status', '--config', one.config, '--output',
                         'json').stdout.count('"node_id":1,'), 2, 'cluster status with local.token')
    refused = env.ipam('network', 'list', '--server', f'http://127.0.0.1:{one.http_port}', expect=1)
    check('a valid token is needed' in refused.stderr, refused.stderr)
    env.ipam('network', 'list', '--server', f'http://127.0.0.1:{one.http_port}', '--token', root)

    # Made on one node, used at once on another, each time by a new one that it may not know yet.
    for i in range(3):  # few: each revoked one counts as a wrong one afterwards, ten a minute
        maker, user = cluster.nodes[i % 3], cluster.nodes[(i + 1) % 3]
        answer = expect(201, maker, root, 'POST', '/tokens', {'name': f't{i}', 'role': 'editor'})
        expect(201, user, answer.json()['secret'], 'POST', '/networks', {'cidr': f'10.0.{i}.0/24'})
        expect(204, user, root, 'DELETE', f'/tokens/t{i}')
        # Revoked on that node: no other one serves it any more, neither writes nor reads.
        for node in cluster.nodes:
            expect(401, node, answer.json()['secret'], 'GET', '/networks')
            expect(401, node, answer.json()['secret'], 'POST', '/networks', {'cidr': '10.9.0.0/16'})
    users = {entry['user'] for entry in expect(200, two, root, 'GET', '/audit').json()}
    check({'t0', 't1', 't2', 'root', 'cli'} <= users, f'users of the audit log: {users}')

    # Nothing but health is told without a token.
    expect(200, two, None, 'GET', '/health')
    for path in ('/networks', '/openapi.json', '/tokens', '/no/such/route'):
        expect(401, two, None, 'GET', path)

    # Roles, and a limit to a VRF.
    expect(201, one, root, 'POST', '/vrfs', {'name': 'blue'})
    viewer = expect(201, one, root, 'POST', '/tokens',
                    {'name': 'viewer', 'role': 'viewer'}).json()['secret']
    blue = expect(201, one, root, 'POST', '/tokens',
                  {'name': 'blue', 'role': 'editor', 'vrfs': ['blue']}).json()['secret']
    expect(200, two, viewer, 'GET', '/networks')
    check_equal(expect(403, two, viewer, 'POST', '/networks', {'cidr': '10.9.0.0/16'}).reason(),
                'FORBIDDEN', 'reason for a viewer that writes')
    expect(403, two, viewer, 'GET', '/tokens')
    expect(201, three, blue, 'POST', '/networks', {'cidr': '10.0.0.0/24', 'vrf': 'blue'})
    expect(404, three, blue, 'POST', '/networks', {'cidr': '10.9.0.0/16'})
    check_equal(len(expect(200, two, blue, 'GET', '/networks').json()), 1, 'networks of blue')

    # Wrong ones, until they are held up; who has a right one is not.
    reasons = [ask(three, f'wrong-{i}', 'GET', '/networks').reason() for i in range(15)]
    check(reasons[-1] == 'TOO_MANY_ATTEMPTS' and 'UNAUTHENTICATED' in reasons, f'{reasons}')
    answer = ask(three, 'wrong', 'GET', '/networks')
    check_equal((answer.status, answer.headers['retry-after']), (429, '60'), 'a wrong token')
    expect(200, three, viewer, 'GET', '/networks')

    # All of it is there after a restart of every node, but the secret of the directory is another.
    with open(local, encoding='ascii') as file:
        secret = file.read().strip()
    expect(200, one, secret, 'GET', '/networks')
    for node in cluster.nodes:
        node.process.stop()
    check(not os.path.exists(local), 'local.token is still there after the server ended')
    cluster.start()
    expect(401, one, secret, 'GET', '/networks')
    for node in cluster.nodes:
        expect(200, node, viewer, 'GET', '/networks')
        used = {token['name']: token['last_used_at']
                for token in expect(200, node, root, 'GET', '/tokens').json()}
        check(used['viewer'] is not None, f'the use of viewer was not noted: {used}')
    # No file of the data directory has a secret.
    for name in os.listdir(one.directory):
        path = os.path.join(one.directory, name)
        if os.path.isfile(path):
            with open(path, 'rb') as file:
                content = file.read()
            for known in (root, viewer, blue):
                check(known.encode() not in content, f'{name} has a secret')
    log = one.process.log()
    check(root not in log and viewer not in log, 'the log has a secret')


@test()
def first_token_without_a_server(env):
    data, port = env.path('data'), free_port()
    made = env.ipam('token', 'create', 'ci', '--role', 'editor', '--db', data, '--output', 'json')
    secret = json.loads(made.stdout)['secret']
    process = env.start('server', ['./ipam', 'server', '--auth', 'required', '--host', '127.0.0.1',
                                   '--port', str(port), '--db', data])
    wait_until('the server serves', lambda: ' serves ' in process.log())
    url = f'http://127.0.0.1:{port}'
    env.ipam('network', 'add', '10.0.0.0/24', '--server', url, '--token', secret)
    env.ipam('network', 'add', '10.1.0.0/24', '--server', url,
             env={**env.variables, 'IPAM_TOKEN': secret})
    env.ipam('network', 'add', '10.2.0.0/24', '--db', data)
    entries = json.loads(env.ipam('audit', '--db', data, '--output', 'json').stdout)
    account = pwd.getpwuid(os.geteuid()).pw_name
    check_equal([entry['user'] for entry in reversed(entries)], [account, 'ci', 'ci', 'cli'],
                'users of the audit log')
    refused = env.ipam('token', 'list', '--server', url, '--token', secret, expect=1)
    check('needs the role admin' in refused.stderr, refused.stderr)
    env.ipam('token', 'revoke', 'ci', '--db', data)
    env.ipam('network', 'list', '--server', url, '--token', secret, expect=1)
    check_equal(process.stop(), 0, 'exit code')
    check('ci' not in env.ipam('token', 'list', '--db', data).stdout, 'ci is there still')


@test()
def warning_without_tokens(env):
    def warnings(name, *options):
        process = env.start(name, ['./ipam', 'server', '--port', '0', '--db', env.path(name), *options])
        wait_until('the server serves', lambda: ' serves ' in process.log())
        check_equal(process.stop(), 0, 'exit code')
        return process.log().count('--auth required')
    check_equal(warnings('everywhere'), 1, 'warnings on all addresses')
    check_equal(warnings('loopback', '--host', '127.0.0.1'), 0, 'warnings on loopback')
    check_equal(warnings('required', '--auth', 'required'), 0, 'warnings with --auth required')


@test()
def server_starts_where_the_local_token_cannot_be_written(env):
    """It says so, and everybody needs a token of their own."""
    os.makedirs(env.path('data/local.token/in the way'))
    port = free_port()
    server = env.start('server', ['./ipam', 'server', '--db', 'data', '--host', '127.0.0.1',
                                  '--port', str(port), '--auth', 'required'])
    client = Client(port)
    wait_until('it serves', lambda: client.request('GET', '/health').status == 200)
    client.close()
    check('local.token' in server.log() and ' warning ' in server.log(), server.log())
    refused = env.ipam('network', 'list', '--db', 'data', expect=1)
    check('a valid token is needed' in refused.stderr, refused.stderr)
    check_equal(server.stop(), 0, 'exit code')
