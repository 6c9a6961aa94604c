"""What one network does, one operation after the other, and a history as calls of that model.

A history is taken apart by CIDR: the networks of a run do not nest, so each is a system of its own.
The model knows the rules of the contract: one network per CIDR, the first fit from the first usable
address, no deletion while something is allocated, and that what was allocated stays known for ever.
Things are called by what their request called them (description, hostname), because the id of one
whose outcome is unknown may never be seen. Addresses are offsets from the network's base.
"""
import bisect
import collections
import functools
import ipaddress

from torture.linearizability import Call

# `network`: the description of the one that has the CIDR now, or None. `active`: (first, last,
# hostname), by address. `ended`: (hostname, description of its network).
State = collections.namedtuple('State', 'network active ended')
EMPTY = State(None, (), frozenset())


def first_fit(active, count, usable):
    """The first of `count` free offsets in a row among 1..usable, or None."""
    at = 1
    for first, last, _ in active:
        if first - at >= count:
            return at
        at = last + 1
    return at if usable - at + 1 >= count else None


# ---- writes: the state after it, or None where it is not possible ----
def create(description, state):
    return State(description, (), state.ended) if state.network is None else None


def delete(description, state):
    if state.network != description or state.active:
        return None
    return State(None, (), state.ended)


def allocate(usable, description, hostname, count, expected, state):
    """`description` None: whichever network has the CIDR. `expected`: its offset, where known."""
    if state.network is None or description not in (None, state.network):
        return None
    first = first_fit(state.active, count, usable)
    if first is None or expected not in (None, first):
        return None
    added = (first, first + count - 1, hostname)
    return State(state.network, tuple(sorted((*state.active, added))), state.ended)


def release(hostname, state):
    for entry in state.active:
        if entry[2] == hostname:
            active = tuple(other for other in state.active if other is not entry)
            return State(state.network, active, state.ended | {(hostname, state.network)})
    return None


# ---- observations ----
def network_is(description, state):
    return state.network == description


def network_is_not(description, state):
    return state.network != description


def any_network(state):
    return state.network is not None


def in_use(description, state):
    return state.network == description and bool(state.active)


def full(usable, description, count, state):
    return (state.network is not None and description in (None, state.network)
            and first_fit(state.active, count, usable) is None)


def has_ended(hostname, description, state):
    return (hostname, description) in state.ended


def never_was(hostname, description, state):
    return not has_ended(hostname, description, state) and not holds_any(hostname, state)


def holds_any(hostname, state):
    return any(entry[2] == hostname for entry in state.active)


def holds(entry, state):
    return entry in state.active


def active_are(description, active, state):
    return state.network == description and state.active == active


def ever_were(descriptions, active, ended, state):
    """All that were ever allocated in networks of these descriptions; None for any."""
    if descriptions is None:
        return state.active == active and state.ended == ended
    now = state.active if state.network in descriptions else ()
    return now == active and ended == {one for one in state.ended if one[1] in descriptions}


def stats_are(usable, description, stats, state):
    """`stats`: allocated, available, first available, last allocated; addresses as offsets."""
    if state.network != description:
        return False
    used = sum(last - first + 1 for first, last, _ in state.active)
    last_allocated = state.active[-1][1] if state.active else None
    return stats == (used, usable - used, first_fit(state.active, 1, usable), last_allocated)


def held_by(offset, hostname, state):
    """`hostname` None: nobody holds it."""
    holder = next((entry[2] for entry in state.active if entry[0] <= offset <= entry[1]), None)
    return holder == hostname


class Partition:
    """The operations on one CIDR as calls."""

    def __init__(self, cidr, operations, names):
        self.cidr, self.names = cidr, names
        prefix = ipaddress.ip_network(cidr)
        self.base = int(prefix.network_address)
        self.usable = prefix.num_addresses - 2  # without network and broadcast
        self.operations = [one for one in operations if not one.refused
                           and (one.is_write() or one.answered)]
        self.operations.sort(key=lambda one: one.begin)
        self._shows_active = collections.defaultdict(int)  # hostname -> observations, as bits
        self._lists_all = []  # (bit, description or None for all, hostnames)
        self.calls = [self._call(number, one) for number, one in enumerate(self.operations)]
        self._order_by_content()
        self._order_stale_reads()

    def _offset(self, ip):
        return None if ip is None else int(ipaddress.ip_address(ip)) - self.base

    def _entry(self, allocation):
        return (self._offset(allocation.ip), self._offset(allocation.end_ip or allocation.ip),
                allocation.hostname)

    def _name_of_network(self, network_id):
        """Its description; where nobody ever saw it, a name that no network has."""
        network = self.names.network_of.get(network_id)
        return network.description if network else f'unknown {network_id}'

    def _call(self, number, operation):
        make = getattr(self, f'_{operation.kind}')
        function = make(operation, 1 << number)
        is_effect = operation.is_write() and (operation.unknown or operation.status in (201, 204))
        return Call(operation.begin, operation.end if operation.answered else None,
                    effect=function if is_effect else None,
                    holds=None if is_effect else function, operation=operation)

    # ---- one method a kind: the function of the state that its answer (or lack of one) says ----
    def _create(self, operation, _):
        if operation.status == 409:
            return any_network
        description = operation.arguments['description']
        if operation.answer and operation.answer[1:] != (self.cidr, description):
            return lambda state: None  # not what was asked for
        return functools.partial(create, description)

    def _delete(self, operation, _):
        name = self._name_of_network(operation.arguments['network_id'])
        functions = {404: network_is_not, 409: in_use}
        return functools.partial(functions.get(operation.status, delete), name)

    def _allocate(self, operation, _):
        hostname, count = operation.arguments['hostname'], operation.arguments['count']
        network_id = operation.arguments.get('network_id')
        name = None if network_id is None else self._name_of_network(network_id)
        if operation.status == 404:
            return functools.partial(network_is if name is None else network_is_not, name)
        if operation.status == 409:
            return functools.partial(full, self.usable, name, count)
        # One of an unknown outcome that was seen later has the address that it was seen with.
        seen = operation.answer or self.names.allocation_named(hostname)
        if seen is None:
            return functools.partial(allocate, self.usable, name, hostname, count, None)
        first, last, _ = self._entry(seen)
        in_network = self._name_of_network(seen.network_id)
        if last - first + 1 != count or name not in (None, in_network) \
                or seen.hostname != hostname:
            return lambda state: None  # not what was asked for
        return functools.partial(allocate, self.usable, in_network, hostname, count, first)

    def _release(self, operation, _):
        allocation = self.names.allocation_of[operation.arguments['allocation_id']]
        if operation.answered and operation.status != 204:
            function = has_ended if operation.status == 409 else never_was
            return functools.partial(function, allocation.hostname,
                                     self._name_of_network(allocation.network_id))
        return functools.partial(release, allocation.hostname)

    def _get_network(self, operation, _):
        name = self._name_of_network(operation.arguments['network_id'])
        if operation.status == 404:
            return functools.partial(network_is_not, name)
        same = operation.answer.id == operation.arguments['network_id']
        return functools.partial(network_is, name) if same else lambda state: False

    def _find_network(self, operation, _):
        found = [network.description for network in operation.answer]
        if len(found) > 1:
            return lambda state: False
        return functools.partial(network_is, found[0] if found else None)

    _all_networks = _find_network

    def _stats(self, operation, _):
        name = self._name_of_network(operation.arguments['network_id'])
        if operation.status == 404:
            return functools.partial(network_is_not, name)
        stats = operation.answer
        if stats.total != self.usable:
            return lambda state: False
        offsets = self._offset(stats.first_available), self._offset(stats.last_allocated)
        return functools.partial(stats_are, self.usable, name,
                                 (stats.allocated, stats.available, *offsets))

    def _show(self, allocations, bit):
        for allocation in allocations:
            if allocation.status == 'allocated':
                self._shows_active[allocation.hostname] |= bit

    def _list(self, operation, bit):
        name = self._name_of_network(operation.arguments['network_id'])
        if operation.status == 404:
            return functools.partial(network_is_not, name)
        self._show(operation.answer, bit)
        active = tuple(self._entry(allocation) for allocation in operation.answer)
        return functools.partial(active_are, name, active)

    def _ever(self, operation, bit, name):
        answer = operation.answer
        self._show(answer, bit)
        self._lists_all.append((bit, name, {allocation.hostname for allocation in answer}))
        if len({allocation.id for allocation in answer}) < len(answer):
            return lambda state: False
        active = tuple(sorted(self._entry(one) for one in answer if one.status == 'allocated'))
        ended = frozenset((one.hostname, self._name_of_network(one.network_id))
                          for one in answer if one.status == 'released')
        if len(active) + len(ended) < len(answer):
            return lambda state: False  # nothing expires in these runs
        return functools.partial(ever_were, None if name is None else {name}, active, ended)

    def _list_all(self, operation, bit):
        name = self._name_of_network(operation.arguments['network_id'])
        return self._ever(operation, bit, name)

    def _all_allocations(self, operation, bit):
        return self._ever(operation, bit, None)

    def _get_allocation(self, operation, bit):
        known = self.names.allocation_of.get(operation.arguments['allocation_id'])
        if operation.status == 404:
            return functools.partial(never_was, known.hostname,
                                     self._name_of_network(known.network_id))
        found = operation.answer
        if found.id != operation.arguments['allocation_id']:
            return lambda state: False
        self._show([found], bit)
        if found.status == 'allocated':
            return functools.partial(holds, self._entry(found))
        return functools.partial(has_ended, found.hostname,
                                 self._name_of_network(found.network_id))

    def _find_address(self, operation, bit):
        found = operation.answer
        if len(found) > 1:
            return lambda state: False
        self._show(found, bit)
        return functools.partial(held_by, self._offset(operation.arguments['ip']),
                                 found[0].hostname if found else None)

    # ---- what must come before what: follows from the model, and spares the search ----
    def _order_by_content(self):
        """What was released is never active again, and what was allocated never forgotten: who saw
        it active came before its release, and a list of all without it before its allocation."""
        for call in self.calls:
            operation = call.operation
            if call.effect is None:
                continue
            if operation.kind == 'release':
                allocation = self.names.allocation_of[operation.arguments['allocation_id']]
                call.needs |= self._shows_active[allocation.hostname]
            elif operation.kind == 'allocate':
                hostname = operation.arguments['hostname']
                network_id = operation.arguments.get('network_id')
                name = None if network_id is None else self._name_of_network(network_id)
                for bit, listed, hostnames in self._lists_all:
                    if hostname not in hostnames and (listed is None or listed == name):
                        call.needs |= bit

    def _order_stale_reads(self):
        """A stale read may see an old state, but a process never goes back: not before what it had
        answered, nor, in a session, before what the client had seen."""
        answered = collections.defaultdict(list)  # process or client -> (end, number)
        for number, operation in enumerate(self.operations):
            if not operation.answered:
                continue
            answered['client', operation.client].append((operation.end, number))
            if operation.life is not None:
                answered[operation.node, operation.life].append((operation.end, number))
        for ends in answered.values():
            ends.sort()
        for call in self.calls:  # in the order of their begin
            operation = call.operation
            if not operation.stale:
                continue
            keys = [('client', operation.client)] if operation.session else []
            if operation.life is not None:
                keys.append((operation.node, operation.life))
            earliest = -1
            for key in keys:
                ends = answered[key]
                for _, number in ends[:bisect.bisect_left(ends, (operation.begin,))]:
                    call.needs |= 1 << number
                    earliest = max(earliest, self.calls[number].begin)
            call.begin = earliest  # not before the begin of what comes before it
