"""After the faults: the cluster heals, all nodes say the same, and it is what clients were told.

Most of it follows from the history being linearizable; here it is checked in the plain way too,
from what the nodes say at the end and from their files.
"""
import collections
import json
import sqlite3
import time

from harness import check, check_equal, ip_number, same_on_all, wait_until

HEAL_SECONDS_MAX = 300  # a healthy cluster takes one or two, but the machine may be shared
AUDIT_LIMIT = 10000     # the most that one request may ask for


def members_of(cluster):
    """The nodes that are members, once all of them run, vote, and agree on that and the leader."""
    def agreed():
        leader = cluster.leading()
        if leader is None:
            return None
        members = leader.quick_status()['members']
        ids = sorted(member['node_id'] for member in members)
        if not all(member['voter'] for member in members):
            return None
        nodes = [cluster.node(node_id) for node_id in ids]
        seen = [node.quick_status() for node in nodes]
        views = {(status['leader_id'], status['applied_index'],
                  *(member['node_id'] for member in status['members'])) for status in seen}
        return nodes if len(views) == 1 else None

    def or_not_yet():
        try:
            return agreed()
        except TypeError:  # a node that does not answer
            return None
    return wait_until('all members agree on members, leader and log', or_not_yet,
                      HEAL_SECONDS_MAX)


def wait_until_removed_nodes_end(cluster, members):
    """They are told that they are out, and stop with 0."""
    for node in cluster.nodes:
        if node in members:
            check(node.running(), f'node {node.id} is a member and does not run')
            continue
        if not node.may_leave:
            continue  # was to be added, and never was
        wait_until(f'node {node.id}, which was removed, ends', lambda n=node: not n.running(),
                   HEAL_SECONDS_MAX)
        check_equal(node.process.popen.returncode, 0, f'exit code of removed node {node.id}')


def wait_for_writes(members, client):
    """Each member acknowledges a write. `client` records it like all others."""
    for node in members:
        def acknowledged(node=node):
            cidr, description = f'192.168.{node.id}.0/29', f'final-{node.id}-{time.monotonic_ns()}'
            operation = client.ask(node, cidr, 'create', {'description': description}, 'POST',
                                   '/networks', {'cidr': cidr, 'description': description})
            return operation and operation.answered
        wait_until(f'node {node.id} acknowledges a write', acknowledged, HEAL_SECONDS_MAX)


def read_everything(members, client):
    """As operations of the history, from each member."""
    for node in members:
        for kind, path in (('all_networks', '/networks'),
                           ('all_allocations', '/allocations?all=true')):
            operation = client.ask(node, '', kind, {}, 'GET', path)
            check(operation and operation.answered,
                  f'the last {kind} at node {node.id}: {operation and operation.describe()}')


def check_equal_nodes(members):
    """Byte for byte. Returns the list of all allocations."""
    for path in ('/networks', '/allocations', '/stats', f'/audit?limit={AUDIT_LIMIT}'):
        same_on_all(members, path)
    return json.loads(same_on_all(members, '/allocations?all=true'))


def check_acknowledged(operations, listing):
    """Nothing that was acknowledged is lost, and nothing is there twice."""
    by_id = {allocation['id']: allocation for allocation in listing}
    check_equal(len(by_id), len(listing), 'allocation ids are unique')
    hosts = collections.Counter(allocation['hostname'] for allocation in listing)
    asked, answered = set(), collections.defaultdict(set)
    for operation in operations:
        if operation.kind == 'allocate' and not operation.refused:
            asked.add(operation.arguments['hostname'])
        if operation.kind == 'allocate' and operation.status == 201:
            there = by_id.get(operation.answer.id)
            check(there is not None, f'an acknowledged allocation is lost: {operation.describe()}')
            check_equal((there['ip'], there['end_ip'], there['hostname']),
                        (operation.answer.ip, operation.answer.end_ip, operation.answer.hostname),
                        f'acknowledged {operation.answer.id}')
        if operation.kind == 'release':
            answered[operation.arguments['allocation_id']].add(operation.status)
            if operation.status == 204:
                status = by_id[operation.arguments['allocation_id']]['status']
                check_equal(status, 'released', f'after {operation.describe()}')
    for name, count in hosts.items():
        check(count == 1, f'one request made {count} allocations: {name}')
        check(name in asked, f'an allocation that nobody asked for, or that was refused: {name}')
    for allocation in listing:
        if allocation['status'] == 'released':
            possible = answered[allocation['id']] - {503}
            check(possible, f'{allocation["id"]} is released, and nobody asked for it')
    check_one_holder(listing)


def check_one_holder(listing):
    """Networks do not overlap in these runs, so no two active ranges may."""
    ranges = sorted((ip_number(one['ip']), ip_number(one['end_ip'] or one['ip']), one['id'])
                    for one in listing if one['status'] == 'allocated')
    for (_, last, holder), (first, _, other) in zip(ranges, ranges[1:]):
        check(last < first, f'{holder} and {other} hold one address')


# ---- the files, when all processes have ended ----
def rows_of(node, query):
    """Opened as a reader that changes nothing."""
    database = sqlite3.connect(f'file:{node.directory}/state.db?mode=ro', uri=True)
    try:
        return database.execute(query).fetchall()
    finally:
        database.close()


def check_files(members, operations, listing):
    """state.db of all members is equal, and its audit names each write that was acknowledged, once.
    Returns how often a leader was elected."""
    audits = []
    for table in ('networks', 'allocations'):
        contents = [rows_of(node, f'SELECT * FROM {table} ORDER BY id') for node in members]
        for node, content in zip(members, contents):
            check(content == contents[0], f'table {table} of node {node.id} and of node '
                                          f'{members[0].id} differ')
    for node in members:
        audits.append(rows_of(node, 'SELECT id, action, resource, details FROM audit ORDER BY id'))
    # A node that ended later than another may have seen elections that the other has not.
    common = min(len(audit) for audit in audits)
    for node, audit in zip(members, audits):
        check(audit[:common] == audits[0][:common],
              f'the audit of node {node.id} and of node {members[0].id} differ')
        check(all(row[1] == 'leader_elected' for row in audit[common:]),
              f'the audit of node {node.id} goes on with {audit[common:][:3]}')
    entries = collections.Counter((row[1], row[2]) for row in audits[0][:common])
    for (action, resource), count in entries.items():
        if action in ('ip_allocated', 'ip_released', 'network_created', 'network_deleted'):
            check(count == 1, f'{count} times in the audit: {action} {resource}')
    for operation in operations:
        action, resource = audited(operation)
        if action:
            check(entries[action, resource] == 1, f'not in the audit: {operation.describe()}')
    check_equal(sum(count for (action, _), count in entries.items() if action == 'ip_allocated'),
                len(listing), 'allocations in the audit')
    check_one_holder_at_a_time(audits[0][:common], listing)
    return sum(count for (action, _), count in entries.items() if action == 'leader_elected')


def check_one_holder_at_a_time(audit, listing):
    """Replays who held what, in the order of the audit."""
    by_id = {allocation['id']: allocation for allocation in listing}
    holders = {}
    for _, action, resource, details in audit:
        if action not in ('ip_allocated', 'ip_released'):
            continue
        allocation = by_id[resource]
        first, last = ip_number(allocation['ip']), ip_number(allocation['end_ip']
                                                             or allocation['ip'])
        for address in range(first[1], last[1] + 1):
            if action == 'ip_allocated':
                other = holders.setdefault(address, resource)
                check(other == resource, f'{other} and {resource} held one address: {details}')
            else:
                check_equal(holders.pop(address, None), resource, f'holder at: {details}')


def audited(operation):
    """The entry that an acknowledged write must have left, or (None, None)."""
    if operation.kind == 'allocate' and operation.status == 201:
        return 'ip_allocated', operation.answer.id
    if operation.kind == 'release' and operation.status == 204:
        return 'ip_released', operation.arguments['allocation_id']
    if operation.kind == 'create' and operation.status == 201:
        return 'network_created', operation.answer.id
    if operation.kind == 'delete' and operation.status == 204:
        return 'network_deleted', operation.arguments['network_id']
    return None, None
