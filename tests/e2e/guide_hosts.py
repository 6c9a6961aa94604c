"""The guide's three machines: a network namespace each, with names from a hosts file of our own."""
import os
import subprocess

from guide import commands_of, run_commands, start_server, wait_healthy
from harness import Client, Skip, check_equal, private_network, test, wait_until

BRIDGE = 'ipam0'


def address(node):
    return f'10.77.0.{node}'


class Machine:
    """A network namespace, held by a process, with one link to the bridge."""

    def __init__(self, env, node):
        self.env, self.node = env, node
        self.link = f'ipam{node}'
        self.holder = env.start(f'machine{node}', ['unshare', '-n', 'sleep', '3600'])
        own = os.readlink('/proc/self/ns/net')
        wait_until('the namespace is made',
                   lambda: os.readlink(f'/proc/{self.holder.popen.pid}/ns/net') != own)
        peer = f'{self.link}p'
        env.run(['ip', 'link', 'add', self.link, 'type', 'veth', 'peer', 'name', peer])
        env.closers.append(lambda: subprocess.run(['ip', 'link', 'del', self.link],
                                                  capture_output=True))
        env.run(['ip', 'link', 'set', peer, 'netns', str(self.holder.popen.pid)])
        env.run(['ip', 'link', 'set', self.link, 'master', BRIDGE, 'up'])
        env.run([*self.inside(), 'ip', 'addr', 'add', f'{address(node)}/24', 'dev', peer])
        env.run([*self.inside(), 'ip', 'link', 'set', peer, 'up'])
        env.run([*self.inside(), 'ip', 'link', 'set', 'lo', 'up'])

    def inside(self):
        return ['nsenter', '-t', str(self.holder.popen.pid), '-n']

    def unplug(self):
        self.env.run(['ip', 'link', 'set', self.link, 'down'])

    def plug_in(self):
        self.env.run(['ip', 'link', 'set', self.link, 'up'])


def make_machines(env, count=3):
    if not private_network():
        raise Skip('needs root, or user namespaces, to make network namespaces')
    hosts = env.path('hosts')
    with open(hosts, 'w', encoding='utf-8') as file:
        file.write('127.0.0.1 localhost\n')
        for node in range(1, count + 1):
            file.write(f'{address(node)} node{node}.example.com\n')
    env.run(['mount', '--bind', hosts, '/etc/hosts'])
    env.closers.append(lambda: subprocess.run(['umount', '/etc/hosts'], capture_output=True))
    made = env.run(['ip', 'link', 'add', BRIDGE, 'type', 'bridge'], expect=None)
    if made.returncode != 0:
        raise Skip(f'no bridge to be had: {made.stderr.strip()}')
    env.closers.append(lambda: subprocess.run(['ip', 'link', 'del', BRIDGE], capture_output=True))
    env.run(['ip', 'addr', 'add', f'{address(254)}/24', 'dev', BRIDGE])
    env.run(['ip', 'link', 'set', BRIDGE, 'up'])
    return [Machine(env, node) for node in range(1, count + 1)]


def start_guide_cluster(env):
    machines = make_machines(env)
    run_commands(env, commands_of('Multi-Node Cluster (Production)')[:3])
    servers = [start_server(env, command, machine.inside()) for machine, command in
               zip(machines, commands_of('Multi-Node Cluster (Production)')[3:])]
    for machine, server in zip(machines, servers):
        wait_healthy(8080, server, host=address(machine.node))
    return machines, servers


def ask(node, method, path, body=None):
    client = Client(8080, host=address(node), seconds_max=20)
    try:
        return client.request(method, path, body)
    finally:
        client.close()


def leader_seen_by(node):
    return ask(node, 'GET', '/cluster/status').json()['leader_id']


@test()
def guide_three_machines(env):
    _, servers = start_guide_cluster(env)
    answer = ask(2, 'POST', '/networks', {'cidr': '10.0.0.0/16'})
    check_equal(answer.status, 201, repr(answer))
    for node in (1, 2, 3):
        check_equal(len(ask(node, 'GET', '/networks').json()), 1, f'networks at node {node}')
    for server in servers:
        check_equal(server.stop(), 0, f'exit code of {server.name} on SIGTERM')


@test()
def cluster_survives_an_unplugged_leader(env):
    machines, _ = start_guide_cluster(env)
    check_equal(ask(1, 'POST', '/networks', {'cidr': '10.0.0.0/16'}).status, 201, 'a network')
    old = wait_until('a leader', lambda: leader_seen_by(1))
    others = [node for node in (1, 2, 3) if node != old]
    machines[old - 1].unplug()

    def another():
        seen = {leader_seen_by(node) for node in others}
        return seen != {0} and old not in seen and len(seen) == 1
    wait_until('the others elect a leader of their own', another)
    for number in range(20):
        answer = ask(others[number % 2], 'POST', '/allocations',
                     {'cidr': '10.0.0.0/16', 'hostname': f'h{number}'})
        check_equal(answer.status, 201, repr(answer))

    machines[old - 1].plug_in()

    def caught_up():
        return ask(old, 'GET', '/allocations').body == ask(others[0], 'GET', '/allocations').body
    wait_until('the one that was cut off has all of it', caught_up)
    check_equal(len(ask(old, 'GET', '/allocations').json()), 20, 'allocations')
