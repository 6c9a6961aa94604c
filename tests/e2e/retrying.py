"""Clients as they should be: each request has a key, and is sent again, to the next node, until it
is answered. For tests of what operators do while a cluster serves."""
import collections
import json
import threading
import time

from harness import Broken, NotSent, check, check_equal, ip_number, same_on_all

CLIENTS = 16
ANSWER_SECONDS_MAX = 30   # of one request with all its retries
ATTEMPT_SECONDS_MAX = 10  # of one attempt
PAUSE_SECONDS = 0.01      # before a request is sent again
RETRIED_STATUSES = (503, 504)


class RetryingLoad:
    """Allocates until it is stopped. `nodes` may be changed while it runs."""

    def __init__(self, nodes, network_ids, clients=CLIENTS, name='r'):
        self.nodes, self.network_ids, self.name = list(nodes), network_ids, name
        self.acknowledged = {}  # hostname -> the allocation as it was answered
        self.times = []         # of the answers
        self.slowest_seconds = 0.0
        self.retries = collections.Counter()
        self.failures = []
        self.lock = threading.Lock()
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self._client, args=(place,), daemon=True)
                        for place in range(clients)]

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def count(self):
        return len(self.times)

    def wait_for_more(self, count, seconds_max=30):
        """Until so many more are answered."""
        goal, deadline = self.count() + count, time.monotonic() + seconds_max
        while self.count() < goal:
            check(not self.failures, f'requests failed: {self.failures[:3]}')
            check(time.monotonic() < deadline, f'not {count} answers within {seconds_max} s; '
                                               f'retries {dict(self.retries)}')
            time.sleep(0.01)

    def stop(self):
        self.ending.set()
        for thread in self.threads:
            thread.join(ANSWER_SECONDS_MAX + ATTEMPT_SECONDS_MAX)
            check(not thread.is_alive(), 'a client did not end')
        check(not self.failures, f'requests failed: {self.failures[:3]}')
        return self

    def longest_gap(self, since=None, until=None):
        """(seconds, when it began): between two answers to any of the clients."""
        times = sorted(when for when in self.times if (since is None or when >= since) and
                       (until is None or when <= until))
        return max(((later - sooner, sooner) for sooner, later in zip(times, times[1:])),
                   default=(0.0, 0.0))

    def _client(self, place):
        clients, number = {}, 0
        try:
            while not self.ending.is_set():
                number += 1
                began = time.monotonic()
                place = self._allocate(clients, place, f'{self.name}{threading.get_ident()}-{number}',
                                       number)
                now = time.monotonic()
                with self.lock:
                    self.times.append(now)
                    self.slowest_seconds = max(self.slowest_seconds, now - began)
        except Exception as error:  # a thread's exception would be lost
            self.failures.append(repr(error))
        finally:
            for client in clients.values():
                client.close()

    def _allocate(self, clients, place, hostname, number):
        """Sends one request until it is answered; the place of the node that did."""
        body = {'network_id': self.network_ids[number % len(self.network_ids)],
                'hostname': hostname}
        deadline = time.monotonic() + ANSWER_SECONDS_MAX
        while True:
            node = self.nodes[place % len(self.nodes)]
            client = clients.get(node)
            if client is None:
                client = clients[node] = node.client(seconds_max=ATTEMPT_SECONDS_MAX)
            try:
                response = client.request('POST', '/allocations', body,
                                          {'Idempotency-Key': hostname})
                if response.status == 201:
                    with self.lock:
                        self.acknowledged[hostname] = response.json()
                    return place
                why = f'{response.status} {response.reason()}'
                check(response.status in RETRIED_STATUSES, f'{hostname}: {response!r}')
            except NotSent:
                why = 'not sent'
            except Broken:
                why = 'connection broken'
            with self.lock:
                self.retries[why] += 1
            check(time.monotonic() < deadline, f'{hostname} has no answer; the last was {why}')
            place += 1
            time.sleep(PAUSE_SECONDS)


def verify_exactly_once(nodes, loads):
    """Each acknowledged allocation is there as it was answered, each request made exactly one, and
    no address is held twice; all nodes give equal bytes."""
    listing = json.loads(same_on_all(nodes, '/allocations?all=true'))
    same_on_all(nodes, '/networks')
    same_on_all(nodes, '/audit?limit=1000')
    by_name = collections.defaultdict(list)
    for allocation in listing:
        by_name[allocation['hostname']].append(allocation)
    acknowledged = {}
    for load in loads:
        acknowledged.update(load.acknowledged)
    for hostname, allocation in acknowledged.items():
        check_equal(by_name.get(hostname), [allocation], f'the allocations of {hostname}')
    check_equal(len(listing), len(acknowledged), 'allocations')
    addresses = collections.Counter(ip_number(allocation['ip']) for allocation in listing)
    twice = [address for address, count in addresses.items() if count > 1]
    check(not twice, f'addresses handed out twice: {twice[:3]}')
