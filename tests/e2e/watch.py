"""The change stream: a watcher that loses its node goes on elsewhere and misses nothing."""
import http.client
import json
import threading

from cluster import make_networks
from harness import Cluster, Load, check, check_equal, test, wait_until


class Watcher:
    """One client of GET /watch. Remembers every event; go_on() moves it to another node."""

    def __init__(self, node):
        self.seen = []       # (revision, changes)
        self.last_id = None
        self.error = None    # an "error" event
        self.go_on(node)

    def go_on(self, node):
        self.connection = http.client.HTTPConnection('127.0.0.1', node.http_port, timeout=60)
        headers = {} if self.last_id is None else {'Last-Event-ID': self.last_id}
        self.connection.request('GET', '/api/v1/watch', headers=headers)
        answer = self.connection.getresponse()
        check_equal(answer.status, 200, f'GET /watch on node {node.id} since {self.last_id}')
        check_equal(answer.getheader('Content-Type'), 'text/event-stream', 'content type')
        self.thread = threading.Thread(target=self.read, args=(answer,), daemon=True)
        self.thread.start()

    def read(self, answer):
        event = {}
        try:
            while line := answer.readline():
                text = line.decode().rstrip('\n')
                if text:
                    name, _, value = text.partition(':')
                    event[name] = value.removeprefix(' ')
                    continue
                # Only now is it whole: what came of a cut one is dropped, and comes again.
                if 'event' in event:
                    self.error = event['data']
                elif 'data' in event:
                    body = json.loads(event['data'])
                    check_equal(str(body['revision']), event['id'], 'revision of an event')
                    self.seen.append((body['revision'], body['changes']))
                if 'id' in event:
                    self.last_id = event['id']
                event = {}
        except (OSError, http.client.HTTPException):
            pass  # its node was killed

    def wait_end(self):
        self.thread.join(60)
        check(not self.thread.is_alive(), 'the watch of a killed node has not ended')

    def revisions(self):
        return [revision for revision, _ in self.seen]


def all_audit_entries(node):
    entries, path = [], '/audit?limit=10000'
    while path:
        answer = node.get(path)
        entries += answer.json()
        link = answer.headers.get('link', '')
        path = link[1:link.index('>')].removeprefix('/api/v1') if link else None
    return entries


@test(240)
def watch_goes_on_at_another_node_and_sees_every_revision_once(env):
    """Issue 4, item 6."""
    cluster = Cluster(env).form().start()
    ids = make_networks(cluster.leader(), [f'10.{number}.0.0/16' for number in range(8)])
    # The leader is watched first, so that a leader is killed under the watcher.
    first = cluster.leader()
    order = [first, *[node for node in cluster.nodes if node is not first]]
    watcher = Watcher(order[0])
    start = int(wait_until('the greeting', lambda: watcher.last_id))
    load = Load(cluster.nodes, ids, clients=8, seed=env.seed).start()
    for node, other in zip(order, order[1:]):
        count = len(watcher.seen)
        wait_until('200 more revisions', lambda: len(watcher.seen) > count + 200, 60)
        node.kill()
        watcher.wait_end()
        watcher.go_on(other)  # has run all the time, so it knows what was missed
        node.start()
        node.wait_healthy()
    count = len(watcher.seen)
    wait_until('200 more revisions', lambda: len(watcher.seen) > count + 200, 60)
    load.stop()
    check(not load.unexpected, f'unexpected answers: {load.unexpected[:3]}')

    entries = all_audit_entries(cluster.leader())
    expected = sorted({entry['revision'] for entry in entries if entry['revision'] > start})
    wait_until('the watcher has caught up',
               lambda: watcher.seen and watcher.seen[-1][0] >= expected[-1])
    entries = all_audit_entries(cluster.leader())  # a late leader_elected may have come
    expected = sorted({entry['revision'] for entry in entries
                       if start < entry['revision'] <= watcher.seen[-1][0]})
    check(watcher.error is None, f'cut off: {watcher.error}')
    check_equal(watcher.revisions(), expected, f'revisions after {start}, --seed {env.seed}')
    watched = [change['entry'] for _, changes in watcher.seen for change in changes
               if change['type'] == 'audit']
    audited = [entry for entry in reversed(entries)
               if start < entry['revision'] <= watcher.seen[-1][0]]
    check_equal(watched, audited, 'the audit entries in the stream')
    env.notes.append(f'{len(expected)} revisions, each once, over two kills')


@test()
def watch_command_shows_what_happens(env):
    cluster = Cluster(env, size=1).form().start()
    node = cluster.nodes[0]
    server = f'http://127.0.0.1:{node.http_port}'
    make_networks(node, ['10.0.0.0/16', '10.1.0.0/16'])
    done = env.ipam('watch', '--server', server, '--since', '0', '--count', '3', '--output', 'json')
    events = [json.loads(line) for line in done.stdout.splitlines()]
    check_equal(len(events), 3, 'events')
    actions = [change['entry']['action'] for event in events for change in event['changes']
               if change['type'] == 'audit']
    check(actions.count('network_created') >= 1, f'actions: {actions}')
    text = env.ipam('watch', '--server', server, '--since', '0', '--count', '3').stdout
    check('network_created' in text, text)
    # A full disk: the server is not blamed, and what was not written is not passed over.
    full = env.run(['sh', '-c', f'./ipam watch --server {server} --since 0 --count 3 > /dev/full'],
                   expect=1)
    check_equal(full.stderr, 'Error: cannot write the output (go on with: ipam watch --since 0)\n',
                'a watch onto a full disk')
    check('Intact' in env.ipam('audit', 'verify', '--server', server).stdout, 'audit verify')
