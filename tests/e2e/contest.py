"""64 clients fight for the last addresses of a network while leaders are killed: each address is
handed out once, and each request is answered once, however often it is sent again."""
import collections
import json
import random
import threading
import time

from harness import (Broken, Cluster, NotSent, check, check_equal, same_on_all, test, wait_until)

CLIENTS = 64
ADDRESSES = 1000
NETWORK, USABLE = '10.20.0.0/16', 65534
ANSWER_SECONDS_MAX = 30  # of one request with all its retries
UNREAD_PERCENT = 10      # of the first sendings, whose answer the client loses


def essence(response):
    """What of an answer must be the same each time: all that a client can act upon."""
    return (response.status, response.body, response.headers.get('location'),
            response.headers.get('content-type'))


class Contest:
    """The clients. Each request has a number, which names its key; they begin in waves, so that a
    kill is always in the middle of one."""

    def __init__(self, cluster, network_id, requests, seed):
        self.cluster, self.network_id, self.requests, self.seed = (
            cluster, network_id, requests, seed)
        self.answers = {}     # number -> (the node's place, the answer)
        self.retries = collections.Counter()
        self.replayed = 0     # retries that were given what the first sending had done
        self.failures = []
        self.next_number = self.opened = 0
        self.change = threading.Condition()
        self.threads = [threading.Thread(target=self._client, args=(place,), daemon=True)
                        for place in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def open(self, number):
        """Lets the requests below `number` begin."""
        with self.change:
            self.opened = number
            self.change.notify_all()

    def wait_answered(self, count, seconds_max=60):
        with self.change:
            done = self.change.wait_for(
                lambda: self.failures or len(self.answers) >= count, seconds_max)
        check(not self.failures, f'clients failed: {self.failures[:3]}')
        check(done, f'{len(self.answers)} answers of {count} within {seconds_max} s')

    def _take(self):
        with self.change:
            self.change.wait_for(lambda: self.next_number < self.opened or
                                 self.opened == self.requests or self.failures)
            if self.failures or self.next_number == self.requests:
                return None
            self.next_number += 1
            return self.next_number - 1

    def _client(self, place):
        choice = random.Random(self.seed * 1000 + place)
        clients = [node.client(seconds_max=15) for node in self.cluster.nodes]
        try:
            while (number := self._take()) is not None:
                place, response, retried = self._ask(clients, place, number, choice)
                with self.change:
                    self.answers[number] = place, response
                    self.replayed += retried and 'idempotent-replayed' in response.headers
                    self.change.notify_all()
        except Exception as error:  # a thread's exception would be lost
            with self.change:
                self.failures.append(repr(error))
                self.change.notify_all()
        finally:
            for client in clients:
                client.close()

    def body(self, number):
        return {'network_id': self.network_id, 'hostname': f'host-{number}'}

    def _ask(self, clients, place, number, choice):
        """Sends with one key, to one node after the other, until there is an answer."""
        deadline = time.monotonic() + ANSWER_SECONDS_MAX
        retried = False
        if choice.randrange(100) < UNREAD_PERCENT:
            self._send_unread(clients[place % len(clients)], number)
            place, retried = place + 1, True
        while True:
            check(time.monotonic() < deadline, f'request {number} has no answer')
            try:
                response = send(clients[place % len(clients)], number, self.body(number))
                if response.status not in (503, 504):
                    return place % len(clients), response, retried
                why = response.reason()
            except NotSent:
                why = 'not sent'
            except Broken:
                why = 'connection lost'
            with self.change:
                self.retries[why] += 1
            place, retried = place + 1, True
            time.sleep(0.02)

    def _send_unread(self, client, number):
        """The whole request goes out, and the connection is closed before the answer."""
        try:
            if client.connection is None:
                client.connect()
            client.connection.request('POST', '/api/v1/allocations',
                                      json.dumps(self.body(number)).encode(), headers(number))
        except OSError:
            pass
        client.close()
        with self.change:
            self.retries['answer not read'] += 1


def headers(number):
    return {'Idempotency-Key': f'contest-{number}', 'Content-Type': 'application/json'}


def send(client, number, body):
    return client.request('POST', '/allocations', body, headers(number))


def check_answers(contest, cluster):
    """Exactly ADDRESSES requests won, each its own address; all others lost to a full network."""
    statuses = collections.Counter(answer.status for _, answer in contest.answers.values())
    check_equal(dict(statuses), {201: ADDRESSES, 409: contest.requests - ADDRESSES}, 'answers')
    for number, (_, answer) in contest.answers.items():
        if answer.status == 201:
            check_equal(answer.json()['hostname'], f'host-{number}', 'hostname')
        else:
            check_equal(answer.reason(), 'NETWORK_FULL', 'reason')
    won = [answer.json() for _, answer in contest.answers.values() if answer.status == 201]
    check_equal(len({allocation['ip'] for allocation in won}), ADDRESSES, 'different addresses')
    path = f'/allocations?network_id={contest.network_id}'
    listed = {allocation['id']: allocation
              for allocation in json.loads(same_on_all(cluster.nodes, path))}
    check_equal(len(listed), ADDRESSES + 1, 'allocations with the block that was there before')
    for allocation in won:
        check_equal(listed.get(allocation['id']), allocation, 'what the cluster holds')
    stats = cluster.nodes[0].get(f'/networks/{contest.network_id}/stats').json()
    check_equal((stats['allocated_ips'], stats['available_ips']), (USABLE, 0), 'stats')


def replay_all(contest, cluster):
    """Each key once more, on another node than the one that answered it."""
    failures = []

    def replay(share):
        clients = [node.client() for node in cluster.nodes]
        for number in range(share, contest.requests, 8):
            place, first = contest.answers[number]
            again = send(clients[(place + 1 + number % 2) % len(clients)], number,
                         contest.body(number))
            if essence(again) != essence(first):
                failures.append(f'key {number}: first {first!r}, then {again!r}')
            if again.headers.get('idempotent-replayed') != 'true':
                failures.append(f'key {number} is not marked as replayed: {again.headers}')
        for client in clients:
            client.close()

    threads = [threading.Thread(target=replay, args=(share,)) for share in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(not failures, f'replays that differ: {failures[:3]}')
    first = contest.answers[0][0]
    with cluster.nodes[(first + 1) % len(cluster.nodes)].connected() as client:
        other = send(client, 0, {**contest.body(0), 'hostname': 'another'})
        check_equal((other.status, other.reason()), (422, 'IDEMPOTENCY_KEY_REUSED'), 'other body')


@test(120)
def last_addresses_go_to_64_clients_exactly_once(env):
    """Issue 4, item 4."""
    kills, requests = (12, 24 * CLIENTS) if env.full else (3, 18 * CLIENTS)
    cluster = Cluster(env).form().start()
    network = cluster.nodes[0].post('/networks', {'cidr': NETWORK}).json()['id']
    cluster.nodes[0].post('/allocations', {'network_id': network, 'count': USABLE - ADDRESSES})

    contest = Contest(cluster, network, requests, env.seed)
    # The kills are spread over the fight for the addresses, and one falls among the refusals.
    for kill in range(kills):
        begin, end = (requests * part // kills for part in (kill, kill + 1))
        leader = cluster.leader()
        contest.open(end)
        contest.wait_answered((begin + end) // 2)
        leader.kill()
        contest.wait_answered(end)
        leader.start().wait_healthy()
    for thread in contest.threads:
        thread.join(10)
    wait_until('all nodes are healthy', lambda: all(node.healthy() for node in cluster.nodes))

    check_answers(contest, cluster)
    replay_all(contest, cluster)
    check_answers(contest, cluster)  # the replays took nothing
    env.notes.append(f'{kills} leaders killed; retries {dict(contest.retries)}, '
                     f'{contest.replayed} of them replayed')
