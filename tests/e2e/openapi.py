"""The OpenAPI document against the server that serves it."""
import json
import random
import string
from urllib.parse import quote

from harness import check, test
from standalone import start_server

REQUESTS, REQUESTS_FULL = 3000, 100000
# For an operation that the random ones did not get accepted: as the document's examples have it.
EXAMPLES_MAX = 50
KNOWN_MAX = 200  # ids of each kind, the newest
# Where a server alone, on which nothing was done before, cannot accept one.
NEVER_ACCEPTED = {('get', '/cluster/status'), ('post', '/cluster/nodes'),
                  ('delete', '/cluster/nodes/{id}'), ('patch', '/cluster/nodes/{id}'),
                  ('post', '/cluster/transfer-leader')}
ROWS = ('10.9.0.0/16\n', '10.9.1.0/24\n2001:db8:9::/64\n', 'cidr,description\n10.8.0.0/16,"a, b"\n',
        'ip,hostname\n10.0.0.77,web\n', '{"type":"network","cidr":"10.7.0.0/16"}\n',
        '[{"type":"vrf","name":"red"}]', '', 'x')
WORDS = ('net-1', 'net-2', 'net-999', 'alloc-1', 'alloc-3', '1', '0', '-1', '10.0.0.0/8', '10.1.0.0/16',
         '10.0.0.5', '2001:db8::/64', '::1', '300.1.1.1/33', 'null', '', 'true', 'false',
         '2024-01-15T10:30:00Z', '18446744073709551616', 'x' * 300, '\u00e9\U0001f600',
         '../../etc', '%00')


def is_stream(operation):
    """Its answer never ends."""
    return 'text/event-stream' in operation['responses'].get('200', {}).get('content', {})


class Known:
    """The ids that answers spoke of, by their kind ("net"), which collection has which kind, and
    below which network a reservation is."""

    def __init__(self):
        self.ids, self.kinds, self.networks = {}, {}, {}

    def learn(self, path, answer):
        if not 200 <= answer.status < 300 or 'json' not in answer.headers.get('content-type', ''):
            return
        try:
            value = answer.json()
        except ValueError:  # one object a line
            return
        collection = [part for part in path.split('?')[0].split('/') if not part.startswith('{')][-1]
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict) and isinstance(item.get('id'), str):
                kind = item['id'].split('-')[0]
                self.kinds.setdefault(collection, kind)
                ids = self.ids.setdefault(kind, [])
                if item['id'] in ids:
                    ids.remove(item['id'])
                ids.append(item['id'])
                del ids[:-KNOWN_MAX]
                if kind == 'res':
                    self.networks[item['id']] = item['network_id']

    def of(self, collection):
        return self.ids.get(self.kinds.get(collection), [])

    def in_its_network(self, path, choice):
        """A path to an object below another one, with the ids of two that belong together."""
        ids = self.of(path.split('/')[-2]) if path.count('{') == 2 else []
        if not ids:
            return path
        inner = choice(ids)
        return '/'.join([*path.replace('{id}', self.networks[inner]).split('/')[:-1], inner])

    def in_place_of(self, value, choice):
        """An example with ids that are there in place of those that it names."""
        if isinstance(value, dict):
            return {name: self.in_place_of(member, choice) for name, member in value.items()}
        if isinstance(value, list):
            return [self.in_place_of(member, choice) for member in value]
        if isinstance(value, str) and value.count('-') == 1:
            kind, number = value.split('-')
            if number.isdigit() and self.ids.get(kind):
                return choice(self.ids[kind])
        return value


class Requests:
    """Random requests for a document; about half of their parts are as it describes."""

    def __init__(self, document, seed):
        self.document = document
        self.random = random.Random(seed)
        self.known = Known()
        self.operations = [(method, path, operation)
                           for path, methods in sorted(document['paths'].items())
                           for method, operation in sorted(methods.items())
                           if not is_stream(operation)]

    def resolve(self, schema):
        while isinstance(schema, dict) and '$ref' in schema:
            schema = self.document['components']['schemas'][schema['$ref'].split('/')[-1]]
        return schema if isinstance(schema, dict) else {}

    def anything(self, depth=0):
        kind = self.random.randrange(8 if depth < 3 else 6)
        if kind < 3:
            return self.random.choice(WORDS)
        if kind == 3:
            return self.random.choice((0, 1, -1, 2**53, 2**64, 2**70, 0.5, 1e300))
        if kind == 4:
            return self.random.choice((None, True, False))
        if kind == 5:
            return ''.join(self.random.choices(string.printable, k=self.random.randrange(20)))
        if kind == 6:
            return [self.anything(depth + 1) for _ in range(self.random.randrange(4))]
        return {self.random.choice(WORDS): self.anything(depth + 1)
                for _ in range(self.random.randrange(4))}

    def value(self, schema, depth=0):
        schema = self.resolve(schema)
        if depth > 4 or self.random.random() < 0.1:
            return self.anything()
        for key in ('oneOf', 'anyOf'):
            if key in schema:
                return self.value(self.random.choice(schema[key]), depth + 1)
        if 'enum' in schema:
            return self.random.choice(schema['enum'])
        if 'examples' in schema and self.random.random() < 0.5:
            return self.random.choice(schema['examples'])
        kind = schema.get('type', 'string')
        if isinstance(kind, list):
            kind = self.random.choice(kind)
        if kind in ('integer', 'number'):
            low, high = schema.get('minimum', 0), schema.get('maximum', 300)
            return self.random.choice((low, high, self.random.randint(low, max(low, high)), 24, 26))
        if kind == 'boolean':
            return self.random.random() < 0.5
        if kind == 'null':
            return None
        if kind == 'array':
            return [self.value(schema.get('items', {}), depth + 1)
                    for _ in range(self.random.randrange(4))]
        if kind == 'object':
            return {name: self.value(shape, depth + 1)
                    for name, shape in schema.get('properties', {}).items()
                    if name in schema.get('required', ()) or self.random.random() < 0.3}
        if self.random.random() < 0.5:
            return self.random.choice(WORDS)
        return f'10.{self.random.randrange(4)}.{self.random.randrange(4)}.0/24'

    def text(self, schema):
        value = self.value(schema)
        return value if isinstance(value, str) else json.dumps(value)

    def id_for(self, path, name):
        """In place of {name} in the path: mostly one that is there."""
        ids = self.known.of(path.split('{' + name + '}')[0].rstrip('/').split('/')[-1])
        if ids and self.random.random() < 0.7:
            return self.random.choice(ids[-20:])
        return self.random.choice(('1', '10.0.0.5', f'net-{self.random.randrange(1, 40)}'))

    def next(self):
        """(method, path, pattern, body, headers, operation)"""
        method, pattern, operation = self.random.choice(self.operations)
        path, query, headers = pattern, [], {}
        if self.random.random() < 0.7:
            path = self.known.in_its_network(path, self.random.choice)
        for parameter in operation.get('parameters', ()):
            where, name = parameter['in'], parameter['name']
            if where == 'path':
                value = (self.id_for(path, name) if self.random.random() < 0.8
                         else self.text(parameter['schema']))
                path = path.replace('{' + name + '}', quote(value or '-', safe=''))
            elif where == 'query' and self.random.random() < 0.3:
                query.append(f'{name}={quote(self.text(parameter["schema"]), safe="")}')
            elif where == 'header' and self.random.random() < 0.1:
                headers[name] = str(self.random.choice((0, 1, 'x', '"3"')))
        body = None
        if 'requestBody' in operation:
            content = operation['requestBody']['content']
            media = content.get('application/json', {})
            if media.get('schema', {}).get('type') == 'string' or not media:
                headers['Content-Type'] = self.random.choice(sorted(content))
                body = self.random.choice(ROWS).encode()
            else:
                body = (self.value(media['schema']) if self.random.random() < 0.8
                        else self.known.in_place_of(media['example'], self.random.choice))
        if query:
            path += '?' + '&'.join(query)
        return method, path, pattern, body, headers, operation

    def example(self, method, pattern, operation):
        """(path, body) as the document's examples are, of what is there."""
        path, query = self.known.in_its_network(pattern, self.random.choice), []
        for parameter in operation.get('parameters', ()):
            name = parameter['name']
            if parameter['in'] == 'path':
                ids = self.known.of(path.split('{' + name + '}')[0].rstrip('/').split('/')[-1])
                if self.random.random() < 0.5:  # one that was made for this
                    ids = ids[-2:]
                path = path.replace('{' + name + '}', self.random.choice(ids or ['10.0.0.5']))
            elif parameter['in'] == 'query' and pattern == '/search' and name == 'q':
                query.append('q=10')
        media = operation.get('requestBody', {}).get('content', {}).get('application/json', {})
        body = self.known.in_place_of(media.get('example'), self.random.choice)
        if pattern == '/networks/merge':  # the two halves that make_objects() made before its last one
            body['ids'] = self.known.of('networks')[-3:-1]
        return path + ('?' + '&'.join(query) if query else ''), body or None


def numbers(counts):
    """'GET /networks 120/87' for each operation: how many were sent, and how many accepted."""
    return ', '.join(f'{method.upper()} {pattern} {sent}/{accepted}'
                     for (method, pattern), (sent, accepted) in sorted(counts.items()))


@test(120)
def random_requests_find_no_500(env):
    """Issue 4, item 9: every answer is one that the document describes."""
    _, client = start_server(env)
    document = client.get('/openapi.json').json()
    requests = Requests(document, env.seed)
    statuses = {}
    counts = {(method, pattern): [0, 0] for method, pattern, _ in requests.operations}

    def send(method, path, pattern, body, headers, operation):
        answer = client.request(method.upper(), path, body, headers)
        statuses[answer.status] = statuses.get(answer.status, 0) + 1
        counts[method, pattern][0] += 1
        counts[method, pattern][1] += 200 <= answer.status < 300
        requests.known.learn(pattern, answer)
        what = f'--seed {env.seed}: {method.upper()} {path} {body!r} {headers}: {answer!r}'
        check(answer.status != 500, what)
        if answer.status >= 400:
            problem = answer.json()
            check(problem['code'] == answer.status and problem['reason'], what)
        else:
            check(str(answer.status) in operation['responses'], what)

    def make_objects():
        """A network, an allocation, a reservation and a VRF that nothing else uses; they are the
        newest ones."""
        fresh = sum(sent for sent, _ in counts.values())
        for path, body in (('/vrfs', {'name': f'empty-{fresh}'}), ('/vrfs', {'name': f'fresh-{fresh}'}),
                           ('/tokens', {'name': f'fresh-{fresh}', 'role': 'viewer'}),
                           ('/networks', {'cidr': '192.168.7.0/24', 'vrf': f'fresh-{fresh}'}),
                           ('/networks', {'cidr': '172.16.7.0/25', 'vrf': f'fresh-{fresh}'}),
                           ('/networks', {'cidr': '172.16.7.128/25', 'vrf': f'fresh-{fresh}'}),
                           ('/networks', {'cidr': '192.168.1.0/24', 'vrf': f'fresh-{fresh}'})):
            answer = client.post(path, body)
            requests.known.learn(path, answer)
        network = answer.json()['id']
        answer = client.post('/allocations', {'network_id': network, 'ttl': 600})
        requests.known.learn('/allocations', answer)
        answer = client.post(f'/networks/{network}/reservations', {'start': '192.168.1.9'})
        requests.known.learn('/networks/{id}/reservations', answer)

    make_objects()
    for _ in range(REQUESTS_FULL if env.full else REQUESTS):
        send(*requests.next())
    # What was not accepted yet is sent as the document's examples have it, of objects that are there.
    for method, pattern, operation in requests.operations:
        for _ in range(EXAMPLES_MAX):
            if counts[method, pattern][1] > 0 or (method, pattern) in NEVER_ACCEPTED:
                break
            make_objects()
            path, body = requests.example(method, pattern, operation)
            send(method, path, pattern, body, {}, operation)
    missing = [f'{method.upper()} {pattern}' for (method, pattern), (_, accepted) in counts.items()
               if accepted == 0 and (method, pattern) not in NEVER_ACCEPTED]
    check(not missing, f'--seed {env.seed}: never accepted: {missing}')
    env.notes.append(f'sent/accepted: {numbers(counts)}')
    env.notes.append(' '.join(f'{status}: {count}' for status, count in sorted(statuses.items())))
