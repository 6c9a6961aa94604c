"""The OpenAPI document against the server that serves it."""
import json
import random
import string
from urllib.parse import quote

from harness import check, test
from standalone import start_server

REQUESTS, REQUESTS_FULL = 3000, 100000
WORDS = ('net-1', 'net-2', 'net-999', 'alloc-1', 'alloc-3', '1', '0', '-1', '10.0.0.0/8', '10.1.0.0/16',
         '10.0.0.5', '2001:db8::/64', '::1', '300.1.1.1/33', 'null', '', 'true', 'false',
         '2024-01-15T10:30:00Z', '18446744073709551616', 'x' * 300, '\u00e9\U0001f600',
         '../../etc', '%00')


def is_stream(operation):
    """Its answer never ends."""
    return 'text/event-stream' in operation['responses'].get('200', {}).get('content', {})


class Requests:
    """Random requests for a document; about half of their parts are as it describes."""

    def __init__(self, document, seed):
        self.document = document
        self.random = random.Random(seed)
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

    def next(self):
        """(method, path, body, headers, operation)"""
        method, path, operation = self.random.choice(self.operations)
        query, headers = [], {}
        for parameter in operation.get('parameters', ()):
            where, name = parameter['in'], parameter['name']
            if where == 'path':
                ids = ['1', *(f'{kind}-{self.random.randrange(1, 40)}'
                              for kind in ('net', 'alloc'))]
                value = self.random.choice((*ids, *ids, *ids, self.text(parameter['schema'])))
                path = path.replace('{' + name + '}', quote(value or '-', safe=''))
            elif where == 'query' and self.random.random() < 0.3:
                query.append(f'{name}={quote(self.text(parameter["schema"]), safe="")}')
            elif where == 'header' and self.random.random() < 0.1:
                headers[name] = str(self.random.choice((0, 1, 'x', '"3"')))
        body = None
        if 'requestBody' in operation:
            media = operation['requestBody']['content'].get('application/json')
            if media:
                body = self.value(media['schema']) if self.random.random() < 0.8 else media['example']
        if query:
            path += '?' + '&'.join(query)
        return method.upper(), path, body, headers, operation


@test(120)
def random_requests_find_no_500(env):
    """Issue 4, item 9: every answer is one that the document describes."""
    _, client = start_server(env)
    document = client.get('/openapi.json').json()
    requests = Requests(document, env.seed)
    statuses = {}
    for number in range(REQUESTS_FULL if env.full else REQUESTS):
        method, path, body, headers, operation = requests.next()
        answer = client.request(method, path, body, headers)
        statuses[answer.status] = statuses.get(answer.status, 0) + 1
        what = f'request {number}, --seed {env.seed}: {method} {path} {body!r}: {answer!r}'
        check(answer.status != 500, what)
        if answer.status >= 400:
            problem = answer.json()
            check(problem['code'] == answer.status and problem['reason'], what)
        else:
            check(str(answer.status) in operation['responses'], what)
    check(statuses.get(201, 0) > 0, f'nothing was made, --seed {env.seed}: {statuses}')
    env.notes.append(' '.join(f'{status}: {count}' for status, count in sorted(statuses.items())))
