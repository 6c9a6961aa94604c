"""Leases end when they should, whoever leads and whatever the nodes' wall clocks say."""
import email.utils
import glob
import random
import threading
import time

from harness import Broken, Cluster, NotSent, Skip, check, test, wait_until

SECONDS_LATE_MAX = 2.0   # after the TTL and after there is a leader
POLL_SECONDS = 0.05
CLOCKS = ('-4m', '+0', '+5m')  # of the three nodes; minutes apart
FAKETIME = '/usr/lib/*/faketime/libfaketimeMT.so.1'


class Lease:
    def __init__(self, allocation, sent, answered):
        self.id, self.ttl = allocation['id'], None
        self.sent, self.answered = sent, answered
        self.held_at = answered   # last seen so, by a read that began then
        self.ended_at = None      # first seen ended, by a read that was answered then


class Tenant:
    """Takes leases of a few seconds at any node, and looks when they end."""

    def __init__(self, cluster, network_id, seed):
        self.cluster, self.network_id = cluster, network_id
        self.choice = random.Random(seed)
        self.leases, self.failures = [], []
        self.leader_times = [time.monotonic()]  # when a leader was first seen again
        self.ending, self.watched = threading.Event(), threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._guarded, args=(work,), daemon=True)
                        for work in (self._take, self._take, self._watch)]
        for thread in self.threads:
            thread.start()

    def _guarded(self, work):
        try:
            work()
        except Exception as error:  # a thread's exception would be lost
            self.failures.append(repr(error))

    def _ask(self, method, path, body=None):
        """Asks any node; None where it does not answer."""
        with self.choice.choice(self.cluster.nodes).connected() as client:
            client.seconds_max = 3
            try:
                response = client.request(method, path, body)
            except (NotSent, Broken):
                return None
        return response if response.status in (200, 201) else None

    def _take(self):
        while not self.ending.is_set():
            ttl = self.choice.randrange(3, 7)
            sent = time.monotonic()
            response = self._ask('POST', '/allocations',
                                 {'network_id': self.network_id, 'ttl': ttl})
            if response:
                lease = Lease(response.json(), sent, time.monotonic())
                lease.ttl = ttl
                with self.lock:
                    self.leases.append(lease)
            self.ending.wait(0.1)

    def _watch(self):
        while not self.watched.is_set():
            asked = time.monotonic()
            with self.lock:
                known = list(self.leases)
            response = self._ask('GET', f'/allocations?network_id={self.network_id}')
            if response:
                held = {allocation['id'] for allocation in response.json()}
                for lease in known:
                    if lease.ended_at is None and lease.id in held:
                        lease.held_at = asked
                    elif lease.ended_at is None:
                        lease.ended_at = time.monotonic()
            time.sleep(POLL_SECONDS)

    def due(self):
        """How many of those that are still held should have ended, by the client's clock."""
        now = time.monotonic()
        return sum(lease.answered + lease.ttl < now for lease in self.held())

    def ended_since(self, moment):
        """How many that were taken before then were seen to end later."""
        return sum(lease.answered < moment < (lease.ended_at or 0) for lease in self.leases)

    def held(self):
        return [lease for lease in self.leases if lease.ended_at is None]

    def stop(self):
        """Takes no more leases, and watches until all have ended, or should have long ago."""
        self.ending.set()
        deadline = time.monotonic() + 6 + 3 * SECONDS_LATE_MAX
        while self.held() and not self.failures and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        self.watched.set()
        for thread in self.threads:
            thread.join(10)
        check(not self.failures, f'tenants failed: {self.failures[:3]}')
        check(not self.held(), f'{len(self.held())} of {len(self.leases)} leases do not end')


def preload_of_faketime():
    found = glob.glob(FAKETIME)
    if not found:
        raise Skip(f'{FAKETIME} is not there (Debian: faketime)')
    return found[0]


def start_with_clocks(cluster, clocks):
    """Each node with a wall clock of its own; its monotonic clock runs as it does."""
    library = preload_of_faketime()
    for node, offset in zip(cluster.nodes, clocks):
        node.variables = {**cluster.env.variables, 'LD_PRELOAD': library, 'FAKETIME': offset,
                          'FAKETIME_DONT_FAKE_MONOTONIC': '1'}
        node.start()
    cluster.wait_healthy()


def wait_for_leader(cluster, tenant):
    cluster.leader()
    wait_until('a write is taken again', lambda: tenant._ask(
        'POST', '/allocations', {'network_id': tenant.network_id, 'ttl': 1}))
    tenant.leader_times.append(time.monotonic())


def judge(tenant, env):
    """Client's clock alone: nothing that a node says about the time counts."""
    early = late = 0.0
    for lease in tenant.leases:
        # Its time begins no earlier than the request was sent; it was there when last seen.
        shortest = lease.ended_at - lease.sent - lease.ttl
        check(shortest >= 0, f'{lease.id} of {lease.ttl} s ended {-shortest:.2f} s early')
        early = min(early, lease.ended_at - lease.answered - lease.ttl)
        due = lease.answered + lease.ttl
        if lease.held_at > due:
            since = max([due] + [at for at in tenant.leader_times if at < lease.held_at])
            late = max(late, lease.held_at - since)
    check(late <= SECONDS_LATE_MAX, f'a lease was held {late:.2f} s too long')
    env.notes.append(f'{len(tenant.leases)} leases, the latest {late:.2f} s late, the earliest '
                     f'{-early:.3f} s before its TTL after the answer')


def check_clocks_differ(cluster):
    dates = [email.utils.parsedate_to_datetime(node.get('/health').headers['date'])
             for node in cluster.nodes]
    apart = (max(dates) - min(dates)).total_seconds()
    check(abs(apart - 9 * 60) < 30, f'the clocks are not 9 minutes apart: {dates}')


@test(150)
def leases_end_in_time_whoever_leads_and_whatever_the_clocks_say(env):
    """Issue 4, item 5."""
    cluster = Cluster(env).form()
    start_with_clocks(cluster, CLOCKS)
    check_clocks_differ(cluster)
    network = cluster.nodes[0].post('/networks', {'cidr': '10.9.0.0/16'}).json()['id']
    tenant = Tenant(cluster, network, env.seed)
    for _ in range(12 if env.full else 4):
        wait_until('leases are held', lambda: len(tenant.held()) > 10)
        leader = cluster.leader()
        leader.kill()
        killed_at = time.monotonic()
        wait_for_leader(cluster, tenant)
        wait_until('leases of the old leader end', lambda: tenant.ended_since(killed_at) > 10)
        leader.start().wait_healthy()
    for node in cluster.nodes:  # time passes while nobody runs, too
        node.kill()
    wait_until('leases are due', lambda: tenant.due() > 5)
    for node in cluster.nodes:
        node.start()
    cluster.wait_healthy()
    wait_for_leader(cluster, tenant)
    tenant.stop()
    judge(tenant, env)
