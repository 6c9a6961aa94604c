"""Nodes come and go while writes go on."""
import json
import os

from cluster import make_networks
from harness import (Cluster, Load, Node, Skip, check, check_equal, private_network, test,
                     verify_nothing_lost, wait_until)


def member(node, node_id):
    """What `node` says of a member, or None."""
    return next((entry for entry in node.status()['members'] if entry['node_id'] == node_id), None)


def is_voter(entry):
    return entry.get('voter', entry['role'] != 'learner')


def load_until_log_is_cut(cluster, load, seconds_max):
    """Until the leader's log no longer begins at its beginning."""
    def cut():
        check(not load.unexpected, f'unexpected answers: {load.unexpected[:3]}')
        return cluster.leader().status()['snapshot_index'] > 0
    wait_until('the log has been cut', cut, seconds_max)


@test(300)
def fourth_node_joins_under_load_and_the_leader_leaves(env):
    """Issue 2, item 4."""
    cluster = Cluster(env).form().start()
    ids = make_networks(cluster.leader(), [f'10.{number}.0.0/16' for number in range(50)])
    load = Load(cluster.nodes, ids, clients=16, seed=env.seed).start()
    load_until_log_is_cut(cluster, load, 150)

    fourth = Node(env, 4, cluster)
    env.ipam('cluster', 'join', '--node-id', '4', '--cluster-id', str(cluster.id), '--raft-addr',
             fourth.address, '--data-dir', fourth.directory, '--initial-members', cluster.members)
    fourth.start()
    follower = cluster.follower()
    cut_at = cluster.leader().status()['snapshot_index']
    answer = follower.post('/cluster/nodes', {'node_id': 4, 'addr': fourth.address}, expect=204)
    check_equal(answer.body, b'', 'body of a 204')

    def voter():
        entry = member(cluster.leader(), 4)
        return entry is not None and is_voter(entry)
    wait_until('node 4 has become a voter by itself', voter, 60)
    fourth.wait_healthy()
    check(fourth.status()['snapshot_index'] >= cut_at,
          f'node 4 did not get a snapshot: {fourth.status()}, the log was cut at {cut_at}')

    leader = cluster.leader()
    rest = [node for node in [*cluster.nodes, fourth] if node is not leader]
    with rest[0].connected() as client:
        removed = client.request('DELETE', f'/cluster/nodes/{leader.id}')
        check_equal(removed.status, 204, repr(removed))

    def others_lead():
        seen = {node.status()['leader_id'] for node in rest}
        return len(seen) == 1 and not seen & {0, leader.id}
    wait_until('the rest has a leader of its own', others_lead)
    check(member(rest[0], leader.id) is None, 'the removed node is still a member')

    # The clients that still talk to the removed node must find their way, or stop.
    load.stop()
    after = Load(rest, ids, clients=8, wanted=500, seed=env.seed, name='after').start().join(60)
    verify_nothing_lost(rest, [load, after], ids)
    check_equal(len(rest[0].status()['members']), 3, 'members')
    env.notes.append(f'{load.count()} + {after.count()} acknowledged, log cut at {cut_at}')


@test()
def membership_changes_that_make_no_sense_are_refused(env):
    cluster = Cluster(env).form().start()
    node = cluster.follower()
    cases = [
        ('POST', '/cluster/nodes', {'node_id': 4}, 400),
        ('POST', '/cluster/nodes', {'addr': 'localhost:5'}, 400),
        ('POST', '/cluster/nodes', {'node_id': 0, 'addr': 'localhost:5'}, 400),
        ('POST', '/cluster/nodes', {'node_id': 4, 'addr': 'no-port'}, 400),
        ('POST', '/cluster/nodes', {'node_id': 'four', 'addr': 'localhost:5'}, 400),
        ('POST', '/cluster/nodes', {'node_id': 1, 'addr': 'localhost:5'}, 409),
        ('POST', '/cluster/nodes', {'node_id': 9, 'addr': cluster.nodes[0].address}, 409),
        ('DELETE', '/cluster/nodes/9', None, 404),
        ('DELETE', '/cluster/nodes/none', None, 404),
    ]
    before = node.status()['members']
    with node.connected() as client:
        for method, path, body, status in cases:
            answer = client.request(method, path, body)
            check(answer.status == status or (path.endswith('none') and answer.status == 400),
                  f'{method} {path} {body}: expected {status}, found {answer!r}')
    names = [(entry['node_id'], entry['addr']) for entry in before]
    after = [(entry['node_id'], entry['addr']) for entry in node.status()['members']]
    check_equal(after, names, 'members')


@test()
def nodes_are_added_and_removed_by_the_command_line(env):
    cluster = Cluster(env).form().start()
    leader = cluster.leader()
    url = f'http://127.0.0.1:{leader.http_port}'
    env.ipam('cluster', 'add-node', '4', 'localhost:5', '--server', url)
    check(member(leader, 4) is not None, 'node 4 is no member')
    check(not is_voter(member(leader, 4)), 'a node that never answered is a voter')
    env.ipam('cluster', 'remove-node', '4', '--config', leader.config)
    check(member(leader, 4) is None, 'node 4 is still a member')
    actions = {entry['action'] for entry in leader.get('/audit').json()}
    for action in ('leader_elected', 'node_added', 'node_removed'):
        check(action in actions, f'no {action} in the audit: {actions}')
    status = env.ipam('cluster', 'status', '--server', url)
    check('leader' in status.stdout, status.stdout)


def empty_data_directory(node):
    """As if its disk had been replaced; cluster.json stays."""
    for name in os.listdir(node.directory):
        if name != 'cluster.json' and os.path.isfile(os.path.join(node.directory, name)):
            os.remove(os.path.join(node.directory, name))


def audited(node, action, resource):
    return any(entry['action'] == action and entry['resource'] == resource
               for entry in node.get('/audit?limit=10000').json())


@test()
def wiped_node_is_caught_up_before_it_votes(env):
    """A founder whose disk is replaced and that is started again under its own id."""
    cluster = Cluster(env).form().start()
    ids = make_networks(cluster.leader(), [f'10.{number}.0.0/16' for number in range(10)])
    load = Load(cluster.nodes, ids, clients=8, wanted=1000, seed=env.seed).start().join(60)
    wiped = cluster.follower()
    wiped.kill()
    empty_data_directory(wiped)
    wiped.start().wait_healthy()
    name = f'node-{wiped.id}'
    wait_until('it is a learner first', lambda: audited(cluster.leader(), 'node_demoted', name))
    wait_until('it has caught up and votes', lambda: audited(cluster.leader(), 'node_promoted',
                                                             name))
    # Now it is as good as any: the cluster goes on with it and one of the others.
    leader = cluster.leader()
    leader.kill()
    rest = [node for node in cluster.nodes if node is not leader]
    after = Load(rest, ids, clients=8, wanted=300, seed=env.seed, name='after').start().join(60)
    verify_nothing_lost(rest, [load, after], ids)


@test()
def cluster_recovers_after_the_loss_of_a_quorum(env):
    cluster = Cluster(env).form().start()
    ids = make_networks(cluster.leader(), [f'10.{number}.0.0/16' for number in range(10)])
    load = Load(cluster.nodes, ids, clients=8, wanted=1000, seed=env.seed).start().join(60)
    survivor = cluster.follower()
    lost = [node for node in cluster.nodes if node is not survivor]
    refused = env.ipam('cluster', 'recover', '--config', survivor.config, '--yes', expect=1)
    check('running' in refused.stderr, refused.stderr)
    for node in cluster.nodes:
        node.kill()
    plan = env.ipam('cluster', 'recover', '--config', survivor.config)
    check('Nothing was changed' in plan.stdout, plan.stdout)
    for node in lost:
        check(node.address in plan.stdout, plan.stdout)
    done = json.loads(env.ipam('cluster', 'recover', '--config', survivor.config, '--yes',
                               '--output', 'json').stdout)
    check_equal((done['done'], done['epoch'], len(done['dropped'])), (True, 2, 2), 'the answer')
    survivor.start().wait_healthy()
    # Those that come back are of the old epoch: they stay outside, and harm nothing.
    for node in lost:
        node.start()
    after = Load([survivor], ids, clients=4, wanted=200, seed=env.seed, name='after').start()
    after.join(60)
    verify_nothing_lost([survivor], [load, after], ids)
    check_equal([entry['node_id'] for entry in survivor.status()['members']], [survivor.id],
                'members')
    wait_until('a lost member is told why', lambda: any('epoch' in node.process.log()
                                                        for node in [*lost, survivor]))
    for node in lost:
        node.kill()
    # One of them is wiped and added anew.
    new = Node(env, 4, cluster)
    env.ipam('cluster', 'join', '--node-id', '4', '--cluster-id', str(cluster.id), '--raft-addr',
             new.address, '--data-dir', new.directory, '--initial-members', cluster.members)
    new.start()
    survivor.post('/cluster/nodes', {'node_id': 4, 'addr': new.address}, expect=204)
    wait_until('it votes', lambda: audited(survivor, 'node_promoted', 'node-4'))
    new.wait_healthy()
    verify_nothing_lost([survivor, new], [load, after], ids)


@test()
def leader_with_a_nearly_full_disk_hands_over(env):
    """Each node has a small file system of its own; that of the leader fills up."""
    if not private_network():
        raise Skip('needs namespaces of its own')
    cluster = Cluster(env)
    for node in cluster.nodes:
        os.makedirs(node.directory)
        env.run(['mount', '-t', 'tmpfs', '-o', 'size=400m', 'none', node.directory])
    try:
        cluster.form().start()
        ids = make_networks(cluster.leader(), ['10.0.0.0/16'])
        full = cluster.leader()
        load = Load(cluster.nodes, ids, clients=4, seed=env.seed).start()
        # Less than the reserve of 5 %, and enough for what is written until it is noticed.
        space = os.statvfs(full.directory)
        with open(os.path.join(full.directory, 'ballast'), 'wb') as file:
            os.posix_fallocate(file.fileno(), 0, space.f_bavail * space.f_frsize - (18 << 20))
        wait_until('another node leads', lambda: cluster.leader() is not full)
        os.remove(os.path.join(full.directory, 'ballast'))
        wait_until('there is room again', lambda: 'room on the disk' in full.process.log())
        load.stop()
        verify_nothing_lost(cluster.nodes, [load], ids)
    finally:
        env.end_processes()
        for node in cluster.nodes:
            env.run(['umount', '-l', node.directory])
