"""What must be refused: each with a clear error, and nothing changed."""
import contextlib
import json
import os
import shutil
import socket
import threading

from harness import (Client, Cluster, check, check_equal, resident_bytes, test, verify_nothing_lost,
                     wait_until, Load)
from standalone import start_server

WAITING = 24  # at once, for a revision that never comes
JSON = {'Content-Type': 'application/json'}
# method, path, body (bytes, or JSON), status, a part of the answer
BAD_REQUESTS = [
    ('POST', '/networks', b'{"cidr":', 400, 'JSON'),
    ('POST', '/networks', b'', 400, ''),
    ('POST', '/networks', b'[]', 400, ''),
    ('POST', '/networks', b'{"cidr":"10.9.0.0/16"} x', 400, 'JSON'),
    ('POST', '/networks', b'{"cidr":"10.9.0.0/16","cidr":"10.8.0.0/16"}', 400, 'cidr'),
    ('POST', '/networks', b'\xff\xfe{}', 400, ''),
    ('POST', '/networks', b'{"cidr":"10.9.0.0/16","description":"\xff"}', 400, ''),
    ('POST', '/networks', b'[' * 50000, 400, ''),
    ('POST', '/networks', {}, 400, 'cidr'),
    ('POST', '/networks', {'cidr': '10.9.0.0/16', 'colour': 'red'}, 400, 'colour'),
    ('POST', '/networks', {'cidr': 5}, 400, 'cidr'),
    ('POST', '/networks', {'cidr': None}, 400, 'cidr'),
    ('POST', '/networks', {'cidr': '10.9.0.0/16', 'tags': 'a'}, 400, 'tags'),
    ('POST', '/networks', {'cidr': '10.9.0.0/16', 'tags': [1]}, 400, 'tags'),
    ('POST', '/networks', {'cidr': '10.9.0.0/16', 'description': 5}, 400, 'description'),
    ('POST', '/networks', {'cidr': '10.9.0.5/16'}, 400, '10.9.0.0/16'),
    ('POST', '/networks', {'cidr': '2001:db8::1/32'}, 400, '2001:db8::/32'),
    ('POST', '/networks', {'cidr': '10.9.0.0/33'}, 400, 'invalid CIDR'),
    ('POST', '/networks', {'cidr': '2001:db8::/129'}, 400, 'invalid CIDR'),
    ('POST', '/networks', {'cidr': '10.9.0.0/-1'}, 400, 'invalid CIDR'),
    ('POST', '/networks', {'cidr': '10.9.0.0'}, 400, 'invalid CIDR'),
    ('POST', '/networks', {'cidr': '10.9.0/16'}, 400, 'invalid CIDR'),
    ('POST', '/networks', {'cidr': '010.9.0.0/16'}, 400, 'invalid CIDR'),
    ('POST', '/networks', {'cidr': '10.9.0.0/16\x00'}, 400, 'invalid CIDR'),
    ('POST', '/networks', {'cidr': ''}, 400, 'cidr'),
    ('POST', '/networks', {'cidr': '192.168.0.0/30'}, 409, 'NETWORK_EXISTS'),
    ('POST', '/allocations', {}, 400, 'network_id'),
    ('POST', '/allocations', {'network_id': 'net-999'}, 404, 'network not found'),
    ('POST', '/allocations', {'network_id': 'nonsense'}, 404, 'network not found'),
    ('POST', '/allocations', {'network_id': 7}, 400, 'network_id'),
    ('POST', '/allocations', {'cidr': '172.16.0.0/12'}, 404, 'network not found'),
    ('POST', '/allocations', {'cidr': '192.168.0.0/30', 'count': 0}, 400,
     'count must be at least 1'),
    ('POST', '/allocations', {'cidr': '192.168.0.0/30', 'count': -1}, 400,
     'count must be at least 1'),
    ('POST', '/allocations', {'cidr': '192.168.0.0/30', 'count': 1.5}, 400, 'count'),
    ('POST', '/allocations', {'cidr': '192.168.0.0/30', 'count': 'two'}, 400, 'count'),
    ('POST', '/allocations', b'{"cidr":"192.168.0.0/30","count":1e400}', 400, ''),
    ('POST', '/allocations', {'cidr': '192.168.0.0/30', 'count': 10**12}, 409,
     'no available IP addresses'),
    ('POST', '/allocations', {'cidr': '192.168.0.0/30', 'count': 3}, 409,
     'no available IP addresses in 192.168.0.0/30'),
    ('POST', '/allocations', {'cidr': '192.168.0.0/30', 'ttl': -5}, 400, 'ttl'),
    ('POST', '/allocations', {'cidr': '192.168.0.0/30', 'ttl': 10**30}, 400, 'ttl'),
    ('POST', '/allocations', {'cidr': '192.168.0.0/30', 'ttl': 1, 'ttl_hours': 1}, 400, 'ttl'),
    ('POST', '/allocations/alloc-999/release', None, 404, 'ALLOCATION_NOT_FOUND'),
    ('POST', '/allocations/nonsense/release', None, 404, ''),
    ('GET', '/allocations/alloc-999', None, 404, 'ALLOCATION_NOT_FOUND'),
    ('GET', '/networks/net-999', None, 404, 'NETWORK_NOT_FOUND'),
    ('GET', '/networks/net-99999999999999999999999', None, 404, ''),
    ('GET', '/networks/net-999/stats', None, 404, 'NETWORK_NOT_FOUND'),
    ('DELETE', '/networks/net-999', None, 404, 'NETWORK_NOT_FOUND'),
    ('GET', '/audit?limit=none', None, 400, 'limit'),
    ('GET', '/audit?limit=-1', None, 400, 'limit'),
    ('GET', '/nonsense', None, 404, 'NOT_FOUND'),
    ('GET', '/networks/%zz', None, 400, ''),
    ('PUT', '/networks', {'cidr': '10.9.0.0/16'}, 405, 'METHOD_NOT_ALLOWED'),
    ('DELETE', '/audit', None, 405, 'METHOD_NOT_ALLOWED'),
]


def check_problem(answer, where):
    """The shape of RFC 9457, with the two fields that older users read."""
    check_equal(answer.headers.get('content-type', '').split(';')[0], 'application/problem+json',
                f'content type of {where}')
    problem = answer.json()
    check_equal(problem.get('status'), answer.status, f'"status" of {where}')
    check_equal(problem.get('code'), answer.status, f'"code" of {where}')
    check_equal(problem.get('error'), problem.get('detail'), f'"error" of {where}')
    check(problem.get('type', '').startswith('/problems/') and problem.get('title')
          and problem.get('reason', '').isupper(), f'the problem of {where}: {problem}')


def snapshot(client):
    return [client.get(path).body for path in ('/networks', '/allocations?all=true', '/audit')]


@test()
def bad_requests(env):
    server, client = start_server(env)
    client.post('/networks', {'cidr': '192.168.0.0/30'})
    before = snapshot(client)
    for method, path, body, status, part in BAD_REQUESTS:
        where = f'{method} {path} {str(body)[:60]}'
        answer = client.request(method, path, body, JSON if body is not None else None)
        check_equal(answer.status, status, f'{where}: {answer!r}')
        check(part.encode() in answer.body, f'{where}: no {part!r} in {answer!r}')
        check_problem(answer, where)
        if status == 405:
            check('GET' in answer.headers.get('allow', ''), f'{where}: no Allow')
    check_equal(snapshot(client), before, 'all as it was')

    # A network that is really full, and one that may not go.
    for _ in range(2):
        held = client.post('/allocations', {'cidr': '192.168.0.0/30'}).json()
    full = client.request('POST', '/allocations', {'cidr': '192.168.0.0/30'})
    check_equal((full.status, full.reason()), (409, 'NETWORK_FULL'), repr(full))
    gone = client.request('DELETE', f'/networks/{held["network_id"]}')
    check_equal(gone.status, 409, repr(gone))
    check(b'cannot delete network with active allocations' in gone.body, repr(gone))
    path = f'/allocations/{held["id"]}/release'
    check_equal(client.request('POST', path).status, 204, 'release')
    again = client.request('POST', path)
    check_equal((again.status, again.reason()), (409, 'ALREADY_RELEASED'), repr(again))
    check(server.alive(), 'the server has ended')


def raw(port, request, seconds_max=30):
    """What the server answers to these bytes, until it closes or the time is over."""
    with socket.create_connection(('127.0.0.1', port), timeout=seconds_max) as connection:
        try:
            connection.sendall(request)
            answer = b''
            while chunk := connection.recv(65536):
                answer += chunk
            return answer
        except (ConnectionResetError, BrokenPipeError):
            return answer


RAW_REQUESTS = [
    (b'POST /api/v1/networks HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n'
     b'Content-Length: 999999999\r\n\r\n', 413, 'BODY_TOO_LARGE'),
    (b'POST /api/v1/networks HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
     400, 'BAD_REQUEST'),
    (b'POST /api/v1/networks HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n'
     b'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400, 'BAD_REQUEST'),
    (b'POST /api/v1/networks HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n', 400, 'BAD_REQUEST'),
    (b'POST /api/v1/networks HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n', 501, 'NOT_IMPLEMENTED'),
    (b'POST /api/v1/networks HTTP/1.1\r\nHost: a\r\nExpect: magic\r\nContent-Length: 2\r\n\r\n{}',
     417, 'EXPECTATION_FAILED'),
    (b'POST /api/v1/networks HTTP/1.1\r\nHost: a\r\nContent-Type: text/xml\r\n'
     b'Content-Length: 2\r\nConnection: close\r\n\r\n{}', 415, 'UNSUPPORTED_MEDIA_TYPE'),
    (b'GET /' + b'a' * 20000 + b' HTTP/1.1\r\nHost: a\r\n\r\n', 414, 'URI_TOO_LONG'),
    (b'GET /api/v1/health HTTP/1.1\r\nHost: a\r\nX: ' + b'a' * 40000 + b'\r\n\r\n', 431, 'HEADERS_TOO_LARGE'),
    (b'GET /api/v1/health HTTP/3.0\r\nHost: a\r\n\r\n', 505, 'HTTP_VERSION_NOT_SUPPORTED'),
    (b'GET /api/v1/health HTTP/1.1\r\n\r\n', 400, 'BAD_REQUEST'),
    (b'nonsense\r\n\r\n', 400, 'BAD_REQUEST'),
    (b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', 400, 'BAD_REQUEST'),
]


def check_raw_problem(answer, status, reason, request):
    head, _, body = answer.partition(b'\r\n\r\n')
    check(f' {status} '.encode() in head.split(b'\r\n')[0],
          f'{request[:80]!r} gave {answer[:200]!r}')
    check_equal(json.loads(body)['reason'], reason, f'reason of {request[:80]!r}')


@test()
def nothing_is_left_of_a_wait_for_a_revision_that_never_comes(env):
    server, client = start_server(env)
    operations = [{'op': 'network.create', 'cidr': f'10.{i >> 8}.{i & 255}.0/24',
                   'description': 'd' * 900} for i in range(1000)]
    body = json.dumps({'operations': operations}).encode()
    before = snapshot(client)

    def wait(answers):
        with contextlib.closing(Client(client.port)) as waiting:
            answers.append(waiting.request('POST', '/transactions', body,
                                           {**JSON, 'X-Ipam-Min-Revision': str(10**15)}))

    # What the first ones need is kept for the next; what is left of each would be more and more.
    resident = []
    for _ in range(3):
        answers = []
        threads = [threading.Thread(target=wait, args=(answers,)) for _ in range(WAITING)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        check_equal([answer.status for answer in answers], [503] * WAITING, 'statuses')
        check_equal(answers[0].json()['reason'], 'READ_TIMEOUT', 'reason')
        check('nothing was done' in answers[0].json()['detail'], answers[0])
        resident.append(resident_bytes(server))
    grown = resident[-1] - resident[0]
    check(grown < WAITING * len(body) / 2, f'{grown} bytes of {2 * WAITING} requests are left')
    check_equal(snapshot(client), before, 'all as it was')
    env.notes.append(f'grown by {grown >> 10} KiB after {2 * WAITING} requests of '
                     f'{len(body) >> 10} KiB')


@test()
def bad_bytes_on_the_http_port(env):
    server, client = start_server(env)
    before = snapshot(client)
    half = b'POST /api/v1/networks HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n{"cidr"'
    answers = {}
    # Half a request, then silence: for as long as the server bears it, beside the rest.
    silent = threading.Thread(target=lambda: answers.update(half=raw(client.port, half, 60)))
    silent.start()
    for request, status, reason in RAW_REQUESTS:
        check_raw_problem(raw(client.port, request), status, reason, request)
    silent.join()
    if answers['half']:
        check_raw_problem(answers['half'], 408, 'REQUEST_TIMEOUT', half)
    check_equal(snapshot(client), before, 'all as it was')
    check(server.alive(), 'the server has ended')


# ---- configuration and data directories ----
def refused(env, *arguments, code, names):
    """The command ends by itself with this code and one line that has all of `names`."""
    done = env.ipam(*arguments, expect=None, seconds_max=20)
    check_equal(done.returncode, code, f'exit code of {arguments}: {done.stdout}{done.stderr}')
    lines = [line for line in done.stderr.split('\n') if line]
    check_equal(len(lines), 1, f'lines on stderr of {arguments}: {done.stderr!r}')
    for name in names:
        check(name in lines[0], f'{arguments}: no {name!r} in {lines[0]!r}')


@test()
def bad_cluster_json(env):
    cluster = Cluster(env).form()
    node = cluster.nodes[0]
    with open(node.config, encoding='utf-8') as file:
        good = json.load(file)
    check_equal(set(good), {'node_id', 'cluster_id', 'raft_addr', 'api_addr', 'data_dir', 'join',
                            'initial_members', 'enable_single_node'}, 'keys of cluster.json')
    check(isinstance(good['initial_members'], dict), 'initial_members is written as a map')

    cases = [(key, {name: value for name, value in good.items() if name != key})
             for key in ('node_id', 'cluster_id', 'raft_addr', 'initial_members')]
    members = good['initial_members']
    cases += [
        ('colour', {**good, 'colour': 'red'}),
        ('node_id', {**good, 'node_id': 0}),
        ('node_id', {**good, 'node_id': 'one'}),
        ('node_id', {**good, 'node_id': -1}),
        ('cluster_id', {**good, 'cluster_id': 0}),
        ('raft_addr', {**good, 'raft_addr': 'localhost'}),
        ('raft_addr', {**good, 'raft_addr': 'localhost:99999'}),
        ('initial_members', {**good, 'initial_members': {**members, '2': 'localhost'}}),
        ('initial_members', {**good, 'initial_members': {**members, '0': 'localhost:5'}}),
        ('initial_members', {**good, 'initial_members': {**members, 'x': 'localhost:5'}}),
        ('initial_members', {**good, 'initial_members': [
            {'node_id': 1, 'addr': 'localhost:5'}, {'node_id': 1, 'addr': 'localhost:6'}]}),
        ('initial_members', {**good, 'initial_members': 7}),
    ]
    texts = [(key, json.dumps(value)) for key, value in cases]
    texts += [('', '{"node_id": 1'), ('', ''), ('', '[]')]
    serve = ('server', '--cluster', '--host', '127.0.0.1', '--port', str(node.http_port))
    for key, text in texts:
        with open(node.config, 'w', encoding='utf-8') as file:
            file.write(text)
        refused(env, *serve, '--config', node.config, code=2, names=['cluster.json', key])
        check_equal(sorted(os.listdir(node.directory)), ['cluster.json', 'cluster.secret'],
                    'the data directory')
    refused(env, *serve, '--config', env.path('nowhere.json'), code=2, names=['nowhere.json'])

    # Both ways to write the members are read.
    as_array = [{'node_id': int(key), 'addr': value} for key, value in members.items()]
    with open(node.config, 'w', encoding='utf-8') as file:
        json.dump({**good, 'initial_members': as_array}, file)
    cluster.start()


@test()
def bad_flags(env):
    good = ['--node-id', '1', '--cluster-id', '7', '--raft-addr', 'localhost:5001',
            '--data-dir', 'data', '--initial-members', '1:localhost:5001,2:localhost:5002']

    def with_flag(flag, value):
        at = good.index(flag)
        return [*good[:at + 1], value, *good[at + 2:]]

    for command in ('init', 'join'):
        for flag, value in (('--node-id', '0'), ('--node-id', 'x'), ('--cluster-id', '0'),
                            ('--raft-addr', 'localhost'), ('--raft-addr', 'localhost:0x5'),
                            ('--initial-members', '1:localhost'), ('--initial-members', 'x'),
                            ('--initial-members', '1:a:1,1:b:2')):
            refused(env, 'cluster', command, *with_flag(flag, value), code=2, names=[flag])
            check(not os.path.exists(env.path('data')), f'{flag} {value} left a directory')
    for flag in ('--node-id', '--raft-addr', '--initial-members'):
        at = good.index(flag)
        refused(env, 'cluster', 'join', *good[:at], *good[at + 2:], code=2, names=[flag])
    for flag, value in (('--port', '70000'), ('--port', 'x'), ('--log-level', 'loud'),
                        ('--log-format', 'xml')):
        refused(env, 'server', flag, value, code=2, names=[flag])
    check(not os.path.exists(env.path('ipam-data')), 'a wrong flag left a data directory')


@test()
def second_server_on_a_data_directory_is_refused(env):
    cluster = Cluster(env).form().start()
    node = cluster.nodes[0]
    before = node.get('/networks').body
    second = env.ipam('server', '--cluster', '--config', node.config, '--host', '127.0.0.1',
                      '--port', '0', expect=None, seconds_max=30)
    check(second.returncode > 0, f'a second server ended with {second.returncode}')
    check(node.directory in second.stderr, f'it does not name the directory: {second.stderr}')
    check(node.process.alive(), 'the first one has ended')
    check_equal(node.get('/networks').body, before, 'networks')


@test()
def data_directory_of_another_cluster_is_refused(env):
    cluster = Cluster(env).form().start()
    node = cluster.nodes[2]
    check_equal(node.process.stop(), 0, 'exit code on SIGTERM')
    with open(node.config, encoding='utf-8') as file:
        config = json.load(file)
    for key in ('cluster_id', 'node_id'):
        other = {**config, key: 77}
        if key == 'node_id':
            other['initial_members'] = {**config['initial_members'], '77': config['raft_addr']}
            del other['initial_members']['3']
        with open(node.config, 'w', encoding='utf-8') as file:
            json.dump(other, file)
        done = env.ipam('server', '--cluster', '--config', node.config, '--host', '127.0.0.1',
                        '--port', str(node.http_port), expect=None, seconds_max=30)
        check(done.returncode > 0, f'another {key} ended with {done.returncode}: {done.stderr}')
        check('77' in done.stderr, f'another {key} is not named: {done.stderr}')
    with open(node.config, 'w', encoding='utf-8') as file:
        json.dump(config, file)
    node.start().wait_healthy()


def damage(path, how):
    size = os.path.getsize(path)
    with open(path, 'r+b') as file:
        if how == 'emptied':
            file.truncate(0)
        elif how == 'halved':
            file.truncate(size // 2)
        elif how == 'overwritten':
            file.write(b'This is not a database. ' * (size // 24 + 1))
        elif how == 'a page in the middle':
            file.seek(size // 2)
            file.write(b'\xa5' * 4096)


@test(240)
def damaged_raft_db_is_found(env):
    """The node says so and ends, or catches up before it votes; the others lose nothing."""
    cluster = Cluster(env).form().start()
    network = cluster.leader().post('/networks', {'cidr': '10.0.0.0/16'}).json()['id']
    load = Load(cluster.nodes, [network], clients=8, wanted=500, seed=env.seed).start().join()
    for how in ('emptied', 'halved', 'overwritten', 'a page in the middle'):
        node = cluster.follower()
        check_equal(node.process.stop(), 0, 'exit code on SIGTERM')
        kept = env.path('kept')
        shutil.copytree(node.directory, kept)
        for name in os.listdir(node.directory):
            if name.startswith('raft.db-'):  # the WAL would hide the damage
                os.remove(os.path.join(node.directory, name))
        damage(os.path.join(node.directory, 'raft.db'), how)
        logged = len(node.process.log())
        node.start()

        def refused_or_healthy():
            return not node.process.alive() or node.healthy()
        wait_until(f'raft.db {how}: the node ends or is healthy', refused_or_healthy)
        said = node.process.log()[logged:]
        if node.process.alive():
            env.notes.append(f'{how}: caught up')
        else:
            code = node.process.popen.returncode
            check(code > 0, f'raft.db {how}: the node died of signal {-code}')
            check('raft.db' in said, f'raft.db {how}: the log does not name it: {said}')
            env.notes.append(f'{how}: refused')
            # A person puts the directory back from where it was.
            shutil.rmtree(node.directory)
            shutil.copytree(kept, node.directory)
            node.start()
        shutil.rmtree(kept)
        cluster.wait_healthy()
    verify_nothing_lost(cluster.nodes, [load], [network])
