"""Disks that fill up and disks that fail: the node says so, another one leads, nothing is lost."""
import os
import shutil
import subprocess

from cluster import make_networks
from harness import Cluster, Skip, check, check_equal, private_network, test, wait_until
from retrying import RetryingLoad, verify_exactly_once

DISK_MIB = 96  # its reserve is the least there is: 16 MiB
LEFT_MIB = 14  # makes a node cautious, and is room for a while
# A failed node is noticed at once, and another elected; what is more than that is a wait for a timeout.
GAP_SECONDS_MAX = 5


def mount_small_disks(env, cluster):
    """Each node's directory is a file system of its own. They vanish with the mount namespace."""
    if not private_network():
        raise Skip('no mount namespace of its own')
    for node in cluster.nodes:
        os.makedirs(node.directory)
        command = ['mount', '-t', 'tmpfs', '-o', f'size={DISK_MIB}m', 'tmpfs', node.directory]
        mounted = subprocess.run(command, capture_output=True, text=True)
        if mounted.returncode != 0:
            raise Skip(f'no tmpfs: {mounted.stderr.strip()}')
        env.closers.append(lambda path=node.directory: subprocess.run(['umount', '-l', path]))


def filler(node):
    return os.path.join(node.directory, 'filler')


def fill(node, left_mib=0):
    """Takes what is free on the node's disk, but for so much."""
    with open(filler(node), 'ab') as file:
        while True:
            free = shutil.disk_usage(node.directory).free - (left_mib << 20)
            if free <= 0:
                return
            try:
                file.write(bytes(min(free, 1 << 20)))
                file.flush()
            except OSError:
                return


def metrics_of(node):
    return node.get('/metrics').body.decode()


def expect_failed(node, load, word):
    """It has ended by itself with 1 and says why, and the others serve the clients."""
    wait_until(f'node {node.id} has ended', lambda: not node.process.alive())
    check_equal(node.process.wait(), 1, f'exit code of node {node.id}')
    lines = [line for line in node.process.log().split('\n') if ' error ' in line]
    check(any(word in line for line in lines), f'node {node.id} does not say why: {lines}')
    load.wait_for_more(200)
    return lines[0]


@test(240)
def disk_full_on_the_leader_and_on_a_follower(env):
    """Issue 5, item 6."""
    cluster = Cluster(env)
    mount_small_disks(env, cluster)
    cluster.form().start()
    leader = cluster.leader()
    ids = make_networks(leader, [f'10.{number}.0.0/16' for number in range(10)])
    load = RetryingLoad(cluster.nodes, ids).start()
    load.wait_for_more(200)

    # Nearly full: cautious, and as before once there is room.
    fill(leader, LEFT_MIB)
    wait_until('another node leads', lambda: cluster.leader() is not leader)
    wait_until('it warns in /health', lambda: 'warning' in leader.get('/health').json())
    check('ipam_disk_low 1' in metrics_of(leader), 'no ipam_disk_low')
    check('MiB are free on the disk' in leader.process.log(), 'nothing in the log')
    check('the disk of this node is nearly full' in leader.process.log(), 'no reason for the change')
    os.remove(filler(leader))
    wait_until('it is as before', lambda: 'ipam_disk_low 0' in metrics_of(leader))
    load.wait_for_more(200)

    # Full, all at once: of the leader, then of a follower.
    gaps = []
    for role in ('leader', 'follower'):
        node = cluster.leader() if role == 'leader' else cluster.follower()
        began = load.times[-1]
        fill(node)
        reason = expect_failed(node, load, 'full')
        gap = load.longest_gap(began)[0]
        check(gap < GAP_SECONDS_MAX, f'clients waited for {gap:.1f} s')
        gaps.append(f'{role}: {gap * 1000:.0f} ms')
        # Started again without room it may serve or end, but says nothing that is not so.
        os.remove(filler(node))
        node.start().wait_healthy()
        wait_until(f'node {node.id} has all', lambda node=node: node.status()['applied_index'] >=
                   cluster.leader().status()['commit_index'] - 1000)
    load.stop()
    verify_exactly_once(cluster.nodes, [load])
    env.notes.append(f'{load.count()} requests, none failed; longest gaps {gaps}; '
                     f'retries {dict(load.retries)}; {reason.split("server: ")[-1]}')


def preload_io_error(env, cluster):
    """Makes each node's disk one that can be told to fail; gives how."""
    library = env.path('io_error.so')
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'io_error.c')
    compiler = next((name for name in ('cc', 'gcc', 'clang') if shutil.which(name)), None)
    if compiler is None:
        raise Skip('no C compiler')
    env.run([compiler, '-shared', '-fPIC', '-o', library, source, '-ldl'])
    with open(env.binary, 'rb') as file:
        if b'__asan_init' in file.read():
            raise Skip('a sanitizer wants to be the first library')
    for node in cluster.nodes:
        node.trigger = env.path(f'fail{node.id}')
        node.variables = {**env.variables, 'LD_PRELOAD': library, 'IPAM_IO_ERROR': node.trigger}

    def begin(node, name):
        with open(node.trigger + '.new', 'w', encoding='utf-8') as file:
            file.write(name)
        os.rename(node.trigger + '.new', node.trigger)
    return begin


@test(240)
def io_error_ends_a_node_and_loses_nothing(env):
    """Issue 5, item 6: of the log and of state.db, on the leader and on a follower."""
    cluster = Cluster(env)
    fail = preload_io_error(env, cluster)
    cluster.form().start()
    ids = make_networks(cluster.leader(), [f'10.{number}.0.0/16' for number in range(10)])
    load = RetryingLoad(cluster.nodes, ids).start()
    load.wait_for_more(200)
    gaps = []
    for name in ('raft.db-wal', 'state.db-wal'):
        for role in ('leader', 'follower'):
            node = cluster.leader() if role == 'leader' else cluster.follower()
            began = load.times[-1]
            fail(node, name)
            expect_failed(node, load, name.split('-')[0])
            gap = load.longest_gap(began)[0]
            check(gap < GAP_SECONDS_MAX, f'clients waited for {gap:.1f} s')
            gaps.append(f'{name}, {role}: {gap * 1000:.0f} ms')
            os.remove(node.trigger)
            node.start().wait_healthy()
            load.wait_for_more(100)
    load.stop()
    verify_exactly_once(cluster.nodes, [load])
    env.notes.append(f'{load.count()} requests, none failed; longest gaps {gaps}; '
                     f'retries {dict(load.retries)}')
