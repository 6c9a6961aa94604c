"""The drills of docs/operations.md, with its commands word for word: backup, restore, recovery."""
import json
import os
import shutil

from cluster import make_networks
from guide import commands_of, start_server
from harness import (ROOT, Client, Cluster, Load, Node, Skip, check, check_equal, port_is_free,
                     private_network, same_on_all, test, verify_nothing_lost, wait_until)
from membership import audited
from retrying import RetryingLoad, verify_exactly_once

DRILLS = os.path.join(ROOT, 'docs/operations.md')


def as_in_the_drills(node):
    """Node N has its API on port 808N, its Raft port is 500N, its directory nodeN-data."""
    node.http_port, node.raft_port = 8080 + node.id, 5000 + node.id
    node.directory = node.env.path(f'node{node.id}-data')
    node.config = os.path.join(node.directory, 'cluster.json')
    node.address = f'localhost:{node.raft_port}'
    return node


def drill_cluster(env, size):
    cluster = Cluster(env, size)
    for node in cluster.nodes:
        as_in_the_drills(node)
    ports = [port for number in range(1, 10) for port in (8080 + number, 5000 + number)]
    if not private_network() and not all(port_is_free(port) for port in ports):
        raise Skip('the ports of the drills are taken')
    cluster.members = ','.join(f'{node.id}:{node.address}' for node in cluster.nodes)
    env.variables['PATH'] = env.directory + ':' + env.variables['PATH']
    return cluster.form().start()


def wait_for_api(port):
    def healthy():
        client = Client(port)
        try:
            return client.request('GET', '/health').status == 200
        finally:
            client.close()
    wait_until(f'port {port} serves', healthy)


def field(outputs, begin, title):
    """What the command that begins so has printed behind `title`."""
    output = next(text for command, text in outputs.items() if command.startswith(begin))
    line = next(line for line in output.split('\n') if title in line)
    return line.split(title)[1].strip(' :,')


def split_drill(section, at):
    """The commands of a section in two parts: before the one that begins with `at`, and from it."""
    commands = commands_of(section, DRILLS)
    index = next(i for i, command in enumerate(commands) if command.startswith(at))
    return commands[:index], commands[index:]


def meant_of(command, number):
    """A command that speaks of node 2, of another one."""
    for begin, end in (('node', '-data'), ('localhost:500', ' '), ('--port 808', ''),
                       ('--node-id ', ' '), ('add-node ', ' ')):
        command = command.replace(f'{begin}2{end}', f'{begin}{number}{end}')
    return command


def run_lines(env, commands):
    """Runs them in turn: (what each has printed, the server that was started)."""
    outputs, server = {}, None
    for command in commands:
        if ' server ' in command:
            server = start_server(env, command)
            continue
        port = command.partition('--server http://localhost:')[2][:4]
        if port:  # a person would wait, too
            wait_for_api(int(port))
        outputs[command] = env.run(['bash', '-c', command]).stdout
    return outputs, server


def joined(env, cluster, commands, number):
    """The node that these commands add."""
    node = as_in_the_drills(Node(env, number, cluster))
    _, node.process = run_lines(env, commands)
    node.wait_healthy()
    return node


def refused(nodes):
    """Each that comes back is told why, and finds no leader. (A majority of them that came back at
    once would go on as the old cluster.)"""
    for node in nodes:
        node.start()
        wait_until(f'node {node.id} serves', node.status)
        wait_until(f'node {node.id} is refused',
                   lambda node=node: 'of cluster epoch' in node.process.log())
        check(node.status()['leader_id'] == 0, f'node {node.id} follows: {node.status()}')
        node.kill()


@test(240)
def backup_under_load_is_restored_on_an_empty_machine(env):
    """Issue 5, item 3."""
    cluster = drill_cluster(env, 3)
    first, second, third = cluster.nodes
    first.post('/cluster/transfer-leader', {'node_id': 1}, expect=204)
    ids = make_networks(first, [f'10.{number}.0.0/16' for number in range(10)])
    keyed = {'Idempotency-Key': 'drill-1', 'Content-Type': 'application/json'}
    body = {'network_id': ids[0], 'hostname': 'c99-1', 'ttl': 86400}
    with first.connected() as client:
        answer = client.request('POST', '/allocations', body, keyed)
    check_equal(answer.status, 201, repr(answer))
    load = Load(cluster.nodes, ids, clients=8, seed=env.seed).start()
    load.wait_for(500)
    backup, _ = run_lines(env, commands_of('Backup', DRILLS))
    acknowledged_during = load.count()
    load.wait_for(acknowledged_during + 200)
    load.stop()
    revision, digest = field(backup, 'ipam backup ipam.db', 'Revision'), field(
        backup, 'ipam backup ipam.db', 'Digest')
    check_equal(field(backup, 'ipam backup verify', 'Digest'), digest, 'digest when checked again')
    check(int(revision) < third.status()['applied_index'], 'nothing was written after the backup')
    wait_until('the nodes say one digest',
               lambda: len({node.status()['digest'] for node in cluster.nodes}) == 1)
    quiet = json.loads(env.ipam('backup', 'quiet.db', '--server', 'http://localhost:8083',
                                '--output', 'json').stdout)
    status = first.status()
    check_equal((quiet['revision'], quiet['digest']), (status['applied_index'], status['digest']),
                'a backup of one node, and what another one says')
    paths = [f'/networks?at={revision}', f'/allocations?at={revision}']
    before = [same_on_all(cluster.nodes, path) for path in paths]
    history = [entry for entry in first.get('/audit?limit=10000').json()
               if entry['revision'] <= int(revision)]
    for node in cluster.nodes:
        node.kill()
    for node in (first, second):
        shutil.move(node.directory, node.directory + '.lost')

    restoring, growing = split_drill('Restore', 'ipam cluster join')
    restored, first.process = run_lines(env, restoring)
    first.wait_healthy()
    check_equal(field(restored, 'ipam restore', 'digest'), digest, 'digest of what was restored')
    check(f'as of revision {revision},' in next(iter(restored.values())), restored)
    check_equal([first.get(path).body for path in paths], before, 'the state as of the backup')
    check_equal([entry for entry in first.get('/audit?limit=10000').json()
                 if entry['revision'] <= int(revision)], history, 'the audit log')
    check(first.get('/audit/verify').json()['intact'], 'the restored state is not intact')
    with first.connected() as client:
        again = client.request('POST', '/allocations', body, keyed)
        check_equal((again.status, again.body, again.headers.get('idempotent-replayed')),
                    (201, answer.body, 'true'), 'the same key after the restoration')
        new = client.request('POST', '/allocations', {'network_id': ids[0], 'hostname': 'new'})
    taken = {item['id'] for item in json.loads(before[1])}
    check(new.status == 201 and new.json()['id'] not in taken, f'{new!r}')
    refused([third])
    second = joined(env, cluster, growing, 2)
    wait_until('node 2 votes', lambda: audited(first, 'node_promoted', 'node-2'))
    same_on_all([first, second], '/allocations?all=true')
    env.notes.append(f'revision {revision}, {acknowledged_during} of {load.count()} acknowledged, '
                     f'{len(taken)} allocations, {os.path.getsize(env.path("ipam.db"))} bytes')


@test(300)
def cluster_of_five_recovers_from_the_loss_of_three(env):
    """Issue 5, item 4."""
    cluster = drill_cluster(env, 5)
    survivor, _, *lost = cluster.nodes
    ids = make_networks(survivor, [f'10.{number}.0.0/16' for number in range(10)])
    load = Load(cluster.nodes, ids, clients=8, wanted=600, seed=env.seed).start().join(60)
    same_on_all(cluster.nodes, '/audit?limit=1000')
    for node in cluster.nodes:
        node.kill()
    recovering, growing = split_drill('Loss of a quorum', 'rm -rf')
    plans, survivor.process = run_lines(env, recovering)
    plan, done = plans.values()
    check('Nothing was changed' in plan and 'digest' in plan, plan)
    check('is now its only member' in done, done)
    survivor.wait_healthy()
    grown = [survivor]
    for number in (2, 6, 7, 8):
        commands = [meant_of(command, number) for command in growing]
        grown.append(joined(env, cluster, commands, number))
    for node in grown[1:]:
        wait_until(f'node {node.id} votes',
                   lambda node=node: audited(survivor, 'node_promoted', f'node-{node.id}'))
    refused(lost)
    check_equal(sorted(entry['node_id'] for entry in survivor.status()['members']),
                [1, 2, 6, 7, 8], 'members')
    after = Load(grown, ids, clients=8, wanted=300, seed=env.seed, name='after').start().join(60)
    verify_nothing_lost(grown, [load, after], ids)
    # Five again: any two may be missing.
    for node in grown[:2]:
        node.kill()
    rest = Load(grown[2:], ids, clients=4, wanted=100, seed=env.seed, name='rest').start().join(60)
    verify_nothing_lost(grown[2:], [load, after, rest], ids)


@test()
def dead_node_is_replaced(env):
    cluster = drill_cluster(env, 3)
    first, second, third = cluster.nodes
    ids = make_networks(first, ['10.0.0.0/16'])
    load = RetryingLoad(cluster.nodes, ids).start()
    load.wait_for_more(200)
    third.kill()
    load.nodes = [first, second]
    fourth = joined(env, cluster, commands_of('Replace a dead node', DRILLS), 4)
    load.nodes = nodes = [first, second, fourth]
    wait_until('node 4 votes', lambda: audited(first, 'node_promoted', 'node-4'))
    load.wait_for_more(200)
    load.stop()
    verify_exactly_once(nodes, [load])
    cut, _ = run_lines(env, commands_of('Snapshot', DRILLS))
    check(int(field(cut, 'ipam cluster snapshot', 'Durable index')) > 0, cut)
    check(first.status()['snapshot_index'] > 0, 'the log was not cut')
    after = RetryingLoad(nodes, ids, clients=4, name='after').start()
    after.wait_for_more(100)
    after.stop()
    verify_exactly_once(nodes, [load, after])


def votes(cluster_node, node_id):
    return any(entry['node_id'] == node_id and entry['voter']
               for entry in cluster_node.status()['members'])


@test(240)
def cluster_grows_to_five_and_shrinks_again(env):
    """Under load, from one node to five and back to another one."""
    cluster = drill_cluster(env, 1)
    first = cluster.nodes[0]
    ids = make_networks(first, [f'10.{number}.0.0/16' for number in range(10)])
    load = RetryingLoad([first], ids).start()
    load.wait_for_more(200)
    growing, shrinking = split_drill('Grow and shrink', 'ipam cluster remove-node')
    nodes = [first]
    for number in range(2, 6):
        nodes.append(joined(env, cluster, [meant_of(command, number) for command in growing],
                            number))
        load.nodes = list(nodes)
        wait_until(f'node {number} votes', lambda: votes(nodes[0], number), 60)
        load.wait_for_more(100)
    check_equal(len(cluster.nodes[0].status()['members']), 5, 'members')
    # The leader first, then whoever comes: the last one is not among the founders.
    while len(nodes) > 1:
        leader_id = next(node.status()['leader_id'] for node in nodes)
        gone = next((node for node in nodes if node.id == leader_id), nodes[0])
        nodes.remove(gone)
        load.nodes = list(nodes)
        asked = nodes[0]
        for command in shrinking:
            command = command.replace('remove-node 2', f'remove-node {gone.id}').replace(
                '8081', str(asked.http_port))
            env.run(['bash', '-c', command])
        check_equal(gone.process.wait(), 0, f'exit code of node {gone.id}, which was removed')
        check('removed from the cluster' in gone.process.log(), gone.process.log()[-500:])
        load.wait_for_more(100)
    load.stop()
    verify_exactly_once(nodes, [load])
    check_equal([entry['node_id'] for entry in nodes[0].status()['members']], [nodes[0].id],
                'members')
    gap, when = load.longest_gap()
    env.notes.append(f'{load.count()} requests, none failed; longest gap {gap * 1000:.0f} ms; '
                     f'slowest {load.slowest_seconds * 1000:.0f} ms; retries {dict(load.retries)}')


@test()
def node_moves_to_another_address(env):
    cluster = drill_cluster(env, 3)
    first, second, third = cluster.nodes
    ids = make_networks(first, ['10.0.0.0/16'])
    load = RetryingLoad(cluster.nodes, ids).start()
    load.wait_for_more(200)
    _, third.process = run_lines(env, commands_of("Change a node's address", DRILLS))
    third.wait_healthy()
    third.address = 'localhost:5013'
    for node in cluster.nodes:
        wait_until(f'node {node.id} knows the address', lambda node=node: third.address in
                   [entry['addr'] for entry in node.status()['members']])
    check(audited(first, 'node_moved', 'node-3'), 'no node_moved in the audit')
    # It is as good as before: the cluster goes on with it and one other.
    load.wait_for_more(100)
    second.kill()
    load.wait_for_more(200)
    second.start().wait_healthy()
    # The address is in the log: node 3 finds its way though nobody's file names it.
    third.process.stop()
    first.process.stop()
    for node in (first, third):
        node.start()
    cluster.wait_healthy()
    load.stop()
    verify_exactly_once(cluster.nodes, [load])


@test()
def nodes_are_restarted_one_after_the_other(env):
    """The commands of the section; from an older program, where IPAM_E2E_OLD_BINARY names one."""
    older = os.environ.get('IPAM_E2E_OLD_BINARY')
    if older:
        os.remove(env.path('ipam'))
        os.symlink(older, env.path('ipam'))
    cluster = drill_cluster(env, 3)
    ids = make_networks(cluster.nodes[0], ['10.0.0.0/16'])
    load = RetryingLoad(cluster.nodes, ids).start()
    load.wait_for_more(200)
    os.remove(env.path('ipam'))
    os.symlink(env.binary, env.path('ipam'))
    for node in sorted(cluster.nodes, key=lambda node: node is cluster.leader()):
        commands = [command.replace('node1', f'node{node.id}').replace('8081', str(node.http_port))
                    for command in commands_of('Restart one node after the other', DRILLS)]
        _, node.process = run_lines(env, commands)
        load.wait_for_more(100)
    load.stop()
    verify_exactly_once(cluster.nodes, [load])
    gap, _ = load.longest_gap()
    env.notes.append(f'{"from an older program; " if older else ""}longest gap {gap * 1000:.0f} ms; '
                     f'retries {dict(load.retries)}')


@test()
def commands_that_look_at_disks_work(env):
    cluster = drill_cluster(env, 1)
    looked, _ = run_lines(env, commands_of('Disks', DRILLS))
    check('"status":"healthy"' in ''.join(looked.values()), looked)
    check_equal(cluster.nodes[0].process.stop(), 0, 'exit code')
