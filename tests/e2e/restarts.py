"""What a server answers does not change when it is killed, nor from node to node: whatever the
OpenAPI document can ask for, after random requests made every kind of object."""
import re

from harness import Cluster, check, check_equal, test, wait_until
from openapi import Requests

REQUESTS, REQUESTS_FULL = 1500, 30000
RESERVATIONS = 20
# Of the node that answers or of the moment, not of the data.
OF_THE_NODE = re.compile(r'^/(?:health(?:/\w+)?|cluster/.*|metrics|watch|tokens|openapi\.json)?$')


def paths_of_data(document, made):
    """Every GET of data, with each id that was ever made in the place of {id}."""
    paths = []
    for path, methods in sorted(document['paths'].items()):
        if 'get' not in methods or OF_THE_NODE.match(path):
            continue
        names = re.findall(r'\{(\w+)\}', path)
        known = made.ids.get(path.split('/')[1], [])
        if not names:
            paths.append(path)
        elif len(names) == 1:
            paths += [path.replace('{' + names[0] + '}', one) for one in known]
        else:
            paths += made.reservations
        queries = {parameter['name'] for parameter in methods['get'].get('parameters', ())
                   if parameter['in'] == 'query'}
        if not names and 'all' in queries:
            paths.append(path + '?all=true')
        if not names and 'limit' in queries:
            paths.append(path + '?limit=1000')
    return paths


class Made:
    """The ids of what requests made, and the keys with their answers."""

    def __init__(self):
        self.ids = {'addresses': ['10.1.0.1', '10.0.0.5', '2001:db8::1']}
        self.reservations = []  # their paths, below those of their networks
        self.replies = []  # (method, path, body, headers, essence of the answer)

    def note(self, method, path, body, headers, answer):
        if answer.status == 201 and '/reservations' in path:
            self.reservations.append(answer.headers['location'].removeprefix('/api/v1'))
        elif answer.status == 201:
            made = answer.json()
            for one in made if isinstance(made, list) else [made]:
                if isinstance(one, dict) and 'id' in one:
                    self.ids.setdefault(path.split('/')[1].split('?')[0], []).append(one['id'])
        # A dry run writes nothing, its key neither: asked again, it is tried anew.
        is_dry = 'dry_run' in path or (isinstance(body, dict) and body.get('dry_run'))
        if 'Idempotency-Key' in headers and answer.status < 500 and not is_dry:
            self.replies.append((method, path, body, headers, essence(answer)))


def essence(answer):
    return answer.status, answer.body, answer.headers.get('location'), answer.headers.get('etag')


def make_random_things(env, node, made):
    """Random requests of the document through one node; every third write has a key."""
    with node.connected() as client:
        requests = Requests(client.get('/openapi.json').json(), env.seed)
        for number in range(REQUESTS_FULL if env.full else REQUESTS):
            method, path, pattern, body, headers, operation = requests.next()
            if pattern.startswith('/cluster'):
                continue
            method = method.upper()
            takes_key = any(parameter['name'] == 'Idempotency-Key'
                            for parameter in operation.get('parameters', ()))
            headers.pop('Idempotency-Key', None)
            if takes_key and number % 3 == 0:
                headers['Idempotency-Key'] = f'key-{number}'
            answer = client.request(method, path, body, headers)
            requests.known.learn(pattern, answer)
            made.note(method, path, body, headers, answer)
        # Random addresses are seldom those of a network; its first may be a child's.
        for network in client.get('/networks').json()[:RESERVATIONS]:
            path = f'/networks/{network["id"]}/reservations'
            body = {'start': network['cidr'].split('/')[0], 'reason': 'kept', 'tags': ['a']}
            made.note('POST', path, body, {}, client.request('POST', path, body))
        return requests.document


def answers_of(node, paths):
    with node.connected() as client:
        return {path: essence(client.request('GET', path)) for path in paths}


def check_same(what, expected, found):
    for path, answer in expected.items():
        check_equal(found[path], answer, f'{what}: GET {path}')


@test(150)
def answers_outlive_restarts_and_are_those_of_all_nodes(env):
    cluster = Cluster(env).form().start()
    made = Made()
    document = make_random_things(env, cluster.leader(), made)
    paths = paths_of_data(document, made)
    check(len(paths) > 20 and made.replies and made.reservations, f'too little was made, --seed {env.seed}: {paths}')

    expected = answers_of(cluster.leader(), paths)
    for node in cluster.nodes:
        check_same(f'node {node.id}, --seed {env.seed}', expected, answers_of(node, paths))
    for node in cluster.nodes:
        node.kill()
    for node in cluster.nodes:
        node.start()
    cluster.wait_healthy()
    # Leases that end meanwhile and the election itself are news: all but those must be as it was.
    changed = {path for path, answer in answers_of(cluster.nodes[0], paths).items()
               if answer != expected[path] and '/audit' not in path}
    for path in changed:
        check('expires_at":"' in expected[path][1].decode() or 'stats' in path,
              f'--seed {env.seed}: GET {path} was {expected[path]}')
    expected = answers_of(cluster.nodes[0], paths)
    for node in cluster.nodes[1:]:
        wait_until(f'node {node.id} answers as node 1', lambda: answers_of(node, paths) ==
                   answers_of(cluster.nodes[0], paths))

    with cluster.nodes[1].connected() as client:
        for method, path, body, headers, answer in made.replies:
            again = client.request(method, path, body, headers)
            check_equal(essence(again), answer, f'--seed {env.seed}: {method} {path} again')
            if again.status < 300 or again.status == 409:  # others may not have reached the state
                check_equal(again.headers.get('idempotent-replayed'), 'true', f'{method} {path}')
    env.notes.append(f'{len(paths)} paths, {len(made.replies)} keys, {len(changed)} changed by time')
