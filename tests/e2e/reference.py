#!/usr/bin/env python3
"""docs/configuration.md, docs/cli.md and docs/api.md are what the binary says of itself.

As a program, `tests/e2e/reference.py --write [BINARY]` writes them anew: all of docs/cli.md and
docs/api.md, and of docs/configuration.md what is between its marks.
"""
import json
import os
import sys
from urllib.parse import quote

from harness import ROOT, Client, check, check_equal, free_port, test, wait_until

HOW = 'Made by `tests/e2e/reference.py --write`, and compared by a test: do not edit by hand.'
BEGIN, END = '<!-- settings: begin -->\n', '<!-- settings: end -->\n'


def cell(text):
    return str(text).replace('|', '\\|').replace('\n', ' ')


def table(titles, rows):
    """A Markdown table; its last column is left out where it is empty."""
    if not any(row[-1] for row in rows):
        titles, rows = titles[:-1], [row[:-1] for row in rows]
    lines = ['| ' + ' | '.join(titles) + ' |', '|' + '---|' * len(titles)]
    lines += ['| ' + ' | '.join(cell(value) for value in row) + ' |' for row in rows]
    return '\n'.join(lines) + '\n'


def code(text):
    return f'`{text}`' if text else ''


# ---- configuration ----
def values_of(row):
    if 'minimum' in row:
        return f'{row["minimum"]} to {row["maximum"]}'
    return ', '.join(code(word) for word in row.get('choices', []))


def settings_table(settings):
    return table(('option', 'variable', '`cluster.json`', 'default', 'values', 'what'),
                 [(code(row['option']), code(row['variable']), code(row['file_key']),
                   code(row['default']), values_of(row), row['help']) for row in settings])


def configuration(old, settings):
    check(BEGIN in old and END in old, 'docs/configuration.md has lost its marks')
    before, _, rest = old.partition(BEGIN)
    after = rest.partition(END)[2]
    return before + BEGIN + settings_table(settings) + END + after


# ---- the command line ----
def usage(command):
    text = f'ipam {command["words"]}'
    for item in command['positionals']:
        name = item['name'] + ('...' if item['repeats'] else '')
        text += f' [{name}]' if item['optional'] else f' {name}'
    return text + ' [options]'


def option_row(option):
    name = f'--{option["name"]}' + (f' {option["value_name"]}' if option['value_name'] else '')
    return (code((f'-{option["short_name"]}, ' if option['short_name'] else '') + name),
            option['help'])


def anchor(words):
    return 'ipam-' + words.replace(' ', '-')


def command_line(data):
    commands = data['commands']
    text = f"""# The command line

{HOW}

`ipam COMMAND --help` and `man ipam-COMMAND` say the same. What whom a command speaks to, exit codes and
output are: [at the end](#what-all-commands-share).

"""
    text += table(('command', 'what it does'),
                  [(f'[{code("ipam " + item["words"])}](#{anchor(item["words"])})', item['summary'])
                   for item in commands])
    for item in commands:
        text += f'\n## ipam {item["words"]}\n\n{item["summary"]}\n\n```\n{usage(item)}\n```\n'
        rows = [(code(part['name']), part['help']) for part in item['positionals']]
        rows += [option_row(option) for option in item['options']]
        if rows:
            text += '\n' + table(('argument', 'what'), rows)
        text += '\n```sh\n' + '\n'.join(item['examples']) + '\n```\n'
    text += '\n## What all commands share\n\n'
    text += table(('option', 'what'), [option_row(option) for option in data['global_options']])
    text += """
**Whom it speaks to**, the first that is given: `--server`, `--config` (cluster commands), `--db`,
`IPAM_SERVER`, `IPAM_CONFIG_FILE` (in cluster mode), `IPAM_DB_PATH`, the default directory. A directory
means the running server that holds it, and where none does, the database itself.

**Exit codes**: 0 done; 1 failed; 2 wrong usage, found before anything was sent; 3 no connection to
the server. A write that was sent and not answered exits with 1 and says that it may have happened.

**Output**: `--output json` prints the API's answer as it came, `csv` the table's columns uncut, with a
header. A table is cut to 80 columns on a terminal and not at all elsewhere.
"""
    return text


# ---- the API ----
def type_of(schema):
    """A type in a few words: "integer, 1 to 100", "list of Network"."""
    if '$ref' in schema:
        name = schema['$ref'].rsplit('/', 1)[1]
        return f'[{name}](#{name.lower()})'
    for word in ('anyOf', 'oneOf'):
        if word in schema:
            return ' or '.join(dict.fromkeys(type_of(part) for part in schema[word]))
    if 'const' in schema:
        return code(json.dumps(schema['const']))
    if 'enum' in schema:
        return ', '.join(code(str(word)) for word in schema['enum'] if word is not None)
    kind = schema.get('type', 'any')
    kinds = kind if isinstance(kind, list) else [kind]
    text = ' or '.join(kinds)
    if 'array' in kinds and 'items' in schema:
        items = type_of(schema['items'])
        text = text.replace('array', 'list of ' + (f'({items})' if ',' in items else items))
    if 'minimum' in schema and 'maximum' in schema:
        text += f', {schema["minimum"]} to {schema["maximum"]}'
    elif 'minimum' in schema:
        text += f', at least {schema["minimum"]}'
    if 'maxLength' in schema:
        text += f', at most {schema["maxLength"]} characters'
    if 'maxItems' in schema:
        text += f', at most {schema["maxItems"]}'
    if 'default' in schema:
        text += f', default {code(json.dumps(schema["default"]))}'
    return text


def field_rows(schema):
    required = schema.get('required', [])
    return [(code(name) + (' (required)' if name in required else ''), type_of(field),
             field.get('description', '')) for name, field in schema.get('properties', {}).items()]


def example_of(schema):
    if 'examples' in schema:
        return schema['examples'][0]
    if 'example' in schema:
        return schema['example']
    return None


EXAMPLE_IDS = {'/networks/': 'net-1', '/allocations/': 'alloc-1', '/vrfs/': 'red', '/tokens/': 'ci',
               '/cluster/nodes/': '4', '/addresses/': '192.168.1.1'}
# Of bodies that are not JSON, which have no examples in the document.
EXAMPLE_TEXTS = {'text/plain': '10.9.0.0/16', 'text/csv': 'cidr,description'}
# Where a request says something only with a parameter that is not required by itself.
EXAMPLE_QUERIES = {'/import': 'format=prefixes', '/search': 'q=192.168.1.1'}


def curl(method, path, operation):
    """A request as the examples in the document have it: what is required, and no more."""
    path = path.replace('{reservation_id}', 'res-1')
    if (method, path) == ('delete', '/networks/{id}'):
        path = '/networks/net-2'  # without allocations
    for prefix, name in EXAMPLE_IDS.items():
        if path.startswith(prefix):
            path = path.replace('{id}', name)
    query = [f'{item["name"]}={quote(str(item["example"]), safe="/:")}'
             for item in operation.get('parameters', [])
             if item['in'] == 'query' and item.get('required') and 'example' in item]
    url = f'http://localhost:8080/api/v1{path if path != "/" else ""}'
    if path in EXAMPLE_QUERIES and not query:
        query = [EXAMPLE_QUERIES[path]]
    url += '?' + '&'.join(query) if query else ''
    words = ['curl'] + ([] if method == 'get' else ['-X', method.upper()]) + [f'"{url}"']
    for kind, media in operation.get('requestBody', {}).get('content', {}).items():
        body = example_of(media)
        if body is None:
            schema = media.get('schema', {})
            body = {name: example_of(field) for name, field in schema.get('properties', {}).items()
                    if name in schema.get('required', []) and example_of(field) is not None}
        if not kind.endswith('json'):
            body = EXAMPLE_TEXTS.get(kind, '')
        words.append(f'-H "Content-Type: {kind}"')
        text = body if isinstance(body, str) else json.dumps(body)
        words.append("-d '" + text.replace("'", "'\\''") + "'")
        break
    return ' '.join(words)


def role_of(operation):
    security = operation.get('security', [])
    if not security:
        return 'nobody needs a token'
    return f'role `{security[0]["bearer"][0]}`'


def operation_text(method, path, operation):
    text = f'\n## {method.upper()} {path}\n\n{operation["summary"]}. With `--auth required`: '
    text += f'{role_of(operation)}.\n'
    if operation.get('description'):
        text += f'\n{operation["description"]}\n'
    rows = [(code(item['name']) + (' (required)' if item.get('required') else ''), item['in'],
             type_of(item['schema']), item.get('description', ''))
            for item in operation.get('parameters', [])]
    if rows:
        text += '\n' + table(('parameter', 'in', 'values', 'what'), rows)
    for kind, media in operation.get('requestBody', {}).get('content', {}).items():
        schema = media.get('schema', {})
        text += f'\nBody, `{kind}`:' + ('' if 'properties' in schema else ' ' + type_of(schema))
        text += '\n'
        if field_rows(schema):
            text += '\n' + table(('field', 'values', 'what'), field_rows(schema))
    rows = []
    for status, answer in operation['responses'].items():
        shapes = [f'{code(kind)}: {type_of(media["schema"])}' if 'schema' in media else code(kind)
                  for kind, media in answer.get('content', {}).items()
                  if kind != 'application/problem+json']
        rows.append((status, answer['description'], '; '.join(shapes)))
    rows.sort(key=lambda row: (row[0] == 'default', row[0]))
    text += '\n' + table(('status', 'what', 'body'), rows)
    return text + f'\n```sh\n{curl(method, path, operation)}\n```\n'


def operations(document):
    return [(method, path, operation) for path, item in document['paths'].items()
            for method, operation in item.items() if 'responses' in operation]


def api(document):
    text = f"""# The HTTP API

{HOW} `GET /api/v1/openapi.json` has the same as OpenAPI {document['openapi']}.

{document['info']['description']}

All paths are below `/api/v1`. Bodies are strict JSON in UTF-8: a field that is not known, or is there
twice, is refused. An answer that is a problem is `application/problem+json` with a
[Problem](#problem); its `reason` is in capitals below.

"""
    text += table(('route', 'role', 'what'), [
        (f'[{code(method.upper() + " " + path)}](#'
         f'{(method + " " + path).lower().translate(str.maketrans(" ", "-", "/{}."))})',
         role_of(operation).replace('role ', '').replace('nobody needs a token', '-'),
         operation['summary']) for method, path, operation in operations(document)])
    for method, path, operation in operations(document):
        text += operation_text(method, path, operation)
    text += '\n# Shapes\n'
    for name, schema in document['components']['schemas'].items():
        text += f'\n## {name}\n\n'
        if schema.get('description'):
            text += schema['description'] + '\n\n'
        rows = field_rows(schema)
        text += table(('field', 'values', 'what'), rows) if rows else type_of(schema) + '\n'
    return text


# ---- all of them ----
def made(env):
    """{path: text} of the three documents, by what the binary says."""
    port = free_port()
    server = env.start('server', ['./ipam', 'server', '-a', f'127.0.0.1:{port}'])
    client = Client(port)
    wait_until('the server serves', lambda: client.request('GET', '/health').status == 200)
    document = client.get('/openapi.json').json()
    client.close()
    check_equal(server.stop(), 0, 'exit code on SIGTERM')
    settings = json.loads(env.ipam('server', '--explain-config', '--output', 'json').stdout)
    commands = json.loads(env.ipam('man', '--output', 'json').stdout)
    path = os.path.join(ROOT, 'docs/configuration.md')
    with open(path, encoding='utf-8') as file:
        old = file.read()
    return {path: configuration(old, settings['settings']),
            os.path.join(ROOT, 'docs/cli.md'): command_line(commands),
            os.path.join(ROOT, 'docs/api.md'): api(document)}


@test()
def reference_is_what_the_binary_says(env):
    for path, text in made(env).items():
        with open(path, encoding='utf-8') as file:
            written = file.read()
        name = os.path.relpath(path, ROOT)
        check(written == text, f'{name} is out of date: tests/e2e/reference.py --write')


def main():
    import harness
    arguments = sys.argv[1:]
    if not arguments or arguments[0] != '--write' or len(arguments) > 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    binary = arguments[1] if len(arguments) == 2 else os.path.join(ROOT, 'build/src/server/ipam')
    env = harness.Environment('reference', os.path.abspath(binary), False)
    try:
        for path, text in made(env).items():
            with open(path, 'w', encoding='utf-8') as file:
                file.write(text)
    finally:
        env.end_processes()
        env.remove()
    return 0


if __name__ == '__main__':
    sys.exit(main())
