"""Nodes are stopped and started in turn while clients that retry go on."""
import os
import signal
import socket
import threading
import time

from cluster import make_networks
from harness import Client, Cluster, Load, check, check_equal, free_port, test, wait_until
from retrying import RetryingLoad, verify_exactly_once

ROUNDS = 2
# Of planned restarts; a slow machine that runs other tests beside takes a fraction of it.
GAP_SECONDS_MAX = 1.5
# A start with an empty or small state: the bound has room for a machine that is busy.
READY_SECONDS_MAX = 5
# The server's own deadline for requests under way is 10 s.
STOP_SECONDS_MAX = 12


def restart(node, load):
    """SIGTERM, the exit code, a start: (seconds to stop, seconds until ready)."""
    began = time.monotonic()
    check_equal(node.process.stop(), 0, f'exit code of node {node.id}')
    stopped = time.monotonic()
    node.start()
    started = time.monotonic()
    node.wait_healthy()
    ready = time.monotonic()
    load.wait_for_more(100)
    return stopped - began, ready - started


@test(180)
def rolling_restart_fails_no_request(env):
    """Issue 5, item 5."""
    cluster = Cluster(env).form().start()
    ids = make_networks(cluster.leader(), [f'10.{number}.0.0/16' for number in range(10)])
    load = RetryingLoad(cluster.nodes, ids).start()
    load.wait_for_more(200)
    stops, starts, gaps, hand_overs = [], [], [], []
    for _ in range(ROUNDS):
        for node in cluster.nodes:
            was = 'leader' if cluster.leader() is node else 'follower'
            began = time.monotonic()
            stop, start = restart(node, load)
            stops.append(stop)
            starts.append(start)
            if was == 'leader':
                hand_overs.append(load.longest_gap(began, began + stop)[0])
            gap, when = load.longest_gap(began)
            gaps.append((gap, f'{gap * 1000:.0f} ms {when - began:.2f} s after the stop of a {was}'))
    load.stop()
    verify_exactly_once(cluster.nodes, [load])
    gap, what = max(gaps)
    env.notes.append(f'{load.count()} requests, none failed; longest gap {what}, '
                     f'while a leader hands over {max(hand_overs, default=0) * 1000:.0f} ms; '
                     f'slowest request {load.slowest_seconds * 1000:.0f} ms; '
                     f'stops up to {max(stops):.2f} s, starts up to {max(starts):.2f} s; '
                     f'retries {dict(load.retries)}; gaps {[text for _, text in gaps]}')
    check(gap < GAP_SECONDS_MAX, f'the longest gap was {what}')
    check(max(starts) < READY_SECONDS_MAX, f'starts took {starts}')


def busy_connections(node, ids):
    """Sockets that a server could wait for: idle ones, half a request, readers that do not read."""
    sockets = []

    def connect(data):
        connection = socket.create_connection(('127.0.0.1', node.http_port), timeout=20)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(data)
        sockets.append(connection)
        return connection

    def get(path):
        return connect(f'GET /api/v1{path} HTTP/1.1\r\nHost: a\r\n\r\n'.encode())

    for _ in range(3):
        connect(b'')
        connect(b'POST /api/v1/networks HTTP/1.1\r\nHost: a\r\nContent-Le')
        connect(b'POST /api/v1/networks HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{')
        for path in ('/watch', '/watch?since=1', '/export?format=json', '/allocations',
                     '/networks'):
            get(path)
        check(get('/health').recv(100).startswith(b'HTTP/1.1 200'), 'health')
    backup = connect(b'POST /api/v1/cluster/backup?consistency=stale HTTP/1.1\r\n'
                     b'Host: a\r\nContent-Length: 0\r\n\r\n')
    check(backup.recv(12) == b'HTTP/1.1 200', 'no backup began')
    return sockets


def stop_in_time(node):
    began = time.monotonic()
    check_equal(node.process.stop(STOP_SECONDS_MAX), 0, f'exit code of node {node.id}')
    return time.monotonic() - began


@test()
def sigterm_ends_in_time_whatever_is_open(env):
    """With readers that do not read, and writes that no quorum commits: exit code 0."""
    cluster = Cluster(env).form().start()
    leader = cluster.leader()
    ids = make_networks(leader, [f'10.{number}.0.0/16' for number in range(200)])
    load = Load(cluster.nodes, ids, clients=8, wanted=2000, seed=env.seed).start().join(60)
    sockets = busy_connections(leader, ids)
    with_successor = stop_in_time(leader)
    leader.start().wait_healthy()
    # Now the last one of three, and a client that waits for a commit that cannot come.
    last = cluster.leader()
    for node in cluster.nodes:
        if node is not last:
            node.kill()
    sockets += busy_connections(last, ids)
    answers = []

    def write():
        with last.connected() as client:
            answers.append(client.request('POST', '/allocations', {'network_id': ids[0]}))
    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    wait_until('the write is under way', lambda: 'ipam_proposals_pending 1' in
               last.get('/metrics').body.decode())
    alone = stop_in_time(last)
    writer.join(10)
    check(answers and answers[0].status in (503, 504), f'the write was answered {answers}')
    for connection in sockets:
        connection.close()
    for node in cluster.nodes:
        node.start()
    cluster.wait_healthy()
    more = len(cluster.nodes[0].get('/allocations?all=true').json()) - load.count()
    check(more == 0 or (more == 1 and answers[0].status == 504),
          f'{more} allocations more than were acknowledged, after {answers[0].status}')
    env.notes.append(f'{with_successor:.2f} s with a successor, {alone:.2f} s without a quorum')


@test()
def start_is_ready_in_a_second(env):
    """A node of a cluster that serves, a whole cluster that elects, and a server alone."""
    cluster = Cluster(env).form()
    began = time.monotonic()
    cluster.start()
    whole = time.monotonic() - began
    node, singles = cluster.follower(), []
    for _ in range(5):
        # Long enough for the others to dial it seldom.
        stop_in_time(node)
        time.sleep(1.5)
        began = time.monotonic()
        node.start().wait_healthy()
        singles.append(time.monotonic() - began)
    env.notes.append(f'a cluster {whole:.2f} s, one node '
                     f'{", ".join(f"{seconds:.2f}" for seconds in singles)} s')
    check(min(singles) < 1, f'starts took {singles}')
    check(max([whole, *singles]) < READY_SECONDS_MAX, f'starts took {whole} and {singles}')


@test()
def each_change_of_leader_says_why(env):
    cluster = Cluster(env).form().start()
    first = cluster.leader()
    node = cluster.follower()
    node.post('/cluster/transfer-leader', {'node_id': node.id}, expect=204)
    check_equal(cluster.leader().id, node.id, 'the leader that was asked for')
    expect_logged(first, f'node {first.id} hands leadership over to node {node.id} in term',
                  'an operator asked for it')
    expect_logged(first, f'node {first.id} leads no more', f'handed over to node {node.id}')
    expect_logged(node, f'node {node.id} leads in term', f'node {first.id} hands over to it')

    leader = cluster.leader()
    leader.kill()
    others = [node for node in cluster.nodes if node is not leader]
    second = led_by_another(others, leader)
    expect_logged(second, f'node {second.id} asks for votes in term',
                  f'the connection from the leader, node {leader.id}, broke')
    leader.start().wait_healthy()

    # A leader that stands still keeps its connections.
    second.process.popen.send_signal(signal.SIGSTOP)
    others = [node for node in cluster.nodes if node is not second]
    try:
        third = led_by_another(others, second)
    finally:
        second.process.popen.send_signal(signal.SIGCONT)
    expect_logged(third, f'node {third.id} leads in term',
                  f'nothing was heard of the leader, node {second.id}, for')
    expect_logged(second, f'node {second.id} leads no more, as of term')
    details = [entry['details'] for entry in third.get('/audit').json()
               if entry['action'] == 'leader_elected']
    check('nothing was heard of the leader' in details[0], f'the audit says {details}')
    check('ipam_raft_elections_won_total{cause="leader_silent"} 1' in
          third.get('/metrics').body.decode(), 'no such metric')


def led_by_another(nodes, than):
    def agreed():
        seen = {node.status()['leader_id'] for node in nodes}
        return len(seen) == 1 and not seen & {0, than.id} and next(iter(seen))
    leader_id = wait_until(f'another node than {than.id} leads', agreed)
    return next(node for node in nodes if node.id == leader_id)


def expect_logged(node, *parts):
    wait_until(f'node {node.id} says {parts}', lambda: any(
        all(part in line for part in parts) for line in node.process.log().split('\n')), 5)


@test()
def command_waits_for_a_server_that_stops(env):
    """It finds the directory held by a server that does not serve any more."""
    port = free_port()
    server = env.start('server', ['./ipam', 'server', '--db', 'data', '--host', '127.0.0.1',
                                  '--port', str(port)])
    wait_until('it serves', lambda: port_serves(port))
    env.ipam('network', 'add', '10.0.0.0/24', '--db', 'data')
    # Half a request keeps the server from stopping at once.
    with socket.create_connection(('127.0.0.1', port)) as half:
        half.sendall(b'POST /api/v1/networks HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{')
        wait_until('it is there', lambda: 'ipam_http_connections 2' in metrics_at(port))
        server.popen.send_signal(signal.SIGTERM)
        wait_until('it is stopping', lambda: not os.path.exists(env.path('data/server.json')))
        check(server.alive(), 'the server did not wait for the request')
        listed = env.ipam('network', 'list', '--db', 'data')
    check('10.0.0.0/24' in listed.stdout, listed.stdout)
    check_equal(server.wait(), 0, 'exit code')


@test()
def late_request_does_not_keep_a_node_from_its_end(env):
    """Whether its token is known is asked behind a read barrier, when nobody answers one any more."""
    cluster = Cluster(env).form()
    for node in cluster.nodes:
        node.variables = {**env.variables, 'IPAM_AUTH': 'required'}
    cluster.start()
    node = cluster.nodes[0]
    with socket.create_connection(('127.0.0.1', node.http_port)) as late:
        late.settimeout(STOP_SECONDS_MAX)
        late.sendall(b'GET /api/v1/networks HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n'
                     b'Authorization: Bearer ipam_nobody\r\n\r\n')
        wait_until('it is there', lambda: connections_of(env, node) >= 1)
        node.process.popen.send_signal(signal.SIGTERM)
        wait_until('its Raft has ended', lambda: not is_open(node.raft_port))
        check(node.process.alive(), 'the node did not wait for the request')
        late.sendall(b'x')
        answer = late.recv(65536)
        check(b'SHUTTING_DOWN' in answer, answer)
    check_equal(node.process.wait(STOP_SECONDS_MAX), 0, 'exit code')


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(('127.0.0.1', port)) == 0


def connections_of(env, node):
    """/metrics needs a token here; what the kernel knows does not."""
    found = env.run(['ss', '-Htn', 'state', 'established', f'( sport = :{node.http_port} )'])
    return len(found.stdout.splitlines())


def metrics_at(port):
    client = Client(port)
    try:
        return client.get('/metrics').body.decode()
    finally:
        client.close()


def port_serves(port):
    return 'ipam_ready 1' in metrics_at(port)
