"""Files of other tools, imported into a cluster by the command line."""
import gzip
import ipaddress
import os
import random
import time

from harness import (SHARED, Cluster, check, check_equal, p50_p99, resident_bytes, test,
                     wait_until)

TABLE = os.path.join(SHARED, 'data', 'bgp-prefixes.txt.gz')
PREFIXES = 5000          # in CI
PROBES = {True: 2000, False: 100}  # by --full


def routing_table(env):
    """The prefixes of a full routing table, or some of them; generated ones where it is not here."""
    if not os.path.exists(TABLE):
        env.notes.append('generated prefixes')
        return [f'10.{a}.{b}.0/24' for a in range(PREFIXES // 250) for b in range(250)]
    with gzip.open(TABLE, 'rt', encoding='ascii') as file:
        prefixes = file.read().split()
    return prefixes if env.full else random.Random(1).sample(prefixes, PREFIXES)


def latencies(client, paths):
    """Milliseconds of the requests: p50/p99."""
    times = []
    for path in paths:
        began = time.monotonic()
        response = client.request('GET', path)
        times.append((time.monotonic() - began) * 1000)
        check_equal(response.status, 200, f'GET {path}')
    return p50_p99(times)


@test(120)
def routing_table_is_imported(env):
    """Issue 4, item 1: `ipam import --format prefixes` into three nodes, and what it then answers."""
    prefixes = routing_table(env)
    with open(env.path('prefixes.txt'), 'w', encoding='ascii') as file:
        file.write('\n'.join(prefixes) + '\n')
    cluster = Cluster(env).form().start()
    cluster.wait_healthy()
    follower = cluster.follower()
    server = f'http://127.0.0.1:{follower.http_port}'
    began = time.monotonic()
    env.run(['./ipam', 'import', '--server', server, '--format', 'prefixes',
             env.path('prefixes.txt')], seconds_max=900)
    seconds = time.monotonic() - began
    revision = follower.status()['applied_index']
    for node in cluster.nodes:
        wait_until(f'node {node.id} has applied all',
                   lambda: node.status()['applied_index'] >= revision, 120)
    memory = [resident_bytes(node.process) >> 20 for node in cluster.nodes]

    choice = random.Random(env.seed)
    some = choice.sample(prefixes, min(PROBES[env.full], len(prefixes)))
    addresses, within, free = [], [], []
    with follower.connected() as client:
        for cidr in some:
            prefix = ipaddress.ip_network(cidr)
            address = prefix[choice.randrange(prefix.num_addresses)]
            addresses.append(f'/addresses/{address}')
            within.append(f'/networks?within={cidr}')
            found = client.get(f'/networks?cidr={cidr}').json()
            check_equal([network['cidr'] for network in found], [str(prefix)], f'networks of {cidr}')
            length = min(prefix.prefixlen + 2, prefix.max_prefixlen)
            if length > prefix.prefixlen:
                free.append(f'/networks/{found[0]["id"]}/free?prefix_length={length}&limit=10')
            # The longest match is the one that the address says, or lies in it.
            network = client.get(addresses[-1]).json()['network']
            check(ipaddress.ip_network(network['cidr']).subnet_of(prefix),
                  f'{address} is said to be of {network}, not of {cidr}')
        times = {'within': latencies(client, within), 'addresses': latencies(client, addresses),
                 'free': latencies(client, free)}
    # Again: all of them are there.
    again = env.run(['./ipam', 'import', '--server', server, '--format', 'prefixes',
                     '--on-conflict', 'skip', '--output', 'json', env.path('prefixes.txt')],
                    seconds_max=900)
    env.notes.append(f'{len(prefixes)} prefixes in {seconds:.1f} s; MiB of memory of the nodes: '
                     f'{memory}; p50/p99 in ms: {times}; again: {again.stdout.strip()[:200]}')
