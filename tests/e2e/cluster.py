"""A cluster under load whose nodes die: nothing that was acknowledged is lost."""
import ipaddress
import os
import random
import threading

from harness import (SHARED, Cluster, Load, check, check_equal, test, verify_nothing_lost,
                     wait_until)


def real_prefixes(env, limit=None):
    """The prefixes of one country; generated ones where the data is not at hand."""
    prefixes = []
    for name in ('rir-nl-ipv4.txt', 'rir-nl-ipv6.txt'):
        path = os.path.join(SHARED, 'data', name)
        if os.path.exists(path):
            with open(path, encoding='utf-8') as file:
                prefixes += [line.strip() for line in file if line.strip()[:1] not in ('', '#')]
    if not prefixes:
        env.notes.append('generated prefixes')
        prefixes = [f'10.{a}.{b}.0/24' for a in range(20) for b in range(250)]
        prefixes += [f'2001:db8:{a:x}::/48' for a in range(1500)]
    if limit is not None and len(prefixes) > limit:
        prefixes = random.Random(1).sample(prefixes, limit)
    return prefixes


def make_networks(node, prefixes, clients=8):
    """Makes each prefix a network through one node; the ids."""
    todo, ids, failures = list(enumerate(prefixes)), {}, []
    lock = threading.Lock()

    def work():
        with node.connected() as client:
            while True:
                with lock:
                    if not todo:
                        return
                    number, cidr = todo.pop()
                answer = client.request('POST', '/networks', {'cidr': cidr})
                if answer.status != 201:
                    failures.append(f'{cidr}: {answer!r}')
                    return
                ids[number] = answer.json()['id']

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(not failures, f'networks that were not made: {failures[:3]}')
    check_equal(len(ids), len(prefixes), 'networks made')
    return [ids[number] for number in range(len(prefixes))]


@test(300)
def cluster_survives_a_killed_leader(env):
    """Issue 2, item 3: real prefixes through a follower, 16 clients, the leader killed midway."""
    networks, allocations = (None, 20000) if env.full else (500, 4000)
    cluster = Cluster(env).form().start()
    prefixes = real_prefixes(env, networks)
    ids = make_networks(cluster.follower(), prefixes)
    listed = cluster.nodes[0].get('/networks').json()
    check_equal({network['cidr'] for network in listed},
                {str(ipaddress.ip_network(prefix)) for prefix in prefixes}, 'networks')

    # Half of the requests fight over few networks, the other half is spread.
    few = ids[:5] * (len(ids) // 5)
    load = Load(cluster.nodes, ids + few, clients=16, wanted=allocations, seed=env.seed).start()
    load.wait_for(allocations // 2)
    leader = cluster.leader()
    leader.kill()
    load.wait_for(allocations * 3 // 5)
    leader.start()
    load.join()
    leader.wait_healthy()
    total = verify_nothing_lost(cluster.nodes, [load], ids)
    check(total >= allocations, f'{total} of {allocations} allocations')
    env.notes.append(f'{len(prefixes)} networks, {load.count()} acknowledged, '
                     f'{len(load.unknown)} unknown, refused {dict(load.refused)}')


@test(300)
def cluster_survives_the_death_of_all(env):
    """Issue 2, item 5: all three killed at once, again and again, under load."""
    cluster = Cluster(env).form().start()
    ids = make_networks(cluster.leader(), [f'10.{number}.0.0/16' for number in range(20)])
    load = Load(cluster.nodes, ids, clients=12, seed=env.seed).start()
    for _ in range(10 if env.full else 3):
        load.wait_for(load.count() + 300)
        for node in cluster.nodes:  # all are signalled before the first one is waited for
            node.process.popen.kill()
        for node in cluster.nodes:
            node.process.wait()
        for node in cluster.nodes:
            node.start()
        cluster.wait_healthy()
    load.wait_for(load.count() + 300)
    load.stop()
    verify_nothing_lost(cluster.nodes, [load], ids)
    env.notes.append(f'{load.count()} acknowledged, {len(load.unknown)} unknown')


@test()
def leadership_is_handed_over_on_sigterm(env):
    """A rolling restart in good order: each node in turn, and no request fails for good."""
    cluster = Cluster(env).form().start()
    ids = make_networks(cluster.leader(), ['10.0.0.0/16'])
    load = Load(cluster.nodes, ids, clients=6, seed=env.seed).start()
    for node in cluster.nodes:
        load.wait_for(load.count() + 100)
        check_equal(node.process.stop(), 0, f'exit code of node {node.id} on SIGTERM')
        node.start()
        node.wait_healthy()
    load.stop()
    verify_nothing_lost(cluster.nodes, [load], ids)
    env.notes.append(f'{load.count()} acknowledged, {len(load.unknown)} unknown')


@test()
def writes_without_a_quorum_are_not_acknowledged(env):
    cluster = Cluster(env).form().start()
    network, = make_networks(cluster.leader(), ['10.0.0.0/24'])
    survivor = cluster.nodes[2]
    for node in cluster.nodes[:2]:
        node.kill()
    with survivor.connected() as client:
        answer = client.request('POST', '/allocations', {'network_id': network})
        check(answer.status in (503, 504), f'a write without a quorum gave {answer!r}')

        def reports():
            health = client.request('GET', '/health')
            return health.status == 503 and b'leader' in health.body
        wait_until('/health says that there is no leader', reports)
        check_equal(client.request('POST', '/allocations', {'network_id': network}).reason(),
                    'NO_LEADER', 'reason')
        stale = client.request('GET', '/networks?consistency=stale')
        check_equal(stale.status, 200, 'a stale read needs no leader')
        check_equal(len(stale.json()), 1, 'networks')
    for node in cluster.nodes[:2]:
        node.start()
    cluster.wait_healthy()
    check_equal(survivor.post('/allocations', {'network_id': network}).status, 201, 'a write')
