"""Faults: a plan that a seed gives, and its execution by four lanes at once.

A lane is a thread that has one fault on at a time: one lane for the network, one for processes, one
for the members, and one for how far apart the nodes are, which is no fault: where messages take
long, much is under way at any moment, and that is what a fault must meet. The plan says when each fault begins, how long it lasts, and has a number of its
own for each, from which that fault chooses its victims when it begins (the leader, often).
"""
import collections
import dataclasses
import os
import random
import threading
import time

from harness import check

# Kind and weight. A weight of 2 comes twice as often as one of 1.
NETWORK_KINDS = {'delay': 2, 'loss': 2, 'reorder': 1, 'duplicate': 1, 'bad_link': 2, 'isolate': 4,
                 'split': 3, 'one_way': 3, 'bridge': 3, 'flapping': 1, 'clients_cut_off': 2}
PROCESS_KINDS = {'kill': 4, 'pause': 4, 'migrate': 3, 'long_away': 2, 'terminate': 1, 'kill_all': 1,
                 'pause_all': 1}
# Long enough for the log to be cut, and for peers to give up connections (after 10 seconds).
LONG_AWAY_SECONDS = (4, 15)
UNREACHABLE_BEFORE_FROZEN_SECONDS = (0.05, 0.5)
FIRST_CHANGE_OF_MEMBERS_SECONDS = (12, 20)
BETWEEN_CHANGES_OF_MEMBERS_SECONDS = (80, 160)
DISTANCES_MS = (0, 1, 5, 20)  # in one direction: one machine, one site, one region, one continent
SAME_DISTANCE_SECONDS = (10, 30)
RETRY_SECONDS = 0.3


@dataclasses.dataclass(frozen=True)
class Fault:
    kind: str
    begin: float     # seconds from the start
    duration: float
    seed: int


def draw_plan(seed, seconds):
    """{lane: [Fault]}; all of them are over after `seconds`."""
    choice = random.Random(seed)

    def draw(kinds, gap_max, duration_max):
        faults, at = [], choice.uniform(1, 3)
        names, weights = list(kinds), list(kinds.values())
        while True:
            kind, = choice.choices(names, weights)
            duration = choice.uniform(0.3, duration_max)
            if kind in ('long_away', 'migrate'):
                duration = choice.uniform(*LONG_AWAY_SECONDS)
            elif kind in ('kill_all', 'pause_all'):
                duration = choice.uniform(0, 2)
            if at + duration > seconds - 1:
                return faults
            faults.append(Fault(kind, at, duration, choice.randrange(1 << 32)))
            at += duration + choice.uniform(0.5, gap_max)

    plan = {'network': draw(NETWORK_KINDS, 4, 8), 'processes': draw(PROCESS_KINDS, 6, 5),
            'members': [], 'distance': []}
    at = choice.uniform(*FIRST_CHANGE_OF_MEMBERS_SECONDS)
    while at < seconds - 10:
        plan['members'].append(Fault('replace', at, 0, choice.randrange(1 << 32)))
        at += choice.uniform(*BETWEEN_CHANGES_OF_MEMBERS_SECONDS)
    at = 0
    while at < seconds:
        duration = choice.uniform(*SAME_DISTANCE_SECONDS)
        plan['distance'].append(Fault('distance', at, duration, choice.randrange(1 << 32)))
        at += duration
    return plan


def both_ways(ones, others, **rule):
    return {pair: rule for a in ones for b in others if a != b for pair in ((a, b), (b, a))}


class Faults:
    """Executes a plan on a cluster until it is over or ended."""

    def __init__(self, cluster, plan, log_path):
        self.cluster, self.wire = cluster, cluster.wire
        self.plan = plan
        self.counts = collections.Counter()
        self.failures = []  # exceptions of lanes, as texts
        self.ending = threading.Event()
        self.started = time.monotonic()
        self.log_path = log_path
        self.log_lock = threading.Lock()
        self.threads = [threading.Thread(target=self._lane, args=(faults,), daemon=True)
                        for faults in plan.values()]

    def start(self):
        self.started = time.monotonic()
        for thread in self.threads:
            thread.start()
        return self

    def log(self, text):
        with self.log_lock, open(self.log_path, 'a', encoding='utf-8') as file:
            file.write(f'{time.monotonic() - self.started:8.3f} {time.monotonic_ns()} {text}\n')

    def recent(self, lines=30):
        if not os.path.exists(self.log_path):
            return ''
        with open(self.log_path, encoding='utf-8') as file:
            return ''.join(file.readlines()[-lines:])

    def end(self, seconds_max=120):
        """Every fault that is on is taken back; returns when all lanes have."""
        self.ending.set()
        deadline = time.monotonic() + seconds_max
        for thread in self.threads:
            thread.join(max(0.1, deadline - time.monotonic()))
            check(not thread.is_alive(), f'a fault does not end\n{self.recent()}')
        self.wire.clear()
        self.log('all faults are over')

    def _lane(self, faults):
        try:
            for fault in faults:
                if self._wait_until(fault.begin):
                    return
                self._perform(fault)
        except Exception as error:  # a thread's exception would be lost
            self.failures.append(f'{type(error).__name__}: {error}')
            self.log(f'FAILED {error!r}')

    def _wait_until(self, seconds):
        """True where the run ends before that."""
        return self.ending.wait(max(0.0, self.started + seconds - time.monotonic()))

    def _hold(self, fault, share=1.0):
        self.ending.wait(fault.duration * share)

    def _perform(self, fault):
        choice = random.Random(fault.seed)
        getattr(self, f'_{fault.kind}')(fault, choice)
        self.counts[fault.kind] += 1

    def _victim(self, choice):
        """The leader half of the time."""
        leader = self.cluster.leading() if choice.random() < 0.5 else None
        return leader or choice.choice(self.cluster.present())

    def _on_wire(self, fault, rules, text):
        self.log(f'{fault.kind} begins: {text}')
        self.wire.put(fault, rules)
        self._hold(fault)
        self.wire.remove(fault)
        self.log(f'{fault.kind} ends')

    # ---- the network ----
    def _distance(self, fault, choice):
        delay = choice.choice(DISTANCES_MS)
        self._on_wire(fault, both_ways(self.cluster.node_ids, self.cluster.node_ids,
                                       delay_ms=delay), f'{delay} ms')

    def _on_link(self, fault, choice, **rule):
        victim = self._victim(choice)
        self._on_wire(fault, both_ways([victim.id], self.cluster.node_ids, **rule),
                      f'node {victim.id} {rule}')

    def _delay(self, fault, choice):
        delay = choice.uniform(5, 300)
        self._on_link(fault, choice, delay_ms=delay, jitter_ms=choice.uniform(0, delay))

    def _loss(self, fault, choice):
        self._on_link(fault, choice, loss=choice.uniform(0.02, 0.4))

    def _reorder(self, fault, choice):
        self._on_link(fault, choice, delay_ms=choice.uniform(2, 30),
                      reorder=choice.uniform(0.05, 0.5))

    def _duplicate(self, fault, choice):
        self._on_link(fault, choice, duplicate=choice.uniform(0.05, 0.5))

    def _bad_link(self, fault, choice):
        self._on_link(fault, choice, delay_ms=choice.uniform(1, 80),
                      jitter_ms=choice.uniform(0, 40), loss=choice.uniform(0, 0.15),
                      duplicate=choice.uniform(0, 0.1), reorder=choice.uniform(0, 0.2))

    def _isolate(self, fault, choice):
        self._on_link(fault, choice, cut=True)

    def _split(self, fault, choice):
        """Two sides; those who are not with the victim are with each other."""
        victim, others = self._victim(choice), list(self.cluster.node_ids)
        others.remove(victim.id)
        choice.shuffle(others)
        here = [victim.id, *others[:choice.randrange(1, len(others))]]
        there = [node_id for node_id in others if node_id not in here]
        self._on_wire(fault, both_ways(here, there, cut=True), f'{here} | {there}')

    def _one_way(self, fault, choice):
        """The victim is not heard, or hears nothing, by all or by one."""
        victim = self._victim(choice)
        others = [node.id for node in self.cluster.present() if node is not victim]
        if choice.random() < 0.5 and others:
            others = [choice.choice(others)]
        outwards = choice.random() < 0.5
        rules = {(victim.id, other) if outwards else (other, victim.id): {'cut': True}
                 for other in others}
        self._on_wire(fault, rules, f'node {victim.id} {"to" if outwards else "from"} {others}')

    def _bridge(self, fault, choice):
        """Two sides that only one node reaches both of."""
        bridge = self._victim(choice)
        others = [node.id for node in self.cluster.present() if node is not bridge]
        choice.shuffle(others)
        here, there = others[:len(others) // 2], others[len(others) // 2:]
        self._on_wire(fault, both_ways(here, there, cut=True), f'{here} - {bridge.id} - {there}')

    def _flapping(self, fault, choice):
        victim = self._victim(choice)
        self.log(f'flapping begins: node {victim.id}')
        cut = both_ways([victim.id], self.cluster.node_ids, cut=True)
        until = time.monotonic() + fault.duration
        while time.monotonic() < until and not self.ending.is_set():
            self.wire.put(fault, cut)
            self.ending.wait(choice.uniform(0.05, 0.7))
            self.wire.remove(fault)
            self.ending.wait(choice.uniform(0.05, 0.5))
        self.log('flapping ends')

    def _clients_cut_off(self, fault, choice):
        """No client reaches the node, and no answer leaves it."""
        victim = self._victim(choice)
        self.log(f'clients_cut_off begins: node {victim.id}')
        victim.machine.unplug()
        self._hold(fault)
        victim.machine.plug_in()
        self.log('clients_cut_off ends')

    # ---- processes ----
    def _kill(self, fault, choice):
        victim = self._victim(choice)
        self.log(f'{fault.kind} begins: node {victim.id}')
        victim.kill()
        self._hold(fault)
        victim.start()
        self.log(f'{fault.kind} ends: node {victim.id} starts')

    _long_away = _kill

    def _terminate(self, fault, choice):
        victim = self._victim(choice)
        self.log(f'terminate begins: node {victim.id}')
        victim.terminate()
        self._hold(fault, 0.3)
        victim.start()
        self.log(f'terminate ends: node {victim.id} starts')

    def _pause(self, fault, choice):
        victim = self._victim(choice)
        self.log(f'pause begins: node {victim.id}')
        victim.pause()
        self._hold(fault)
        victim.resume()
        self.log('pause ends')

    def _migrate(self, fault, choice):
        """As a virtual machine that is moved: it loses the network, or at first only what is sent to
        it, then it is frozen, and goes on with the network back, not noticing for how long. After a
        pause alone it would find all that its peers had sent in its sockets; here they have given
        the connections up, if it takes long enough."""
        victim = self._victim(choice)
        outwards = choice.random() < 0.5
        rules = {(other, victim.id): {'cut': True} for other in self.cluster.node_ids}
        if outwards:
            rules.update({(victim.id, other): {'cut': True} for other in self.cluster.node_ids})
        self.log(f'migrate begins: node {victim.id} {"hears" if not outwards else "has"} nothing')
        self.wire.put(fault, rules)
        self.ending.wait(choice.uniform(*UNREACHABLE_BEFORE_FROZEN_SECONDS))
        victim.pause()
        self.wire.put(fault, both_ways([victim.id], self.cluster.node_ids, cut=True))
        self._hold(fault)
        self.wire.remove(fault)
        victim.resume()
        self.log('migrate ends')

    def _kill_all(self, fault, choice):
        nodes = self.cluster.present()
        self.log(f'kill_all begins: {[node.id for node in nodes]}')
        for node in nodes:  # none is waited for before all are signalled
            node.wanted = False
            node.signal(9)
        for node in nodes:
            node.kill()
        self._hold(fault)
        choice.shuffle(nodes)
        for node in nodes:
            node.start()
        self.log('kill_all ends')

    def _pause_all(self, fault, choice):
        nodes = self.cluster.present()
        self.log(f'pause_all begins: {[node.id for node in nodes]}')
        for node in nodes:
            node.pause()
        self._hold(fault)
        choice.shuffle(nodes)
        for node in nodes:
            node.resume()
        self.log('pause_all ends')

    # ---- members ----
    def _replace(self, fault, choice):
        """A new node joins, and when it votes, any one leaves: the size stays."""
        if not self.cluster.spares:
            return
        joining = self.cluster.spares.pop(0)
        self.log(f'replace begins: node {joining.id} joins')
        joining.join(','.join(f'{node.id}:{node.address}' for node in self.cluster.present()))
        joining.start()
        self.cluster.nodes = [*self.cluster.nodes, joining]
        if not self._change_until(lambda member: member is not None, joining.id, 'POST',
                                  '/cluster/nodes', {'node_id': joining.id,
                                                     'addr': joining.address}):
            return
        self.log(f'node {joining.id} is a member')
        if not self._change_until(lambda member: member is not None and member['voter'],
                                  joining.id):
            return
        self.log(f'node {joining.id} votes')
        leaving = choice.choice([node for node in self.cluster.present() if not node.may_leave])
        self.log(f'node {leaving.id} is to leave')
        leaving.may_leave = True
        if self._change_until(lambda member: member is None, leaving.id, 'DELETE',
                              f'/cluster/nodes/{leaving.id}'):
            self.log(f'replace ends: node {leaving.id} is no member')

    def _change_until(self, wanted, node_id, method=None, path=None, body=None):
        """Asks for the change, again and again, until the leader's list of members is as wanted.
        False where the run ended first: the change may still be made, or not."""
        while not self.ending.is_set():
            leader = self.cluster.leading()
            status = leader.quick_status() if leader else None
            if status:
                member = next((one for one in status['members'] if one['node_id'] == node_id),
                              None)
                if wanted(member) and status['role'] == 'leader':
                    return True
            if method and leader:
                client = leader.client(seconds_max=15)
                try:
                    answer = client.request(method, path, body)
                    check(answer.status in (204, 404, 409, 503, 504),
                          f'{method} {path} gave {answer!r}')
                    self.log(f'{method} {path} at node {leader.id} -> {answer.status} '
                             f'{answer.reason()}')
                except OSError as error:
                    self.log(f'{method} {path} at node {leader.id} -> {error!r}')
                finally:
                    client.close()
            self.ending.wait(RETRY_SECONDS)
        return False
