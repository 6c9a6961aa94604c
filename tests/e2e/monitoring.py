"""What Prometheus and Grafana see: /metrics, and the examples made for them."""
import json
import os
import re
import shutil
import subprocess
import urllib.request

from cluster import make_networks
from harness import Cluster, check, check_equal, test, wait_until

EXAMPLES = os.path.join(os.path.dirname(__file__), '..', '..', 'examples', 'monitoring')
# Made by Prometheus itself, there only while something is under way, or only with TLS.
NOT_ON_EVERY_PAGE = {'ipam_raft_snapshot_sent_bytes', 'ipam_raft_snapshot_bytes',
                     'ipam_tls_certificate_expiry_seconds'}


def scrape(node, path='/api/v1/metrics'):
    """The text of the page; it is below /api/v1, and where Prometheus looks by itself."""
    with urllib.request.urlopen(f'http://127.0.0.1:{node.http_port}{path}', timeout=10) as answer:
        check(answer.headers['Content-Type'].startswith('text/plain; version=0.0.4'),
              f'content type {answer.headers["Content-Type"]}')
        return answer.read().decode()


def value(page, sample):
    """Of a line; 0 where there is none."""
    found = re.search(f'^{re.escape(sample)} (\\S+)$', page, re.M)
    return float(found.group(1)) if found else 0.0


def named_metrics(text):
    return set(re.findall(r'\b(?:ipam|process)_[a-z_]+\b', text))


def promtool(env, *arguments, stdin=None):
    """Runs it where it is installed (scripts/setup.sh test does that); its complaints fail."""
    if not shutil.which('promtool'):
        env.notes.append('no promtool here')
        return
    done = subprocess.run(['promtool', *arguments], input=stdin, capture_output=True, text=True,
                          cwd=EXAMPLES)
    check(done.returncode == 0, f'promtool {arguments}: {done.stdout} {done.stderr}')
    check(not done.stderr.strip(), f'promtool {arguments}: {done.stderr}')


@test()
def metrics_count_what_happened_and_the_examples_fit_them(env):
    cluster = Cluster(env).form().start()
    leader, follower = cluster.leader(), cluster.follower()
    [network] = make_networks(leader, ['10.0.0.0/29'])
    taken = {'status="201"': 0, 'status="409"': 0}
    for _ in range(8):  # six of them fit
        with follower.connected() as client:
            answer = client.request('POST', '/allocations', {'network_id': network})
        taken[f'status="{answer.status}"'] += 1
    check_equal(taken, {'status="201"': 6, 'status="409"': 2}, 'answers')

    pages = {node: scrape(node) for node in cluster.nodes}
    for status, count in taken.items():
        line = f'ipam_http_requests_total{{method="POST",route="/api/v1/allocations",{status}}}'
        check_equal(value(pages[follower], line), count, line)
        check_equal(value(pages[leader], line), 0, f'{line} on the leader')
    result = 'ipam_allocations_requested_total{result="%s"}'
    check_equal(value(pages[follower], result % 'ok'), 6, result)
    check_equal(value(pages[follower], result % 'NETWORK_FULL'), 2, result)
    full = f'ipam_network_utilization_ratio{{network="{network}",cidr="10.0.0.0/29",vrf="default"}}'
    for node, page in pages.items():
        check_equal(value(page, full), 1, full)
        check_equal(value(page, 'ipam_raft_is_leader'), node is leader, 'leads')
        check_equal(value(page, 'ipam_ready'), 1, 'ready')
        check(value(page, 'ipam_raft_log_write_duration_seconds_count') > 0, 'no write was timed')
        check(value(page, 'ipam_file_bytes{file="raft.db"}') > 0, 'raft.db has no size')
        promtool(env, 'check', 'metrics', stdin=page)
    check(value(pages[leader], 'ipam_raft_commit_duration_seconds_count') > 0, 'no commit was timed')
    check(f'ipam_raft_member_lag_entries{{member="{follower.id}"}}' in pages[leader], 'no lag')
    check('# TYPE ipam_raft_term gauge' in scrape(follower, '/metrics'), '/metrics is another page')

    served = named_metrics(''.join(pages.values()))
    for name in sorted(os.listdir(EXAMPLES)):
        if name.startswith('README'):
            continue
        with open(os.path.join(EXAMPLES, name), encoding='utf-8') as file:
            unknown = named_metrics(file.read()) - served - NOT_ON_EVERY_PAGE - {'ipam_token'}
        check(not unknown, f'examples/monitoring/{name} names metrics that no node has: {unknown}')
    with open(os.path.join(EXAMPLES, 'grafana-dashboard.json'), encoding='utf-8') as file:
        panels = json.load(file)['panels']
    check_equal(len({panel['id'] for panel in panels}), len(panels), 'panels with an id of their own')
    promtool(env, 'check', 'config', 'prometheus.yml')
    promtool(env, 'test', 'rules', 'ipam-alerts-test.yml')


@test()
def liveness_needs_no_leader(env):
    """A node without a quorum is alive and not ready, and its metrics say so."""
    cluster = Cluster(env).form()
    node = cluster.nodes[0]
    node.start()
    client = node.client()

    def alive():
        try:
            return client.request('GET', '/health/live').status == 200
        except OSError:
            return False
    wait_until('the node lives', alive)
    check_equal(client.request('GET', '/health/ready').status, 503, '/health/ready')
    check_equal(client.request('GET', '/health').status, 503, '/health')
    page = scrape(node)
    check_equal(value(page, 'ipam_ready'), 0, 'ready')
    check_equal(value(page, 'ipam_raft_has_leader'), 0, 'has a leader')
    client.close()
