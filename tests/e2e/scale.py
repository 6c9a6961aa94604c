"""Ten million allocations on one node: what they take of memory, disk and time.

Prints; what it asserts is that nothing is lost. In CI a hundredth of it.
"""
import ipaddress
import os
import random
import threading
import time

from harness import (Client, check, check_equal, free_port, p50_p99, resident_bytes, test,
                     wait_until)

RECORDS = 10_000_000
PER_REQUEST = 1000      # the most that one request may scatter
CLIENTS = 4
NETWORK, USABLE = '10.0.0.0/8', (1 << 24) - 2
FREE_PERCENT = 1
PROBES = {True: 2000, False: 100}  # by --full


def start(env, port):
    began = time.monotonic()
    process = env.start('server', ['./ipam', 'server', '--db', env.path('data'), '--host',
                                   '127.0.0.1', '--port', str(port), '--log-level', 'warning'])
    client = Client(port, seconds_max=600)

    def healthy():
        check(process.alive(), 'the server has ended by itself')
        return client.request('GET', '/health').status == 200
    wait_until('the server is healthy', healthy, 600)
    return process, client, time.monotonic() - began


def in_parallel(port, work, items):
    """work(client, item) for each item, by CLIENTS threads. Raises the first failure."""
    todo, failures, lock = list(reversed(items)), [], threading.Lock()

    def run():
        client = Client(port, seconds_max=600)
        try:
            while not failures:
                with lock:
                    if not todo:
                        return
                    item = todo.pop()
                work(client, item)
        except Exception as error:  # a thread's exception would be lost
            failures.append(repr(error))
        finally:
            client.close()
    threads = [threading.Thread(target=run) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(not failures, f'failed: {failures[:3]}')


def ask(client, path, body, status):
    """Asks again after a 503: so many changes wait for state.db, and nothing was done."""
    while (response := client.request('POST', path, body)).status == 503:
        time.sleep(0.1)
    check_equal(response.status, status, f'POST {path}: {response!r}')


def fill(port, network, records):
    """`records` allocations of one address each, and one block of what else is not to be free."""
    rest = USABLE - records - records * FREE_PERCENT // 100
    Client(port).post('/allocations', {'network_id': network, 'count': rest})
    body = {'network_id': network, 'count': PER_REQUEST, 'contiguous': False,
            'hostname': 'host-of-the-scale-test'}
    in_parallel(port, lambda client, _: ask(client, '/allocations', body, 201),
                list(range(records // PER_REQUEST)))


def latencies(client, probes, body):
    """Milliseconds of so many allocations, each given back: p50/p99."""
    times = []
    for _ in range(probes):
        began = time.monotonic()
        response = client.request('POST', '/allocations', body)
        times.append((time.monotonic() - began) * 1000)
        if response.status == 409:  # so many in a row there are not; also an answer
            continue
        check_equal(response.status, 201, f'{response!r}')
        client.post(f"/allocations/{response.json()['id']}/release", {}, 204)
    return p50_p99(times)


def latency_of_pages(client, network, records, last):
    """Milliseconds of a page of 100 at the end of all allocations, and of those of the network."""
    first = client.request('GET', f'/allocations?network_id={network}&limit=1')
    check_equal(first.status, 200, f'a page: {first!r}')
    revision = first.headers['x-ipam-revision']
    near_end = ipaddress.ip_address(last) - 200
    results = {}
    for order, path in (('id', f'/allocations?cursor={revision}.{records - 200}'),
                        ('ip', f'/allocations?network_id={network}&cursor={revision}.{near_end}')):
        times = []
        for _ in range(100):
            began = time.monotonic()
            check_equal(len(client.get(path).json()), 100, 'a page')
            times.append((time.monotonic() - began) * 1000)
        results[order] = p50_p99(times)
    return results


@test(120)
def scale_of_allocations(env):
    """Issue 4, item 2."""
    records = RECORDS if env.full else RECORDS // 100
    port = free_port()
    process, client, _ = start(env, port)
    network = client.post('/networks', {'cidr': NETWORK}).json()['id']
    before = resident_bytes(process)
    began = time.monotonic()
    fill(port, network, records)
    seconds = time.monotonic() - began
    per_record = (resident_bytes(process) - before) / records

    # Scattered holes, so that few are in a row: 1 % of the addresses, one by one.
    choice = random.Random(env.seed)
    first = 2  # alloc-1 is the block
    in_parallel(port, lambda client, number: ask(client, f'/allocations/alloc-{number}/release',
                                                 {}, 204),
                choice.sample(range(first, first + records), records * FREE_PERCENT // 100))
    client.close()  # its connection was idle for longer than the server keeps one
    stats = client.get(f'/networks/{network}/stats').json()
    body = {'network_id': network}
    results = {f'{count} in a row': latencies(client, PROBES[env.full], {**body, 'count': count})
               for count in (1, 2, 4, 16)}
    pages = latency_of_pages(client, network, records, stats['last_allocated'])

    stopped = time.monotonic()
    check_equal(process.stop(600), 0, 'exit code on SIGTERM')
    stop_seconds = time.monotonic() - stopped
    size = os.path.getsize(env.path('data', 'state.db'))
    process, client, start_seconds = start(env, port)
    again = client.get(f'/networks/{network}/stats').json()
    for name in ('allocated_ips', 'available_ips', 'first_available'):
        check_equal(again[name], stats[name], f'{name} after a restart')
    loaded = (resident_bytes(process)) / records
    process.kill()
    env.notes.append(
        f'{records} records in {seconds:.0f} s; {per_record:.0f} bytes of memory each, '
        f'{loaded:.0f} after a restart, {size / records:.0f} on disk; stopped in '
        f'{stop_seconds:.1f} s, started in {start_seconds:.1f} s; p50/p99 in ms through the API '
        f'at {stats["utilization_percent"]} %: {results}; a page of 100 at the end: {pages}')
