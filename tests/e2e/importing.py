"""Files of other tools, imported into a cluster by the command line."""
import collections
import gzip
import ipaddress
import json
import os
import random
import time

from harness import (SHARED, Cluster, Skip, check, check_equal, p50_p99, resident_bytes, test,
                     wait_until)
from standalone import start_server

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


NETBOX = os.path.join(SHARED, 'data', 'netbox-demo-ipam.json')


@test(60)
def netbox_import_accounts_for_every_object(env):
    """Issue 4, item 3: each VRF, prefix, address, range, tag and tenant of the file, one by one."""
    if not os.path.exists(NETBOX):
        raise Skip('the demo data of NetBox is not here')
    with open(NETBOX, encoding='utf-8') as file:
        records = json.load(file)
    of = collections.defaultdict(dict)  # model -> number -> fields
    for record in records:
        of[record['model']][record['pk']] = record['fields']
    server, client = start_server(env)
    report = json.loads(env.ipam('import', '--format', 'netbox', '--output', 'json',
                                 NETBOX).stdout)
    check_equal((report['refused'], report['skipped']), ([], 0), 'what was refused and skipped')
    made = ('ipam.vrf', 'ipam.aggregate', 'ipam.prefix', 'ipam.iprange', 'ipam.ipaddress')
    check_equal(report['created'], sum(len(of[model]) for model in made), 'objects made')

    def name(model, number):
        return of.get(model, {}).get(number, {'name': f'#{number}'})['name']

    def vrf_of(fields):
        return name('ipam.vrf', fields['vrf']) if fields.get('vrf') else 'default'

    def metadata_of(fields, status):
        wanted = {key: name(model, fields[key]) for key, model in
                  (('tenant', 'tenancy.tenant'), ('role', 'ipam.role'), ('vlan', 'ipam.vlan'),
                   ('site', 'dcim.site'), ('rir', 'ipam.rir')) if fields.get(key)}
        if status and fields['status'] != 'active':
            wanted['status'] = fields['status']
        return wanted

    vrfs = {vrf['name']: vrf for vrf in client.get('/vrfs').json()}
    for fields in of['ipam.vrf'].values():
        description = vrfs.pop(fields['name'])['description']
        check(fields['description'] in description, f'{fields} became {description}')
        check(not fields['rd'] or f'rd {fields["rd"]}' in description, f'{fields}: {description}')
    check_equal(list(vrfs), ['default'], 'other VRFs')

    listed = client.get('/networks').json()
    networks = {(network['vrf'], network['cidr']): network for network in listed}
    vrf_of_network = {network['id']: network['vrf'] for network in listed}
    for model in ('ipam.aggregate', 'ipam.prefix'):
        for fields in of[model].values():
            found = networks.pop((vrf_of(fields), fields['prefix']))
            wanted = {'status': fields.get('status', 'container'), 'tags': fields.get('tags', []),
                      'description': fields['description'], 'metadata': metadata_of(fields, False)}
            found.setdefault('metadata', {})
            check_equal({key: found[key] for key in wanted}, wanted, f'{fields["prefix"]}')
    check_equal(list(networks), [], 'other networks')

    held = {(vrf_of_network[one['network_id']], one['ip'], one['end_ip']): one
            for one in client.get('/allocations').json()}
    for fields in of['ipam.ipaddress'].values():
        ip = str(ipaddress.ip_interface(fields['address']).ip)
        found = held.pop((vrf_of(fields), ip, None))
        wanted = {'hostname': fields.get('dns_name', ''), 'tags': fields.get('tags', []),
                  'description': fields['description'], 'metadata': metadata_of(fields, True)}
        found.setdefault('metadata', {})
        check_equal({key: found[key] for key in wanted}, wanted, ip)
    check_equal(list(held), [], 'other allocations')

    kept = {(network['vrf'], one['start'], one['end']): one for network in listed
            for one in client.get(f'/networks/{network["id"]}/reservations').json()}
    for fields in of['ipam.iprange'].values():
        ends = [str(ipaddress.ip_interface(fields[key]).ip)
                for key in ('start_address', 'end_address')]
        found = kept.pop((vrf_of(fields), *ends))
        wanted = {'tags': fields.get('tags', []), 'reason': fields['description'],
                  'metadata': metadata_of(fields, True)}
        found.setdefault('metadata', {})
        check_equal({key: found[key] for key in wanted}, wanted, f'{ends}')
    check_equal(list(kept), [], 'other reservations')

    # Once more: what is there stays, or takes what the file says, which is the same.
    for on_conflict, count in (('skip', 'skipped'), ('update', 'unchanged')):
        again = json.loads(env.ipam('import', '--format', 'netbox', '--output', 'json',
                                    '--on-conflict', on_conflict, NETBOX).stdout)
        check_equal((again['refused'], again[count]), ([], report['created']), on_conflict)

    # Tags, tenants and what else the file has are no objects here: the report counts them all.
    ignored = {one['kind']: one['count'] for one in report['ignored']}
    for model, numbered in of.items():
        if model not in made:
            check_equal(ignored.pop(model), len(numbered), f'{model} in the report')
    for kind, count in ignored.items():
        model, _, field = kind.rpartition('.')
        check_equal(count, sum(bool(fields[field]) for fields in of[model].values()), kind)
    env.notes.append(f'{report["created"]} objects made, one by one; not kept: '
                     f'{report["ignored"]}')
    server.stop()


@test(60)
def export_is_imported_again(env):
    """Issue 4: what one server exports another imports, by CSV and by JSON, and exports the same."""
    server, client = start_server(env)
    for path, body in (('/vrfs', {'name': 'blue', 'description': 'a, "b"'}),
                       ('/networks', {'cidr': '10.0.0.0/8', 'tags': ['a;b', ' c ']}),
                       ('/networks', {'cidr': '10.0.0.0/8', 'vrf': 'blue', 'description': 'x\ny'}),
                       ('/networks', {'cidr': '2001:db8::/64'}),
                       ('/allocations', {'network_id': 'net-1', 'count': 1000, 'contiguous': False,
                                         'owner': 'o', 'metadata': {'rack': '7'}}),
                       ('/allocations', {'network_id': 'net-1', 'count': 1000, 'contiguous': False}),
                       ('/allocations', {'network_id': 'net-3', 'count': 9, 'hostname': 'six'}),
                       ('/networks/net-1/reservations',
                        {'start': '10.9.0.1', 'end': '10.9.0.99', 'reason': 'DHCP; "pool"',
                         'tags': ['a;b'], 'metadata': {'rack': '7'}}),
                       ('/networks/net-2/reservations', {'start': '10.9.0.1'})):
        check_equal(client.post(path, body).status, 201, f'POST {path} {body}')
    files = {name: env.ipam('export', '--format', name, *more).stdout
             for name, *more in (['csv'], ['json'], ['hosts'], ['zone', '--zone', 'example.com'])}
    check_equal(files['json'].count('\n'), 2007, 'lines of the JSON')
    check('six IN AAAA 2001:db8::1' in files['zone'], files['zone'][-200:])
    server.stop()
    for name in ('csv', 'json'):
        with open(env.path(f'file.{name}'), 'w', encoding='utf-8', newline='') as file:
            file.write(files[name])
        other = ['--db', env.path(f'of-{name}')]  # no server there: the embedded database
        env.ipam('import', *other, '--format', name, env.path(f'file.{name}'))
        for again in ('csv', 'json', 'hosts'):
            check_equal(env.ipam('export', *other, '--format', again).stdout, files[again],
                        f'the {again} of what was imported from {name}')
