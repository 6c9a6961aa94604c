"""Who may speak on the raft port: the cluster's secret, and what strangers can do there."""
import contextlib
import os
import random
import re
import shlex
import shutil
import signal
import socket
import subprocess
import threading

from guide import need_ports
from harness import (ROOT, Client, Cluster, Load, Node, Skip, check, check_equal, free_port,
                     resident_bytes, test, verify_nothing_lost, wait_until)

OFF = {'IPAM_PEER_AUTH': 'off'}
REQUIRED = {'IPAM_PEER_AUTH': 'required'}


def secret_file(node):
    return os.path.join(node.directory, 'cluster.secret')


def share_secret(cluster):
    """Node 1 has made it; the others get copies."""
    for node in cluster.nodes[1:]:
        shutil.copy(secret_file(cluster.nodes[0]), secret_file(node))


def use(cluster, variables):
    for node in cluster.nodes:
        node.variables = {**cluster.env.variables, **variables}


def make_network(cluster, cidr='10.0.0.0/16'):
    return cluster.nodes[0].post('/networks', {'cidr': cidr}).json()['id']  # any may lead, another too


def refusals(node, reason):
    page = node.get('/metrics').body.decode()
    found = re.search(rf'^ipam_raft_connections_refused_total{{reason="{reason}"}} (\d+)$', page,
                      re.MULTILINE)
    return int(found.group(1))


def refusals_of_all(cluster, reason):
    return sum(refusals(node, reason) for node in cluster.nodes)


def stranger(env, cluster, node_id, name, cluster_id=None):
    """A node that would be one of the cluster; its process has a log of its own name."""
    node = Node(env, node_id, cluster)
    node.directory = env.path(name)
    node.config = os.path.join(node.directory, 'cluster.json')
    env.ipam('cluster', 'join', '--node-id', str(node_id), '--cluster-id',
             str(cluster_id or cluster.id), '--raft-addr', node.address, '--data-dir',
             node.directory, '--initial-members', cluster.members)
    return node


def start_stranger(env, node, name):
    node.process = env.start(name, ['./ipam', 'server', '--cluster', '--config', node.config,
                                    '--host', '127.0.0.1', '--port', str(node.http_port)],
                             env=node.variables)
    return node


def expect_in_log(process, text):
    wait_until(f'the log of {process.name} says "{text}"', lambda: text in process.log())


def expect_in_some_log(cluster, text):
    wait_until(f'some node says "{text}"',
               lambda: any(text in node.process.log() for node in cluster.nodes))


@test(180)
def peers_prove_the_secret(env):
    """Three nodes that require proof, and a fourth: with another secret, none, of another cluster,
    and at last the right one."""
    cluster = Cluster(env).form()
    share_secret(cluster)
    use(cluster, REQUIRED)
    cluster.start()
    network = make_network(cluster)

    other = stranger(env, cluster, 4, 'other')
    with open(secret_file(other), 'w', encoding='ascii') as file:
        file.write('s' * 40 + '\n')
    start_stranger(env, other, 'other')
    expect_in_log(other.process, "it did not accept this node's proof of the cluster secret; has it "
                                 'another one?')
    expect_in_some_log(cluster, 'it has another cluster secret')
    check(refusals_of_all(cluster, 'wrong_secret') > 0, 'no refusal was counted as wrong_secret')
    other.process.kill()

    none = start_stranger(env, stranger(env, cluster, 5, 'none'), 'none')
    expect_in_log(none.process, 'it requires proof of the cluster secret, and this node has none')
    expect_in_some_log(cluster, 'it has no cluster secret')
    check(refusals_of_all(cluster, 'no_proof') > 0, 'no refusal was counted as no_proof')
    none.process.kill()

    foreign = stranger(env, cluster, 6, 'foreign', cluster_id=101)
    shutil.copy(secret_file(cluster.nodes[0]), secret_file(foreign))
    start_stranger(env, foreign, 'foreign')
    expect_in_log(foreign.process, 'it belongs to cluster 100, this node to cluster 101')
    expect_in_some_log(cluster, 'it belongs to cluster 101, this node to cluster 100')
    foreign.process.kill()

    # A member whose secret was changed is no member any more, whatever it was.
    two = cluster.nodes[1]
    two.process.stop()
    two.variables = {**two.variables, 'IPAM_CLUSTER_SECRET': 't' * 40}
    two.start()
    expect_in_log(two.process, "it did not accept this node's proof")
    check(two.get('/cluster/status').json()['leader_id'] == 0, 'it has a leader without proof')
    two.process.stop()
    two.variables = {**env.variables, **REQUIRED}
    two.start()
    cluster.wait_healthy()

    right = stranger(env, cluster, 7, 'right')
    shutil.copy(secret_file(cluster.nodes[0]), secret_file(right))
    right.variables = {**env.variables, **REQUIRED}
    start_stranger(env, right, 'right')
    env.ipam('cluster', 'add-node', '7', right.address, '--server',
             f'http://127.0.0.1:{cluster.nodes[0].http_port}')
    right.wait_healthy()
    check_equal(right.get(f'/networks/{network}').json()['id'], network, 'the network at node 7')
    missing = env.run(['./ipam', 'server', '--cluster', '--config', none.config, '--peer-auth',
                       'required'], expect=2)
    check("needs the cluster's secret" in missing.stderr, missing.stderr)


@test(240)
def peer_auth_without_interruption(env):
    """From no secret at all to proof required, node by node, while clients write."""
    cluster = Cluster(env).form().start()  # node 1 alone has a secret, as after the guide's commands
    network = make_network(cluster)
    load = Load(cluster.nodes, [network], clients=4, seed=env.seed).start()
    load.wait_for(50)
    share_secret(cluster)
    for variables in (OFF, REQUIRED):
        for node in cluster.nodes:
            node.process.stop()
            node.variables = {**env.variables, **variables}
            node.start()
            node.wait_healthy()
            load.wait_for(load.count() + 20)
    load.stop()
    verify_nothing_lost(cluster.nodes, [load], [network])
    for reason in ('no_proof', 'wrong_secret', 'other_protocol'):
        check_equal(refusals_of_all(cluster, reason), 0, f'refusals for {reason}')
    env.notes.append(f'{load.count()} acknowledged, {len(load.unknown)} unknown, '
                     f'refused {dict(load.refused)}')


@test()
def warning_without_peer_auth(env):
    """One warning, where others than this machine can reach a raft port that asks nobody."""
    def warnings(name, address, *options):
        directory = env.path(name)
        env.ipam('cluster', 'init', '--raft-addr', f'{address}:{free_port()}', '--data-dir',
                 directory, '--single-node')
        process = env.start(name, ['./ipam', 'server', '--cluster', '--config',
                                   os.path.join(directory, 'cluster.json'), '--host', '127.0.0.1',
                                   '--port', str(free_port()), *options])
        wait_until('the server serves', lambda: ' serves ' in process.log())
        check_equal(process.stop(), 0, 'exit code')
        log = process.log()
        secret = open(os.path.join(directory, 'cluster.secret'), encoding='ascii').read().strip()
        check(secret not in log, 'the log has the secret')
        return log.count('may speak as a node of the cluster')
    check_equal(warnings('everywhere', '0.0.0.0'), 1, 'warnings on all addresses')
    check_equal(warnings('loopback', 'localhost'), 0, 'warnings on loopback')
    check_equal(warnings('required', '0.0.0.0', '--peer-auth', 'required'), 0,
                'warnings with --peer-auth required')


def garbage(choice):
    kind = choice.randrange(4)
    if kind == 0:
        return b''  # silence
    if kind == 1:
        return b'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
    if kind == 2:
        return choice.randbytes(choice.randrange(1, 2000))
    # The beginning of a frame whose end never comes.
    return (300).to_bytes(4, 'little') + choice.randbytes(50)


@test(180)
def garbage_on_the_raft_port(env):
    """Connections of garbage, held open as long as the node lets them: the cluster goes on, a node
    that restarts comes in between them, and the log has a few lines of it."""
    connections = 10000 if env.full else 2000
    cluster = Cluster(env).form()
    share_secret(cluster)
    use(cluster, REQUIRED)
    cluster.start()
    network = make_network(cluster)
    leader, follower = cluster.leader(), cluster.follower()
    load = Load(cluster.nodes, [network], clients=4, seed=env.seed).start()
    load.wait_for(50)
    before, count_before = resident_bytes(leader.process), load.count()
    lines_before = leader.process.log().count('\n')
    done = threading.Event()
    made = [0]

    def attack(seed):
        choice = random.Random(seed)
        open_ones = []
        while made[0] < connections and not done.is_set():
            made[0] += 1
            try:
                one = socket.create_connection(('127.0.0.1', leader.raft_port), timeout=10)
                one.sendall(garbage(choice))
                open_ones.append(one)
            except OSError:
                continue
            if len(open_ones) > 100:
                open_ones.pop(0).close()
        for one in open_ones:
            one.close()

    threads = [threading.Thread(target=attack, args=(env.seed + i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    try:
        wait_until('half of the garbage is sent', lambda: made[0] > connections // 2, 120)
        follower.process.stop()
        follower.start()
        follower.wait_healthy()
        for thread in threads:
            thread.join(120)
    finally:
        done.set()
    check_equal(made[0] >= connections, True, 'all connections were made')
    load.wait_for(load.count() + 50)
    load.stop()
    verify_nothing_lost(cluster.nodes, [load], [network])
    check(leader.get('/health').status == 200, 'the attacked node is not healthy')
    grown = resident_bytes(leader.process) - before
    check(grown < 64 << 20, f'the attacked node has grown by {grown >> 20} MiB')
    refused = refusals(leader, 'not_a_node') + refusals(leader, 'crowded')
    check(refused > connections // 4, f'{refused} refusals were counted')
    lines = leader.process.log().count('\n') - lines_before
    check(lines < 100, f'{lines} lines in the log of the attacked node')
    env.notes.append(f'{made[0]} connections, {load.count() - count_before} writes beside them, '
                     f'{refused} refused, {lines} lines of log, grown by {grown >> 10} KiB')


# ---- TLS ----
NAMES = 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1'


def make_ca(env, name):
    env.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj',
             f'/CN={name}', '-keyout', f'{name}.key', '-out', f'{name}.pem'])


def make_certificate(env, ca, name):
    """NAME.pem and NAME.key, for a node on this machine."""
    env.run(['openssl', 'req', '-newkey', 'rsa:2048', '-nodes', '-subj', f'/CN={name}', '-keyout',
             f'{name}.key', '-out', f'{name}.csr'])
    with open(env.path(f'{name}.ext'), 'w', encoding='ascii') as file:
        file.write(NAMES + '\n')
    env.run(['openssl', 'x509', '-req', '-in', f'{name}.csr', '-CA', f'{ca}.pem', '-CAkey',
             f'{ca}.key', '-CAcreateserial', '-days', '20', '-extfile', f'{name}.ext', '-out',
             f'{name}.pem'])


def peer_tls(env, name, ca='ca'):
    return {'IPAM_PEER_TLS_CERT': env.path(f'{name}.pem'),
            'IPAM_PEER_TLS_KEY': env.path(f'{name}.key'),
            'IPAM_PEER_TLS_CA': env.path(f'{ca}.pem')}


def s_client(env, node, *options, said=b''):
    """What openssl s_client says of the raft port, until the node hangs up."""
    done = subprocess.run(['openssl', 's_client', '-connect', f'127.0.0.1:{node.raft_port}',
                           '-CAfile', 'ca.pem', '-ign_eof', *options], input=said,
                          cwd=env.directory, capture_output=True, timeout=30, check=False)
    return (done.stdout + done.stderr).decode(errors='replace')


@test(180)
def peers_speak_tls(env):
    """Three nodes with certificates of one CA, and who comes with anything else."""
    if not shutil.which('openssl'):
        raise Skip('openssl is not installed')
    for ca in ('ca', 'otherca'):
        make_ca(env, ca)
    for name in ('node1', 'node2', 'node3', 'node4'):
        make_certificate(env, 'ca', name)
    make_certificate(env, 'otherca', 'foreign')
    cluster = Cluster(env).form()
    share_secret(cluster)
    for node in cluster.nodes:
        node.variables = {**env.variables, **REQUIRED, **peer_tls(env, f'node{node.id}')}
    cluster.start()
    network = make_network(cluster)
    one, two, three = cluster.nodes

    for version in ('-tls1_2', '-tls1_3'):
        said = s_client(env, one, version)
        check(re.search('alert (handshake failure|certificate required)', said), said)
        said = s_client(env, one, version, '-cert', 'foreign.pem', '-key', 'foreign.key')
        check(re.search('alert (unknown ca|bad certificate|decrypt error)', said), said)
    expect_in_log(one.process, 'TLS: ')
    check(refusals(one, 'no_certificate') >= 4, 'refusals for no_certificate')
    check('alert protocol version' in s_client(env, one, '-tls1_1', '-cipher', 'ALL@SECLEVEL=0'),
          'TLS 1.1 was not refused')
    before = refusals(one, 'not_a_node')
    said = s_client(env, one, '-cert', 'node4.pem', '-key', 'node4.key', '-verify_return_error',
                    '-verify_ip', '127.0.0.1', said=b'GET / HTTP/1.1\r\n\r\n')
    check('Verify return code: 0 (ok)' in said and 'alert' not in said, said)
    with socket.create_connection(('127.0.0.1', one.raft_port), timeout=10) as plain:
        plain.sendall(b'GET / HTTP/1.1\r\n\r\n')
        try:
            check_equal(plain.recv(1), b'', 'an answer to plain HTTP')
        except ConnectionResetError:
            pass  # hung up on before it was read
    wait_until('both are counted', lambda: refusals(one, 'not_a_node') == before + 2)

    # Nodes: without TLS, of another CA, of another cluster, and one that is right.
    shares = {}
    for number, (name, cluster_id, variables, own, others) in enumerate((
            ('plain', None, {}, 'no handshake came', 'TLS: '),
            ('alien', None, peer_tls(env, 'foreign', 'otherca'), 'TLS: ', 'TLS: '),
            ('elsewhere', 101, peer_tls(env, 'node4'), 'it belongs to cluster 100',
             'it belongs to cluster 101'))):
        shares[name] = stranger(env, cluster, 4 + number, name, cluster_id)
        shutil.copy(secret_file(one), secret_file(shares[name]))
        shares[name].variables = {**env.variables, **variables}
        start_stranger(env, shares[name], name)
        expect_in_log(shares[name].process, own)
        expect_in_some_log(cluster, others)
        shares[name].process.kill()
    right = stranger(env, cluster, 7, 'right')
    shutil.copy(secret_file(one), secret_file(right))
    right.variables = {**env.variables, **REQUIRED, **peer_tls(env, 'node4')}
    start_stranger(env, right, 'right')
    env.ipam('cluster', 'add-node', '7', right.address, '--server',
             f'http://127.0.0.1:{one.http_port}')
    right.wait_healthy()
    check_equal(right.get(f'/networks/{network}').json()['id'], network, 'the network at node 7')

    # SIGHUP: what is broken is not taken, what is good is.
    def hang_up(node, expected):
        lines = node.process.log().count(expected)
        node.process.popen.send_signal(signal.SIGHUP)
        wait_until(f'the log says "{expected}" again',
                   lambda: node.process.log().count(expected) > lines)
    with open(env.path('node2.pem'), 'w', encoding='ascii') as file:
        file.write('nothing\n')
    hang_up(two, 'SIGHUP: towards other nodes nothing has changed: ')
    make_certificate(env, 'ca', 'node2')
    hang_up(two, 'other nodes are shown the certificate in')
    three.process.stop()
    three.start()
    cluster.wait_healthy()
    make_network(cluster, '10.1.0.0/16')
    missing = env.run(['./ipam', 'server', '--cluster', '--config', shares['plain'].config,
                       '--peer-tls-cert', 'none.pem', '--peer-tls-key', 'node3.key',
                       '--peer-tls-ca', 'ca.pem'], expect=1)
    check('none.pem' in missing.stderr, missing.stderr)


@test()
def security_document_between_the_nodes(env):
    """The commands of docs/security.md, word for word: two nodes with a secret, then with TLS."""
    need_ports(5001, 5002, 8081, 8082)
    with open(os.path.join(ROOT, 'docs', 'security.md'), encoding='utf-8') as file:
        section = file.read().partition('\n## Between the nodes\n')[2].partition('\n## ')[0]
    commands = [line for block in re.findall(r'```sh\n(.*?)```', section, re.S)
                for line in block.strip().split('\n')]
    env.variables['PATH'] = f'{env.directory}:{env.variables["PATH"]}'
    os.symlink(os.path.join(ROOT, 'scripts'), env.path('scripts'))
    rounds = 0
    running = []
    for command in commands:
        if not command.startswith('ipam server'):
            for process in running:
                check_equal(process.stop(), 0, 'exit code on SIGTERM')
            running = []
            env.run(['bash', '-c', command])
            continue
        running.append(env.start(f'node{len(running) + 1}', shlex.split(command)))
        if len(running) < 2:
            continue
        rounds += 1
        for port in (8081, 8082):
            with contextlib.closing(Client(port)) as client:
                wait_until(f'the node on port {port} is ready',
                           lambda: client.request('GET', '/health').status == 200)
    check_equal(rounds, 2, 'times that two nodes were started')
