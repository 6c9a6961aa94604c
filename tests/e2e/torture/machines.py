"""Nodes in network namespaces of their own, and what can be done to them and to the wire.

Each node has two links. The raft address is on the wire (wire.py), which has the network's faults.
The HTTP address is on a bridge of the kernel, as in guide_hosts.py, so that clients go on asking a
node that its peers do not reach: that is when it must not answer from what it has.
"""
import json
import os
import signal
import socket
import sys
import threading

from guide_hosts import address, make_machines
from harness import Client, Cluster, Node, Skip, check, wait_until
from torture import wire

HTTP_PORT, RAFT_PORT = 8080, 5000
# So few that a node which is away for seconds needs a snapshot.
LOG_ENTRIES_KEPT = 100


def raft_ip(node_id):
    return f'10.79.0.{node_id}'


class MachineNode(Node):
    """A node that can be killed, started, stopped and continued from several threads."""

    def __init__(self, env, node_id, cluster, machine):
        super().__init__(env, node_id, cluster)
        self.machine = machine
        self.http_port = HTTP_PORT
        self.address = f'{raft_ip(node_id)}:{RAFT_PORT}'
        self.lock = threading.RLock()
        self.life = 0           # how many processes it has had
        self.wanted = False     # it should be running: we did not end it
        self.closed = False     # the test ends: nothing is started any more
        self.may_leave = False  # its removal was asked for: then it ends by itself, with 0

    def plug_wire(self):
        """The device of the wire into the namespace."""
        name = wire.device(self.id)
        inside = self.machine.inside()
        self.env.run(['ip', 'link', 'set', name, 'netns', str(self.machine.holder.popen.pid)])
        self.env.run([*inside, 'ip', 'addr', 'add', f'{raft_ip(self.id)}/24', 'dev', name])
        self.env.run([*inside, 'ip', 'link', 'set', name, 'up'])

    def join(self, members):
        """As a node that the cluster is asked to add afterwards."""
        self.env.ipam('cluster', 'join', '--node-id', str(self.id), '--cluster-id',
                      str(self.cluster.id), '--raft-addr', self.address, '--data-dir',
                      self.directory, '--initial-members', members)

    def start(self):
        with self.lock:
            if self.closed or self.may_leave and self.process and self.process.popen.poll() == 0:
                return self  # it has left, or the test ends
            self.life += 1
            self.process = self.env.start(
                f'node{self.id}',
                [*self.machine.inside(), './ipam', 'server', '--cluster', '--config', self.config,
                 '--host', '0.0.0.0', '--port', str(HTTP_PORT), '--log-entries-kept',
                 str(LOG_ENTRIES_KEPT)])
            self.wanted = True
        return self

    def signal(self, number):
        with self.lock:
            if self.process and self.process.alive():
                self.process.popen.send_signal(number)

    def kill(self):
        with self.lock:
            self.wanted = False
            self.process.kill()

    def terminate(self):
        """SIGTERM, and its end in good order: it hands over and drains for some seconds."""
        with self.lock:
            self.wanted = False
            wait_until(f'node {self.id} catches SIGTERM',
                       lambda: self.process.catches(signal.SIGTERM))
            code = self.process.stop(60)
            check(code == 0, f'node {self.id} ended with {code} on SIGTERM')

    def close(self):
        """No fault that still comes to its end starts a process that nobody would end."""
        self.closed = True
        if self.lock.acquire(timeout=30):  # one that is being started is known then
            self.lock.release()

    def pause(self):
        self.signal(signal.SIGSTOP)

    def resume(self):
        self.signal(signal.SIGCONT)

    def client(self, **options):
        return Client(HTTP_PORT, host=address(self.id), **options)

    def running(self):
        return self.process is not None and self.process.alive()

    def has_left(self):
        return self.may_leave and not self.running() and self.process is not None

    def ended_by_itself(self):
        """Why that is wrong, or None."""
        with self.lock:
            if not self.wanted or self.running():
                return None
            code = self.process.popen.returncode
            if self.may_leave and code == 0:
                return None
            return f'node {self.id} has ended by itself with {code}'

    def quick_status(self):
        """/cluster/status as far as the node can say it at once, else None."""
        client = self.client(seconds_max=1)
        try:
            answer = client.request('GET', '/cluster/status')
            return answer.json() if answer.status == 200 else None
        except OSError:
            return None
        finally:
            client.close()


class Wire:
    """The process of wire.py, and the rules of all faults that are on, put together."""

    def __init__(self, env, node_ids):
        self.lock = threading.Lock()
        self.faults = {}  # fault -> its rules
        self.counters = {}
        path = env.path('wire.sock')
        self.process = env.start('wire', [sys.executable, wire.__file__, path, str(env.seed),
                                          *map(str, node_ids)])

        def connect():
            check(self.process.alive(), f'the wire has ended: {self.process.log()[-500:]}')
            control = socket.socket(socket.AF_UNIX)
            try:
                control.connect(path)
            except OSError:
                control.close()
                raise
            return control
        self.control = wait_until('the wire is there', connect)
        env.closers.append(self.control.close)
        self.answers = self.control.makefile('r', encoding='utf-8')

    def put(self, fault, rules):
        """`rules`: {(from, to): {...}} as in wire.py. Faults add up; a cut stays a cut."""
        with self.lock:
            self.faults[fault] = rules
            self._send()

    def remove(self, fault):
        with self.lock:
            self.faults.pop(fault, None)
            self._send()

    def clear(self):
        with self.lock:
            self.faults = {}
            self._send()

    def _send(self):
        together = {}
        for rules in self.faults.values():
            for pair, rule in rules.items():
                there = together.setdefault(f'{pair[0]}>{pair[1]}', {})
                for name, value in rule.items():
                    there[name] = max(there.get(name, value), value)
        self.control.sendall(json.dumps(together).encode() + b'\n')
        self.counters = json.loads(self.answers.readline())


class TortureCluster(Cluster):
    """`size` founders, and spare machines for nodes that join later."""

    def __init__(self, env, size, spares):
        if not os.access('/dev/net/tun', os.R_OK | os.W_OK):
            raise Skip('needs /dev/net/tun, on which the faulty network is built')
        super().__init__(env, size=0)
        machines = make_machines(env, size + spares)
        every = [MachineNode(env, node_id, self, machine)
                 for node_id, machine in enumerate(machines, 1)]
        self.wire = Wire(env, [node.id for node in every])
        for node in every:
            node.plug_wire()
        self.nodes, self.spares = every[:size], every[size:]
        self.node_ids = [node.id for node in every]
        self.members = ','.join(f'{node.id}:{node.address}' for node in self.nodes)

    def present(self):
        """The nodes that clients may ask: all but those that have left."""
        return [node for node in self.nodes if not node.has_left()]

    def leading(self):
        """The node that calls itself leader in the highest term, of those that answer, or None."""
        claims = []
        for node in self.present():
            status = node.quick_status() if node.running() else None
            if status and status['role'] == 'leader':
                claims.append((status['term'], node.id))
        return self.node(max(claims)[1]) if claims else None

    def failures(self):
        """Of nodes and the wire: what ended that should not have."""
        found = [node.ended_by_itself() for node in self.nodes]
        if not self.wire.process.alive():
            found.append('the wire has ended')
        return [failure for failure in found if failure]
