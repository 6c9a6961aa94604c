"""Clients that use networks as a busy site does, and record every operation.

There are always some networks in use. After so many operations, or so many of an unknown outcome, a
network is left alone and a new one is taken: the checker looks at each by itself, and its work
grows with what is not known. Several clients work on the same few networks, so that they meet.
"""
import http.client
import ipaddress
import random
import threading
import time

from harness import Broken, NotSent
from torture.history import Answers, Operation

BLOCK = ipaddress.ip_network('10.0.0.0/8')  # each network gets 32 addresses of it for itself
ADDRESSES_PER_NETWORK = 32
PREFIX_LENGTHS = (27, 28, 28, 29, 29, 30)   # small: full, empty, deleted and made again is common
NETWORKS_IN_USE = 8
OPERATIONS_MAX = 400   # on one network
UNKNOWN_MAX = 8        # writes of an unknown outcome on one network
PAUSE_SECONDS_MEAN = 0.02  # between two operations of a client

# Seconds that a client waits for an answer, by its number: some give up while the server has not.
PATIENCE_SECONDS = (30, 15, 8, 2, 30, 15, 30, 0.4)
# One client in so many asks any node at any time; the rest keep to one while it answers. If all
# roamed, all would soon wait for the node that is frozen, and the others would have nothing to do.
ROAMING_ONE_IN = 4

# Kind and weight. Those that need something which is not there are drawn again.
KINDS = {'allocate': 30, 'release': 24, 'list': 16, 'list_all': 3, 'stats': 8, 'get_allocation': 5,
         'find_address': 5, 'get_network': 3, 'find_network': 3, 'delete': 3, 'create': 3}
READS = ('list', 'list_all', 'stats', 'get_allocation', 'find_address', 'get_network',
         'find_network')
STALE_SHARE = 0.3     # of reads
SESSION_SHARE = 0.3   # of stale reads: with X-Ipam-Min-Revision
BY_CIDR_SHARE = 0.05  # of allocations
BLOCKS_SHARE = 0.15   # of allocations: several addresses in a row


class NetworkInUse:
    """What the clients believe of one network. Beliefs may be wrong: only answers are recorded."""

    def __init__(self, cidr):
        self.cidr = cidr
        self.id = None       # of the network that has the CIDR now, if any
        self.known_ids = []  # all that it ever had
        self.active = {}     # allocation id -> ip
        self.known = []      # allocation ids, active or not
        self.operations = 0
        self.unknown = 0

    def found(self, network):
        if self.id is None or network.id != self.id:
            self.active = {}
        self.id = network.id
        if network.id not in self.known_ids:
            self.known_ids.append(network.id)

    def shown(self, allocation):
        if allocation.id not in self.active:
            self.known.append(allocation.id)
        if allocation.status == 'allocated':
            self.active[allocation.id] = allocation.ip
        else:
            self.active.pop(allocation.id, None)


class Networks:
    """Those in use; shared by all clients, under one lock."""

    def __init__(self, seed):
        self.lock = threading.Lock()
        self.choice = random.Random(seed)
        self.taken = 0
        self.in_use = [self._new() for _ in range(NETWORKS_IN_USE)]

    def _new(self):
        base = int(BLOCK.network_address) + self.taken * ADDRESSES_PER_NETWORK
        self.taken += 1
        length = self.choice.choice(PREFIX_LENGTHS)
        return NetworkInUse(f'{ipaddress.ip_address(base)}/{length}')

    def pick(self, choice):
        """One of them, for one operation."""
        with self.lock:
            network = choice.choice(self.in_use)
            network.operations += 1
            if network.operations > OPERATIONS_MAX or network.unknown > UNKNOWN_MAX:
                self.in_use[self.in_use.index(network)] = network = self._new()
                network.operations = 1
            return network

    def learn(self, network, operation):
        """Takes up what an operation says of the network."""
        with self.lock:
            self._learn(network, operation)

    def _learn(self, network, operation):
        if operation.unknown:
            network.unknown += operation.is_write()
        if not operation.answered or operation.stale:
            return
        kind, answer, arguments = operation.kind, operation.answer, operation.arguments
        if kind in ('create', 'get_network') and answer:
            network.found(answer)
        elif kind == 'find_network':
            if answer:
                network.found(answer[0])
            else:
                network.id = None
        elif kind == 'delete' and operation.status in (204, 404) \
                and arguments['network_id'] == network.id:
            network.id = None
        elif kind == 'list' and operation.status == 200 and arguments['network_id'] == network.id:
            network.active = {}
        if kind == 'release' and operation.status in (204, 409):
            network.active.pop(arguments['allocation_id'], None)
        elif kind in ('allocate', 'get_allocation') and answer:
            network.shown(answer)
        elif kind in ('list', 'list_all', 'find_address') and answer:
            for allocation in answer:
                network.shown(allocation)


class TortureClient:
    """One thread: operations at nodes of the cluster, one at a time, each recorded."""

    def __init__(self, number, cluster, networks, seed, ending):
        self.number, self.cluster, self.networks = number, cluster, networks
        self.choice = random.Random(seed * 1000 + number)
        self.roams = number % ROAMING_ONE_IN == ROAMING_ONE_IN - 1
        self.moves = 0  # how often it has given a node up
        self.patience = PATIENCE_SECONDS[number % len(PATIENCE_SECONDS)]
        self.ending = ending
        self.connections = {}  # node -> (Client, life)
        self.operations = []
        self.answers = Answers()
        self.sequence = 0
        self.revision = 0      # the highest that this client has seen
        self.failure = None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        try:
            while not self.ending.is_set():
                network = self.networks.pick(self.choice)
                request = self._draw(network)
                operation = self.ask(self._node(), network.cidr, *request)
                if operation:
                    self.networks.learn(network, operation)
                if operation is None or not operation.answered:
                    self.moves += 1
                self.ending.wait(self.choice.expovariate(1 / PAUSE_SECONDS_MEAN))
        except Exception as error:  # a thread's exception would be lost
            self.failure = f'client {self.number}: {type(error).__name__}: {error}'
        finally:
            self.close()

    def close(self):
        for client, _ in self.connections.values():
            client.close()

    def _node(self):
        nodes = self.cluster.present()
        if self.roams:
            return self.choice.choice(nodes)
        return nodes[(self.number + self.moves) % len(nodes)]

    # ---- what to ask ----
    def _name(self):
        self.sequence += 1
        return f'c{self.number}-{self.sequence}'

    def _draw(self, network):
        """(kind, arguments, method, path, body, stale)"""
        stale = False
        with self.networks.lock:
            network_id, known_ids = network.id, list(network.known_ids)
            active, known = dict(network.active), network.known[-40:]
        while True:
            kind, = self.choice.choices(list(KINDS), list(KINDS.values()))
            if network_id is None and kind in ('allocate', 'release', 'list', 'stats', 'delete'):
                kind = self.choice.choice(('create', 'create', 'find_network'))
            if kind == 'create' and network_id is not None and self.choice.random() < 0.8:
                continue
            if kind == 'delete' and active and self.choice.random() < 0.7:
                continue
            made = self._request(kind, network.cidr, network_id, known_ids, active, known)
            if made:
                break
        if kind in READS:
            stale = self.choice.random() < STALE_SHARE
        return (kind, *made, stale)

    def _request(self, kind, cidr, network_id, known_ids, active, known):
        """(arguments, method, path, body), or None where what it needs is not there."""
        if kind == 'create':
            body = {'cidr': cidr, 'description': self._name()}
            return {'description': body['description']}, 'POST', '/networks', body
        if kind == 'find_network':
            return {}, 'GET', f'/networks?cidr={cidr}', None
        if kind == 'find_address':
            held = list(active.values())
            usable = ipaddress.ip_network(cidr).num_addresses - 2
            any_ip = ipaddress.ip_network(cidr)[self.choice.randrange(1, usable + 1)]
            ip = self.choice.choice([*held, str(any_ip)])
            return {'ip': ip}, 'GET', f'/allocations?ip={ip}', None
        if kind in ('release', 'get_allocation'):
            few = list(active) if kind == 'release' and self.choice.random() < 0.9 else known
            if not few:
                return None
            allocation_id = self.choice.choice(few)
            path = f'/allocations/{allocation_id}'
            method, tail = ('POST', '/release') if kind == 'release' else ('GET', '')
            return {'allocation_id': allocation_id}, method, path + tail, None
        if kind == 'allocate':
            return self._allocation(cidr, network_id)
        return self._on_network(kind, network_id, known_ids)

    def _allocation(self, cidr, network_id):
        count = self.choice.randrange(2, 5) if self.choice.random() < BLOCKS_SHARE else 1
        arguments = {'hostname': self._name(), 'count': count}
        body = dict(arguments)
        if self.choice.random() < BY_CIDR_SHARE:
            body['cidr'] = cidr
        else:
            body['network_id'] = arguments['network_id'] = network_id
        return arguments, 'POST', '/allocations', body

    def _on_network(self, kind, network_id, known_ids):
        """Sometimes about a network that is gone."""
        if network_id is None or self.choice.random() < 0.05:
            if not known_ids:
                return None
            network_id = self.choice.choice(known_ids)
        method, path = {'delete': ('DELETE', f'/networks/{network_id}'),
                        'get_network': ('GET', f'/networks/{network_id}'),
                        'stats': ('GET', f'/networks/{network_id}/stats'),
                        'list': ('GET', f'/allocations?network_id={network_id}'),
                        'list_all': ('GET', f'/allocations?all=true&network_id={network_id}')}[kind]
        return {'network_id': network_id}, method, path, None

    # ---- asking ----
    def _connection(self, node):
        if node not in self.connections:
            self.connections[node] = (node.client(seconds_max=self.patience), None)
        client, life = self.connections[node]
        if client.connection is None:
            before = node.life
            client.connect()
            # The process that answers is certain where none began meanwhile.
            life = before if node.life == before else None
            self.connections[node] = (client, life)
        return client, life

    def ask(self, node, cidr, kind, arguments, method, path, body=None, stale=False):
        """The operation, which is recorded. None where there was no connection: nothing was asked."""
        headers, session = {}, False
        if stale:
            path += ('&' if '?' in path else '?') + 'consistency=stale'
            session = self.choice.random() < SESSION_SHARE
            if session:
                headers['X-Ipam-Min-Revision'] = str(self.revision)
        try:
            client, life = self._connection(node)
        except NotSent:
            self.ending.wait(0.05)  # or clients of a node that is down would do nothing else
            return None
        operation = Operation(self.number, node.id, life, kind, cidr, arguments, stale, session,
                              begin=time.monotonic_ns())
        self.operations.append(operation)
        try:
            response = client.request(method, path, body, headers)
        except Broken:
            return operation
        operation.end = time.monotonic_ns()
        operation.status, operation.reason = response.status, response.reason()
        if response.status in (200, 201):
            try:
                operation.reason = ''
                operation.answer = self.answers.of(kind, response.json())
            except (KeyError, TypeError, ValueError, http.client.HTTPException) as error:
                operation.reason = f'{error!r} in {response.body[:200]!r}'
        if operation.answered:
            operation.revision = int(response.headers['x-ipam-revision'])
            self.revision = max(self.revision, operation.revision)
        return operation


class Workload:
    def __init__(self, cluster, clients, seed):
        self.ending = threading.Event()
        self.networks = Networks(seed)
        self.clients = [TortureClient(number, cluster, self.networks, seed, self.ending)
                        for number in range(clients)]

    def start(self):
        for client in self.clients:
            client.thread.start()
        return self

    def stop(self, seconds_max=60):
        self.ending.set()
        deadline = time.monotonic() + seconds_max
        for client in self.clients:
            client.thread.join(max(0.1, deadline - time.monotonic()))
            if client.thread.is_alive():
                raise AssertionError(f'client {client.number} does not end')
        return self

    def failures(self):
        return [client.failure for client in self.clients if client.failure]

    def operations(self):
        return [operation for client in self.clients for operation in client.operations]
