"""One record per operation of a client, and what must hold of all records together.

An operation is *answered* (it took effect, or was refused for a reason that says something of the
state), *refused* (503: nothing happened) or *unknown* (504, a broken connection, no answer in
time). Times are nanoseconds of the monotonic clock of the one process in which all clients run.
"""
import collections
import dataclasses
import json

# An allocation as answers show it; the same tuple stands for the same text.
Allocation = collections.namedtuple(
    'Allocation', 'id network_id ip end_ip hostname allocated_at status')
Network = collections.namedtuple('Network', 'id cidr description')
Stats = collections.namedtuple('Stats', 'total allocated available first_available last_allocated')

WRITES = ('create', 'delete', 'allocate', 'release')

# The answers that each kind may get beside 503 and 504. Any other one is a violation.
EXPECTED = {
    'create': {(201, ''), (409, 'NETWORK_EXISTS')},
    'delete': {(204, ''), (404, 'NETWORK_NOT_FOUND'), (409, 'NETWORK_HAS_ALLOCATIONS')},
    'allocate': {(201, ''), (404, 'NETWORK_NOT_FOUND'), (409, 'NETWORK_FULL')},
    'release': {(204, ''), (404, 'ALLOCATION_NOT_FOUND'), (409, 'ALREADY_RELEASED')},
    'get_network': {(200, ''), (404, 'NETWORK_NOT_FOUND')},
    'find_network': {(200, '')},
    'stats': {(200, ''), (404, 'NETWORK_NOT_FOUND')},
    'list': {(200, ''), (404, 'NETWORK_NOT_FOUND')},
    'list_all': {(200, '')},
    'get_allocation': {(200, ''), (404, 'ALLOCATION_NOT_FOUND')},
    'find_address': {(200, '')},
    'all_networks': {(200, '')},
    'all_allocations': {(200, '')},
}


@dataclasses.dataclass(slots=True)
class Operation:
    """`status` is None where no answer came. `answer` is what the kind gives, in the tuples above.

    `arguments` by kind: create: description; delete, get_network, stats, list, list_all:
    network_id; allocate: hostname, count, and network_id or nothing (then by CIDR); release,
    get_allocation: allocation_id; find_address: ip.
    """
    client: int
    node: int
    life: int | None  # which process of the node answered; None where that is not certain
    kind: str
    cidr: str         # of the network that it is about; '' for all
    arguments: dict
    stale: bool       # asked for consistency=stale
    session: bool     # stale, and X-Ipam-Min-Revision was what this client had seen
    begin: int
    end: int | None = None
    status: int | None = None
    reason: str = ''
    answer: object = None
    revision: int | None = None

    @property
    def refused(self):
        return self.status == 503

    @property
    def unknown(self):
        return self.status is None or self.status == 504

    @property
    def answered(self):
        return not self.refused and not self.unknown

    def is_write(self):
        return self.kind in WRITES

    def expected(self):
        return not self.answered or (self.status, self.reason) in EXPECTED[self.kind]

    def describe(self, start=0):
        """One line for people; times in seconds since `start`."""
        end = '…' if self.end is None else f'{(self.end - start) / 1e9:.4f}'
        arguments = ' '.join(str(value) for value in self.arguments.values() if value is not None)
        answer = self.answer
        if isinstance(answer, (Allocation, Network, Stats)):
            answer = ' '.join(str(value) for value in answer)
        elif isinstance(answer, tuple):
            answer = '[' + ', '.join(_short(entry) for entry in answer) + ']'
        outcome = 'unknown' if self.unknown else f'{self.status} {self.reason}'.rstrip()
        stale = ' stale' * self.stale + ' session' * self.session
        return (f'{(self.begin - start) / 1e9:.4f}-{end} client {self.client} node {self.node}'
                f'/{self.life} r{self.revision} {self.kind}{stale} {self.cidr} {arguments} -> '
                f'{outcome} {"" if answer is None else answer}').rstrip()


def _short(entry):
    if isinstance(entry, Allocation):
        last = f'-{entry.end_ip}' if entry.end_ip else ''
        return f'{entry.ip}{last} {entry.hostname} {entry.status}'
    return ' '.join(str(value) for value in entry)


# ---- answers ----
class Answers:
    """Parsed answers into tuples; equal ones are one object, since lists repeat them a lot."""

    def __init__(self):
        self._known = {}

    def allocation(self, body):
        found = Allocation(*(body[field] for field in Allocation._fields))
        return self._known.setdefault(found, found)

    def network(self, body):
        found = Network(*(body[field] for field in Network._fields))
        return self._known.setdefault(found, found)

    @staticmethod
    def stats(body):
        return Stats(int(body['total_ips']), int(body['allocated_ips']),
                     int(body['available_ips']), body['first_available'], body['last_allocated'])

    def of(self, kind, body):
        """The answer of a 200 or 201 to an operation of this kind."""
        if kind in ('create', 'get_network'):
            return self.network(body)
        if kind in ('allocate', 'get_allocation'):
            return self.allocation(body)
        if kind == 'stats':
            return self.stats(body)
        entry = self.network if kind in ('find_network', 'all_networks') else self.allocation
        return tuple(entry(one) for one in body)


# ---- the file ----
def write_history(path, operations):
    """One JSON object a line, in the order of their begin."""
    with open(path, 'w', encoding='utf-8') as file:
        for operation in sorted(operations, key=lambda one: one.begin):
            row = {name: getattr(operation, name) for name in Operation.__dataclass_fields__}
            file.write(json.dumps(row, separators=(',', ':')) + '\n')


def read_history(path):
    """What write_history() wrote."""
    operations = []
    with open(path, encoding='utf-8') as file:
        for line in file:
            operation = Operation(**json.loads(line))
            operation.answer = _restored(operation.kind, operation.answer)
            operations.append(operation)
    return operations


def _restored(kind, answer):
    if answer is None:
        return None
    if kind == 'stats':
        return Stats(*answer)
    shape = Network if kind in ('create', 'get_network', 'find_network',
                                'all_networks') else Allocation
    if kind in ('create', 'get_network', 'allocate', 'get_allocation'):
        return shape(*answer)
    return tuple(shape(*entry) for entry in answer)


# ---- what holds of all records ----
class Names:
    """Which request made what: ids of the server to the names that clients gave, one to one."""

    def __init__(self):
        self.network_of = {}     # id -> Network
        self.allocation_of = {}  # id -> Allocation, as first seen
        self.violations = []
        self._network_ids = {}     # description -> id
        self._allocation_ids = {}  # hostname -> id
        self._told = set()         # what need not be said for each list that shows it

    def allocation_named(self, hostname):
        """What the request of this hostname made, or None where nobody has seen it."""
        return self.allocation_of.get(self._allocation_ids.get(hostname))

    def learn(self, operation):
        answer = operation.answer
        for entry in answer if type(answer) is tuple else (answer,):
            if isinstance(entry, Network):
                self._learn(entry, self.network_of, self._network_ids, entry.description,
                            lambda one: one, operation)
            elif isinstance(entry, Allocation):
                # Only the status of an allocation ever changes.
                self._learn(entry, self.allocation_of, self._allocation_ids, entry.hostname,
                            lambda one: one[:-1], operation)

    def _learn(self, entry, of, ids, name, fixed, operation):
        before = of.setdefault(entry.id, entry)
        if before is not entry and fixed(before) != fixed(entry) and self._is_news(entry.id):
            self.violations.append(f'{entry.id} has changed from {before} to {entry}:\n'
                                   f'  {operation.describe()}')
        other = ids.setdefault(name, entry.id)
        if other != entry.id and self._is_news(name, entry.id):
            self.violations.append(f'one request ({name}) made both {other} and {entry.id}:\n'
                                   f'  {operation.describe()}')


    def _is_news(self, *what):
        known = what in self._told
        self._told.add(what)
        return not known


def names_of(operations):
    """The Names, with violations: things nobody asked for, or that were refused, too."""
    names = Names()
    asked, refused = set(), {}
    for operation in operations:
        if operation.kind == 'create':
            name = operation.arguments['description']
        elif operation.kind == 'allocate':
            name = operation.arguments['hostname']
        else:
            name = None
        if name is not None:
            asked.add(name)
            if operation.refused:
                refused[name] = operation
        if operation.answered:
            names.learn(operation)
    made = [(network.description, network) for network in names.network_of.values()]
    made += [(allocation.hostname, allocation) for allocation in names.allocation_of.values()]
    for name, thing in made:
        if name not in asked:
            names.violations.append(f'nobody asked for {thing}')
        if name in refused:
            names.violations.append(f'a request that was refused has been carried out: {thing}\n'
                                    f'  {refused[name].describe()}')
    return names


def revision_violations(operations, count_max=10):
    """X-Ipam-Revision never goes back: between operations of which one ended before the other
    began, stale reads only among those of one process, or of one client that asked for what it had
    seen. Each write has a revision of its own."""
    found = []
    answered = [one for one in operations if one.answered and one.revision is not None]
    writers = {}
    for operation in answered:
        if operation.is_write():
            other = writers.setdefault(operation.revision, operation)
            if other is not operation:
                found.append(f'two writes have one revision:\n  {other.describe()}\n'
                             f'  {operation.describe()}')
    found += _backward(answered, lambda one: not one.stale)
    lives = collections.defaultdict(list)
    for operation in answered:
        if operation.life is not None:
            lives[operation.node, operation.life].append(operation)
    for process in lives.values():
        found += _backward(process, lambda one: True)
    seen = {}  # by client, whose operations follow one another
    for operation in sorted(answered, key=lambda one: one.begin):
        before = seen.get(operation.client)
        if operation.session and before is not None and operation.revision < before.revision:
            found.append(f'older than what the client had seen:\n  {before.describe()}\n'
                         f'  {operation.describe()}')
        if before is None or operation.revision > before.revision:
            seen[operation.client] = operation
    return found[:count_max]


def _backward(operations, wanted):
    chosen = [one for one in operations if wanted(one)]
    by_end = sorted(chosen, key=lambda one: one.end)
    latest, at = None, 0
    for operation in sorted(chosen, key=lambda one: one.begin):
        while at < len(by_end) and by_end[at].end < operation.begin:
            if latest is None or by_end[at].revision > latest.revision:
                latest = by_end[at]
            at += 1
        if latest is None:
            continue
        gone_back = operation.revision < latest.revision
        not_later = operation.is_write() and operation.revision == latest.revision
        if gone_back or not_later:
            yield (f'the revision goes back:\n  {latest.describe()}\n  {operation.describe()}')
