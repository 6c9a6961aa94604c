#!/usr/bin/env python3
"""Checks what the tree promises (the design's table of includes, pure code, sizes).

`test_style.py` first checks itself: each rule must find its canary, a line that breaks it, and must
let a good line pass. Then it reads every .hpp and .cpp of the tree. Prints one line a violation.
"""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# ---- who may include what ----
# A folder's own files, the standard library, base and fmt (text only) are always allowed.
# Otherwise: folders of ours, and libraries by the first part of their include path.
LAYERS = {
    'src/base': {'openssl'},
    'src/metrics': set(),
    'src/sqlite': {'sqlite3'},
    'src/net': {'asio', 'openssl'},
    'raft/core': set(),
    'raft/storage': {'raft/core', 'sqlite', 'sqlite3'},
    'raft/transport': {'raft/core', 'net', 'asio'},
    'raft/node': {'raft/core', 'raft/storage', 'raft/transport', 'raft/node', 'asio'},
    'src/ipam': set(),
    'src/state': {'ipam', 'sqlite', 'sqlite3'},
    'src/transfer': {'ipam', 'boost/json'},
    'src/http': {'net', 'asio'},
    'src/api': {'ipam', 'transfer', 'http', 'boost/json'},
    # A client needs a socket, and its answers are JSON.
    'src/cli': {'api', 'ipam', 'transfer', 'http', 'net', 'asio', 'boost/json',
                'boost/program_options'},
    # None: everything. It wires all the others.
    'src/server': None,
}
ALWAYS = {'base', 'fmt'}
LIBRARIES = ('asio', 'openssl', 'sqlite3', 'boost/json', 'boost/program_options', 'fmt', 'doctest')

# Files without clocks, threads, sockets, files and randomness of their own. The shell of http is in
# the files named; they alone see asio there.
PURE = re.compile(r'^(raft/core/|raft/node/driver|src/ipam/|src/transfer/|src/api/|src/metrics/|'
                  r'raft/transport/(?:address|codec|frame|handshake|introduction|refusal)\.|'
                  r'src/http/(?!session|server|spawn|handler))')

# A call of a C function: not a member, not of another namespace than std or the global one.
CALL = r'(?:(?<![\w.:>])|\bstd::|(?<![\w:])::)'
IMPURE = [
    ('a clock', re.compile(r'\b(?:system|steady|high_resolution|file|utc|tai|gps)_clock\b|' + CALL +
                           r'(?:time|clock|gettimeofday|clock_gettime|localtime|gmtime)\s*\(')),
    ('a thread', re.compile(r'\bstd::(?:j?thread|(?:\w+_)?mutex|condition_variable\w*|async|promise|'
                            r'future|atomic\w*|this_thread)\b|\bpthread_|'
                            r'#\s*include\s*<(?:thread|mutex|shared_mutex|condition_variable|future|'
                            r'atomic|pthread\.h)>')),
    ('a socket', re.compile(r'#\s*include\s*<(?:sys/socket\.h|netinet/\w+\.h|arpa/inet\.h|netdb\.h|'
                            r'poll\.h|sys/epoll\.h)>|\basio::|' + CALL +
                            r'(?:socket|connect|accept|getaddrinfo)\s*\(\s*AF_')),
    ('a file', re.compile(r'\bfstream\b|\b[io]fstream\b|\bstd::filesystem\b|'
                          r'#\s*include\s*<(?:filesystem|cstdio|stdio\.h|fcntl\.h|unistd\.h)>|' + CALL +
                          r'fopen\s*\(|(?<!\w)::(?:open|openat|creat)\s*\(')),
    ('randomness', re.compile(CALL + r's?rand\s*\(|\brandom_device\b|\bmt19937|\bgetrandom\b')),
]
TEST_SLEEP = re.compile(r'\bsleep_(?:for|until)\b|' + CALL + r'(?:usleep|sleep|nanosleep)\s*\(')

LINES_MAX = 800
COLUMNS_MAX = 100
# Split, so that this file does not break its own rule.
MACHINE_PATH = re.compile(r'(?<![\w.~$}])/(?:wo' r'rk|ro' r'ot|ho' r'me)/')
LEFT_OVER = re.compile(r'\bTO' r'DO\b|\bFIX' r'ME\b|\bX' r'XX\b')
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def without_comments_and_strings(text):
    """The code alone, with every line kept; include lines keep their names."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|'
                         r"(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'", re.S)

    def blank(match):
        found = match.group(0)
        if found.startswith('"'):
            start = text.rfind('\n', 0, match.start()) + 1
            if INCLUDE.match(text[start:match.end()]):
                return found
        return '""' + '\n' * found.count('\n') if found[0] in '"R' else '\n' * found.count('\n')

    return pattern.sub(blank, text)


def layer_of(path):
    for layer in LAYERS:
        if path.startswith(layer + '/'):
            return layer
    return None


def target_of(included, quoted):
    """The folder or library that an include names; None for the standard library or the system."""
    for library in LIBRARIES:
        if included == library or included.startswith((library + '/', library + '.')):
            return library
    if included.startswith('boost/'):
        return '/'.join(included.split('/')[:2])
    if included.startswith('raft/'):
        return '/'.join(included.split('/')[:2])
    if included.startswith('src/'):
        return included.split('/')[1]
    if quoted:
        return included.split('/')[0] if '/' in included else '.'
    return None


def check_includes(path, lines):
    layer = layer_of(path)
    if layer is None or LAYERS[layer] is None:
        return
    own = layer.removeprefix('src/')
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        target = target_of(match.group(2), match.group(1) == '"')
        if target in (None, '.', own) or target in ALWAYS and layer != 'src/base':
            pass
        elif layer == 'src/base' and target == 'fmt':
            pass
        elif target == 'asio' and PURE.match(path):
            yield number, 'pure code may not include asio'
        elif target not in LAYERS[layer]:
            yield number, f'{layer} may not include {target}'


def check_pure(path, lines):
    if not PURE.match(path):
        return
    for number, line in enumerate(lines, 1):
        for what, pattern in IMPURE:
            if pattern.search(line):
                yield number, f'pure code names {what}: {line.strip()}'


def check_cpp(path, text):
    """All that is asked of one .hpp or .cpp: (line, message) for each violation."""
    lines = text.split('\n')
    code = without_comments_and_strings(text).split('\n')
    yield from check_includes(path, code)
    yield from check_pure(path, code)
    if len(lines) - 1 > LINES_MAX:
        yield len(lines), f'{len(lines) - 1} lines; the limit is {LINES_MAX}'
    if path.endswith('.hpp') and '#pragma once' not in text:
        yield 1, 'a header without #pragma once'
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS_MAX:
            yield number, f'{len(line)} columns; the limit is {COLUMNS_MAX}'
    if path.startswith('tests/'):
        for number, line in enumerate(code, 1):
            if TEST_SLEEP.search(line):
                yield number, 'a test sleeps'


def check_text(path, text):
    """What is asked of every text file."""
    for number, line in enumerate(text.split('\n'), 1):
        if MACHINE_PATH.search(line):
            yield number, f'a path of one machine: {line.strip()[:80]}'
        if LEFT_OVER.search(line) and not path.endswith('deployment-guide.md'):
            yield number, f'left over: {line.strip()[:80]}'


def files_of_tree():
    try:
        listed = subprocess.run(
            ['git', 'ls-files', '-co', '--exclude-standard'], cwd=ROOT, capture_output=True,
            check=True, text=True).stdout.split('\n')
        return sorted({name for name in listed if name and os.path.isfile(os.path.join(ROOT, name))})
    except (OSError, subprocess.CalledProcessError):  # an unpacked archive
        found = []
        for folder, folders, names in os.walk(ROOT):
            folders[:] = [f for f in folders if not f.startswith(('build', '.git'))]
            found += [os.path.relpath(os.path.join(folder, name), ROOT) for name in names]
        return sorted(found)


def violations_of_tree():
    for path in files_of_tree():
        if path.startswith('tests/fuzz/corpus/'):
            continue
        with open(os.path.join(ROOT, path), 'rb') as file:
            raw = file.read()
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            continue
        for number, message in check_text(path, text):
            yield f'{path}:{number}: {message}'
        if path.endswith(('.hpp', '.cpp')):
            for number, message in check_cpp(path, text):
                yield f'{path}:{number}: {message}'


# ---- the canaries: path, text, and how many violations it must give ----
CANARIES = [
    ('raft/core/a.cpp', '#include "ipam/address.hpp"', 1),
    ('raft/core/a.cpp', '#include <sqlite3.h>', 1),
    ('raft/core/a.cpp', '#include "base/bytes.hpp"\n#include "raft/core/types.hpp"\n#include <map>', 0),
    ('raft/storage/a.cpp', '#include "sqlite/statement.hpp"\n#include "raft/core/types.hpp"', 0),
    ('raft/storage/a.cpp', '#include <asio/ip/tcp.hpp>', 1),
    ('raft/transport/a.cpp', '#include "raft/storage/log_store.hpp"', 1),
    ('raft/transport/a.cpp', '#include <asio.hpp>', 0),
    ('raft/transport/introduction.cpp', '#include <asio.hpp>', 1),
    ('raft/transport/handshake.cpp', 'getrandom(nonce.data(), 32, 0);', 1),
    ('raft/node/node.cpp', '#include <asio.hpp>\n#include "raft/storage/log_store.hpp"', 0),
    ('raft/node/driver.cpp', '#include <asio.hpp>', 1),
    ('src/base/a.cpp', '#include "ipam/model.hpp"', 1),
    ('src/ipam/a.cpp', '#include "state/state_store.hpp"', 1),
    ('src/http/parser.cpp', '#include <asio/buffer.hpp>', 1),
    ('src/http/session.cpp', '#include <asio/buffer.hpp>', 0),
    ('src/net/a.cpp', '#include <openssl/ssl.h>\n#include <asio/ip/tcp.hpp>', 0),
    ('src/http/session.cpp', '#include <openssl/ssl.h>', 1),
    ('src/http/session.cpp', '#include "net/stream.hpp"', 0),
    ('src/ipam/a.cpp', '#include "net/stream.hpp"', 1),
    ('src/api/a.cpp', '#include <boost/json.hpp>\n#include "http/message.hpp"', 0),
    ('src/api/a.cpp', '#include <boost/asio.hpp>', 1),
    ('src/api/a.cpp', '#include "server/main.hpp"', 1),
    ('src/cli/a.cpp', '#include "state/state_store.hpp"', 1),
    ('src/server/a.cpp', '#include "state/state_store.hpp"\n#include <asio.hpp>', 0),
    ('raft/core/a.cpp', 'auto t = std::chrono::steady_clock::now();', 1),
    ('raft/core/a.cpp', 'auto t = time(nullptr);', 1),
    ('raft/core/a.cpp', 'auto t = command.time(); auto u = election_time(3); fmt::time(x);', 0),
    ('src/ipam/a.cpp', 'std::thread t;', 1),
    ('src/ipam/a.cpp', 'std::ifstream in(path);', 1),
    ('src/ipam/a.cpp', 'int f = ::open(path, 0);', 1),
    ('src/ipam/a.cpp', 'void begin() { open(1); }', 0),
    ('src/ipam/a.cpp', 'int r = std::rand();', 1),
    ('src/ipam/a.cpp', 'std::random_device device;', 1),
    ('src/ipam/a.cpp', '// no rand() and no random_device here\nauto s = "open(x) steady_clock";', 0),
    ('src/http/limits.hpp', '#pragma once\n#include <chrono>\nstd::chrono::milliseconds t{1};', 0),
    ('src/http/session.cpp', 'auto t = std::chrono::steady_clock::now();', 0),
    ('src/base/a.hpp', 'int x;', 1),
    ('src/base/a.cpp', 'x' * (COLUMNS_MAX + 1), 1),
    ('src/base/a.cpp', 'é' * COLUMNS_MAX, 0),
    ('src/base/a.cpp', 'x;\n' * (LINES_MAX + 1), 1),
    ('tests/unit/a.cpp', 'std::this_thread::sleep_for(1s);', 1),
    ('tests/unit/a.cpp', 'usleep(10);', 1),
]
TEXT_CANARIES = [
    ('a.md', 'see /wo' 'rk/main', 1),
    ('a.sh', 'cd "/ho' 'me/me"', 1),
    ('a.md', 'examples/wo' 'rk/x and https://a.b/x', 0),
    ('a.cpp', '// TO' 'DO: later', 1),
]


def broken_canaries():
    for check, canaries in ((check_cpp, CANARIES), (check_text, TEXT_CANARIES)):
        for path, text, expected in canaries:
            found = [message for _, message in check(path, text)]
            if len(found) != expected:
                yield f'canary {path!r} {text[:60]!r}: expected {expected}, found {found}'


def main():
    broken = list(broken_canaries())
    found = list(violations_of_tree())
    for line in broken + found:
        print(line)
    print(f'{len(CANARIES) + len(TEXT_CANARIES)} canaries, {len(broken)} broken; '
          f'{len(found)} violations in the tree')
    return 1 if broken or found else 0


if __name__ == '__main__':
    sys.exit(main())
