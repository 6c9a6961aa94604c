"""Durable allocations a second on three nodes, with wrk. Prints; only nothing at all is a failure:
how fast a shared machine is says little about a change."""
import os
import re
import shutil

from cluster import make_networks
from harness import ROOT, Cluster, Skip, check, test


def measure(env, seconds, connections=64):
    """(requests a second, the whole output of wrk) on the leader of a new cluster."""
    if not shutil.which('wrk'):
        raise Skip('wrk is not installed')
    cluster = Cluster(env).form().start()
    leader = cluster.leader()
    network, = make_networks(leader, ['10.0.0.0/8'])
    done = env.run(['wrk', '-t2', f'-c{connections}', f'-d{seconds}s', '--latency', '-s',
                    os.path.join(ROOT, 'tests/e2e/allocate.lua'),
                    f'http://127.0.0.1:{leader.http_port}', '--', network],
                   seconds_max=seconds + 60)
    rate = float(re.search(r'Requests/sec:\s*([\d.]+)', done.stdout).group(1))
    failed = re.search(r'answers other than 201: (\d+)', done.stdout)
    check(failed, f'no summary of allocate.lua: {done.stdout}')
    return rate, int(failed.group(1)), done.stdout


@test()
def throughput_of_allocations(env):
    rate, failed, output = measure(env, 30 if env.full else 5)
    check(rate > 0 and failed == 0, output)
    latency = re.search(r'99%\s+(\S+)', output)
    env.notes.append(f'{rate:.0f} allocations a second, 64 connections, '
                     f'99% within {latency.group(1)}')
