"""What the end-to-end tests stand on: real processes, HTTP, and waiting without guessing.

A test is a function `def name(env)` with the decorator @test. Its Environment has a folder of its
own, starts processes there with their output in log files, and ends at the close exactly those that
it started. Nothing sleeps to wait: wait_until() polls a condition up to a deadline, which is an
error.
"""
import collections
import contextlib
import http.client
import json
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHARED = os.path.join(os.path.dirname(ROOT), 'shared')

START_SECONDS_MAX = 30
REQUEST_SECONDS_MAX = 30
LOG_TAIL_LINES = 25


class Skip(Exception):
    """The test cannot run here; the text says why."""


Test = collections.namedtuple('Test', 'name function seconds_max')
TESTS = []


def test(seconds_max=120):
    """Registers a function as a test that may take so long."""
    def register(function):
        TESTS.append(Test(function.__name__, function, seconds_max))
        return function
    return register


def check(condition, message):
    if not condition:
        raise AssertionError(message)


def check_equal(found, expected, what):
    if found != expected:
        raise AssertionError(f'{what}: expected {expected!r}, found {found!r}')


def resident_bytes(process):
    with open(f'/proc/{process.popen.pid}/status', encoding='ascii') as file:
        line = next(line for line in file if line.startswith('VmRSS'))
    return int(line.split()[1]) * 1024


def p50_p99(milliseconds):
    cuts = statistics.quantiles(milliseconds, n=100)
    return f'{cuts[49]:.2f}/{cuts[98]:.2f}'


def wait_until(what, condition, seconds_max=START_SECONDS_MAX):
    """Polls until condition() is true and returns its value. Network errors count as not yet."""
    deadline = time.monotonic() + seconds_max
    while True:
        try:
            value = condition()
            last = value
            if value:
                return value
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            last = repr(error)
        if time.monotonic() > deadline:
            raise AssertionError(f'not within {seconds_max} s: {what} (last: {str(last)[:300]})')
        time.sleep(0.02)


def private_network():
    """True in the network namespace that run.py made: every port is free and nobody else's."""
    return os.environ.get('IPAM_E2E_PRIVATE') == '1'


_taken_ports = set()


def free_port():
    """A port that nobody listens on. Below the range from which the kernel gives outgoing
    connections theirs (32768 on): a port that bind(0) finds can be taken by one of those while a
    node is down, and then the node cannot start again."""
    for _ in range(1000):
        port = random.randrange(20000, 32000)
        if port in _taken_ports:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(('127.0.0.1', port))
            except OSError:
                continue
        _taken_ports.add(port)
        return port
    raise AssertionError('no port is free on 127.0.0.1')


def port_is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(('0.0.0.0', port))
            return True
        except OSError:
            return False


# ---- HTTP ----
class Response:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers  # names in lower case
        self.body = body

    def json(self):
        return json.loads(self.body)

    def reason(self):
        """The "reason" of a problem, or '' where the body is none."""
        try:
            return self.json().get('reason', '')
        except (ValueError, AttributeError):
            return ''

    def __repr__(self):
        return f'{self.status} {self.body[:300]!r}'


class NotSent(OSError):
    """No connection: the server has certainly not seen the request."""


class Broken(OSError):
    """The connection broke or timed out after the request went out: the outcome is not known."""


class Client:
    """One keep-alive connection to one server. For one thread."""

    def __init__(self, port, host='127.0.0.1', seconds_max=REQUEST_SECONDS_MAX):
        self.host, self.port, self.seconds_max = host, port, seconds_max
        self.connection = None

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def connect(self):
        self.connection = http.client.HTTPConnection(self.host, self.port,
                                                     timeout=self.seconds_max)
        try:
            self.connection.connect()
        except OSError as error:
            self.connection = None
            raise NotSent(str(error)) from error

    def request(self, method, path, body=None, headers=None):
        """`body`: bytes as they are, anything else as JSON. `path` without /api/v1."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            headers.setdefault('Content-Type', 'application/json')
        if self.connection is None:
            self.connect()
        try:
            self.connection.request(method, '/api/v1' + path, body, headers)
            answer = self.connection.getresponse()
            response = Response(answer.status, {name.lower(): value for name, value
                                                in answer.getheaders()}, answer.read())
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Broken(repr(error)) from error
        if answer.will_close:
            self.close()
        return response

    def get(self, path, expect=200):
        return self.expect(expect, 'GET', path)

    def post(self, path, body, expect=201):
        return self.expect(expect, 'POST', path, body)

    def delete(self, path, expect=204):
        return self.expect(expect, 'DELETE', path)

    def expect(self, status, method, path, body=None):
        response = self.request(method, path, body)
        check_equal(response.status, status, f'{method} {path} on port {self.port}: {response!r}')
        return response


# ---- processes ----
class Process:
    """One process that we started, with its output in a log file."""

    def __init__(self, name, command, log_path, **options):
        self.name = name
        self.log_path = log_path
        with open(log_path, 'ab') as log:
            self.popen = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                          stderr=subprocess.STDOUT, **options)

    def alive(self):
        return self.popen.poll() is None

    def kill(self):
        if self.alive():
            self.popen.send_signal(signal.SIGKILL)
        self.popen.wait()

    def catches(self, number):
        """Its own code handles this signal by now; a process that was just started does not."""
        with open(f'/proc/{self.popen.pid}/status', encoding='ascii') as file:
            caught = next(line for line in file if line.startswith('SigCgt')).split()[1]
        return int(caught, 16) >> (number - 1) & 1 == 1

    def stop(self, seconds_max=20):
        """SIGTERM; the exit code."""
        if self.alive():
            self.popen.send_signal(signal.SIGTERM)
        return self.wait(seconds_max)

    def wait(self, seconds_max=20):
        try:
            return self.popen.wait(seconds_max)
        except subprocess.TimeoutExpired:
            raise AssertionError(f'{self.name} did not end within {seconds_max} s') from None

    def log(self):
        with open(self.log_path, encoding='utf-8', errors='replace') as file:
            return file.read()


class Environment:
    """The folder, processes and settings of one test."""

    def __init__(self, name, binary, full=False):
        self.name = name
        self.binary = binary
        self.full = full  # the sizes of the issue rather than CI's
        self.seconds = self.nodes = None  # what torture is asked for on the command line
        self.directory = tempfile.mkdtemp(prefix=f'ipam-{name}-')
        self.processes = []
        self.closers = []
        # As in the repository after a build; nothing of the caller's settings reaches a test.
        os.symlink(binary, os.path.join(self.directory, 'ipam'))
        self.variables = {key: value for key, value in os.environ.items()
                          if not key.startswith('IPAM_')}
        self.seed = random.SystemRandom().randrange(1 << 32)
        self.notes = []  # shown on the line of a passed test

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    def start(self, name, command, **options):
        options.setdefault('cwd', self.directory)
        options.setdefault('env', self.variables)
        process = Process(name, command, self.path(f'{name}.log'), **options)
        self.processes.append(process)
        return process

    def run(self, command, expect=0, seconds_max=60, **options):
        """Runs a command to its end. `expect`: the exit code, or None for any."""
        options.setdefault('cwd', self.directory)
        options.setdefault('env', self.variables)
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors='replace', timeout=seconds_max, **options)
        if expect is not None:
            check(done.returncode == expect,
                  f'{command} gave exit code {done.returncode}, expected {expect}\n'
                  f'stdout: {done.stdout[-2000:]}\nstderr: {done.stderr[-2000:]}')
        return done

    def ipam(self, *arguments, expect=0, **options):
        return self.run(['./ipam', *arguments], expect=expect, **options)

    def end_processes(self):
        for process in reversed(self.processes):
            process.kill()
        for closer in self.closers:
            closer()
        self.closers = []

    def print_logs(self, out):
        latest = {process.log_path: process for process in self.processes}  # restarts share a log
        for process in latest.values():
            state = 'running' if process.alive() else f'ended with {process.popen.returncode}'
            lines = process.log().rstrip('\n').split('\n')[-LOG_TAIL_LINES:]
            out(f'  --- {process.name} ({state}), the end of {process.log_path}')
            for line in lines:
                out(f'  | {line[:400]}')

    def remove(self):
        shutil.rmtree(self.directory, ignore_errors=True)


# ---- nodes and clusters ----
class Node:
    def __init__(self, env, node_id, cluster):
        self.env, self.id, self.cluster = env, node_id, cluster
        self.http_port, self.raft_port = free_port(), free_port()
        self.directory = env.path(f'node{node_id}')
        self.config = os.path.join(self.directory, 'cluster.json')
        self.address = f'localhost:{self.raft_port}'
        self.variables = env.variables  # what its process gets
        self.process = None

    def form(self, members):
        command = 'init' if self.id == 1 else 'join'
        self.env.ipam('cluster', command, '--node-id', str(self.id), '--cluster-id',
                      str(self.cluster.id), '--raft-addr', self.address,
                      '--data-dir', self.directory, '--initial-members', members)

    def start(self):
        self.process = self.env.start(
            f'node{self.id}', ['./ipam', 'server', '--cluster', '--config', self.config,
                               '--host', '127.0.0.1', '--port', str(self.http_port)],
            env=self.variables)
        return self

    def kill(self):
        self.process.kill()

    def client(self, **options):
        return Client(self.http_port, **options)

    @contextlib.contextmanager
    def connected(self):
        client = self.client()
        try:
            yield client
        finally:
            client.close()

    def get(self, path, expect=200):
        with self.connected() as client:
            return client.get(path, expect)

    def post(self, path, body, expect=201):
        with self.connected() as client:
            return client.post(path, body, expect)

    def delete(self, path, expect=204):
        with self.connected() as client:
            return client.delete(path, expect)

    def status(self):
        return self.get('/cluster/status').json()

    def healthy(self):
        check(self.process.alive(), f'node {self.id} has ended by itself')
        return self.get('/health').status == 200

    def wait_healthy(self, seconds_max=START_SECONDS_MAX):
        def healthy():
            check(self.process.alive(),
                  f'node {self.id} has ended by itself with {self.process.popen.returncode}')
            with self.connected() as client:
                return client.request('GET', '/health').status == 200
        wait_until(f'node {self.id} is healthy', healthy, seconds_max)


class Cluster:
    def __init__(self, env, size=3, cluster_id=100):
        self.env, self.id = env, cluster_id
        self.nodes = [Node(env, node_id, self) for node_id in range(1, size + 1)]
        self.members = ','.join(f'{node.id}:{node.address}' for node in self.nodes)

    def form(self):
        for node in self.nodes:
            node.form(self.members)
        return self

    def start(self):
        for node in self.nodes:
            node.start()
        self.wait_healthy()
        return self

    def wait_healthy(self):
        for node in self.nodes:
            node.wait_healthy()

    def node(self, node_id):
        return next(node for node in self.nodes if node.id == node_id)

    def leader(self):
        """The node that leads, once those that run agree on it."""
        def agreed():
            seen = {node.status()['leader_id'] for node in self.nodes if node.process.alive()}
            return next(iter(seen)) if len(seen) == 1 else 0
        return self.node(wait_until('all nodes name one leader', agreed))

    def follower(self):
        leader = self.leader()
        return next(node for node in self.nodes if node is not leader and node.process.alive())


# ---- load ----
def ip_number(text):
    """(family, number); raises ValueError where the text is no address."""
    import ipaddress
    address = ipaddress.ip_address(text)
    return address.version, int(address)


class Load:
    """Concurrent clients that allocate, spread over nodes, and remember what they were told.

    A client keeps to its node until that fails, then turns to the next one. Every request has a
    hostname of its own and is never sent twice, unless it was certainly not appended.
    """

    def __init__(self, nodes, network_ids, clients=16, wanted=None, seed=0, block_percent=10,
                 name='c'):
        self.nodes, self.network_ids, self.wanted = list(nodes), list(network_ids), wanted
        self.acknowledged = []     # the allocations, as they were answered
        self.sent = set()          # hostnames
        self.unknown = set()       # hostnames of requests without a known outcome
        self.refused = collections.Counter()  # (status, reason) that left nothing behind
        self.unexpected = []       # answers that must not be
        self.block_percent = block_percent
        self.balancer_statuses = ()  # with these a proxy says that it lost the request
        self.name = name  # hostnames begin with it; two loads on one cluster need two
        self.lock = threading.Lock()
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self._client, args=(number, seed), daemon=True)
                        for number in range(clients)]

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def count(self):
        return len(self.acknowledged)

    def wait_for(self, count, seconds_max=120):
        wait_until(f'{count} acknowledged allocations',
                   lambda: self.unexpected or self.count() >= count or not self._running(),
                   seconds_max)
        check(not self.unexpected, f'unexpected answers: {self.unexpected[:3]}')
        check(self.count() >= count, f'all clients ended at {self.count()} of {count} allocations')

    def stop(self, seconds_max=60):
        self.ending.set()
        return self.join(seconds_max)

    def join(self, seconds_max=300):
        deadline = time.monotonic() + seconds_max
        for thread in self.threads:
            thread.join(max(0.1, deadline - time.monotonic()))
            check(not thread.is_alive(), f'a client did not end; acknowledged: {self.count()}')
        check(not self.unexpected, f'unexpected answers: {self.unexpected[:3]}')
        return self

    def _running(self):
        return any(thread.is_alive() for thread in self.threads)

    def _client(self, number, seed):
        choice = random.Random(seed * 1000 + number)
        at = number
        client = self.nodes[at % len(self.nodes)].client(seconds_max=20)
        sequence = 0
        body = None
        try:
            while not self.ending.is_set():
                if self.wanted is not None and self.count() >= self.wanted:
                    return
                if body is None:
                    sequence += 1
                    body = {'network_id': choice.choice(self.network_ids),
                            'hostname': f'{self.name}{number}-{sequence}'}
                    if choice.randrange(100) < self.block_percent:
                        body['count'] = choice.randrange(2, 6)
                    with self.lock:
                        self.sent.add(body['hostname'])
                again = self._allocate(client, body)
                if again:
                    client.close()
                    at += 1
                    client = self.nodes[at % len(self.nodes)].client(seconds_max=20)
                    self.ending.wait(0.02)
                if again != 'same':
                    body = None
        except Exception as error:  # a thread's exception would be lost
            self.unexpected.append(repr(error))
        finally:
            client.close()

    def _allocate(self, client, body):
        """None: go on. 'same': send it again elsewhere. 'next': elsewhere, with another one."""
        try:
            response = client.request('POST', '/allocations', body)
        except NotSent:
            return 'same'
        except Broken:
            with self.lock:
                self.unknown.add(body['hostname'])
            return 'next'
        with self.lock:
            if response.status == 201:
                self.acknowledged.append(response.json())
                return None
            if response.status == 504 or response.status in self.balancer_statuses:
                self.unknown.add(body['hostname'])
                return 'next'
            self.refused[(response.status, response.reason())] += 1
            if response.status == 503:
                return 'same'
            if response.status != 409:
                self.unexpected.append(f'{body} gave {response!r}')
        return None


def same_on_all(nodes, path, seconds_max=30):
    """The body of GET path, once all nodes give it byte for byte."""
    def answers():
        return [node.get(path).body for node in nodes]

    def equal():
        found = answers()
        return found if len(set(found)) == 1 else None
    try:
        return wait_until(f'equal answers to GET {path}', equal, seconds_max)[0]
    except AssertionError as error:
        found = answers()
        place = next((i for i, bytes_at in enumerate(zip(*found)) if len(set(bytes_at)) > 1), 0)
        parts = [body[max(0, place - 80):place + 80] for body in found]
        raise AssertionError(f'{error}; lengths {[len(body) for body in found]}, '
                             f'from byte {place}: {parts}') from None


def verify_nothing_lost(nodes, loads, network_ids, stats_sample=50):
    """What was acknowledged is there on every node, no address is handed out twice, and the nodes
    give equal bytes. Returns the number of allocations."""
    listing = json.loads(same_on_all(nodes, '/allocations?all=true'))
    same_on_all(nodes, '/networks')
    same_on_all(nodes, '/audit?limit=1000')
    by_id = {allocation['id']: allocation for allocation in listing}
    check_equal(len(by_id), len(listing), 'allocation ids are unique')

    sent, unknown, acknowledged = set(), set(), 0
    for load in loads:
        sent |= load.sent
        unknown |= load.unknown
        acknowledged += load.count()
        for allocation in load.acknowledged:
            there = by_id.get(allocation['id'])
            check(there is not None, f'an acknowledged allocation is lost: {allocation}')
            check_equal(there, allocation, f'allocation {allocation["id"]}')

    names = collections.Counter(allocation['hostname'] for allocation in listing)
    for name, count in names.items():
        check(count == 1, f'one request made {count} allocations: {name}')
        check(name in sent, f'an allocation that nobody asked for: {name}')
    check(len(listing) <= acknowledged + len(unknown),
          f'{len(listing)} allocations of {acknowledged} acknowledged and {len(unknown)} unknown')

    used = collections.defaultdict(list)
    for allocation in listing:
        first = ip_number(allocation['ip'])
        last = ip_number(allocation['end_ip'] or allocation['ip'])
        used[allocation['network_id']].append((first, last))
    everywhere = sorted(entry for ranges in used.values() for entry in ranges)
    for (_, last), (first, _) in zip(everywhere, everywhere[1:]):
        check(last < first, f'an address is handed out twice, near {first}')

    step = max(1, len(network_ids) // stats_sample)
    for network_id in network_ids[::step]:
        stats = json.loads(same_on_all(nodes, f'/networks/{network_id}/stats'))
        count = sum(last[1] - first[1] + 1 for first, last in used[network_id])
        check_equal(int(stats['allocated_ips']), count, f'allocated_ips of {network_id}')
    return len(listing)
