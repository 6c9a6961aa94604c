"""The attackers of garbage.py: one process, one thread, and no more work than its rate allows.

Started as `attackers.py JSON`, with {"http": PORT, "raft": PORT, "rate": CONNECTIONS A SECOND, "idle":
N, "slow_senders": N, "slow_readers": N, "list": PATH, "seed": N}. Reads a command a line and answers
each with a line of JSON:
  on      opens what is held, then floods; answers once all that is held is open
  silent  stops, and leaves what is open to the server
  off     stops and closes everything; what has been counted since the start
"""
import collections
import json
import os
import random
import re
import resource
import selectors
import socket
import sys
import time

# Below the server's limit of connections from one address.
ADDRESSES = [f'127.0.0.{number}' for number in range(2, 12)]
SECOND_REQUEST = b'GET /api/v1/smuggled-request HTTP/1.1\r\nHost: a\r\n\r\n'
FLOOD_SECONDS_MAX = 20  # of one connection of the flood: the server closes it before
FLOOD_OPEN_MAX = 200
READER_SECONDS_MAX = 15
POST = b'POST /api/v1/networks HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n'
CHUNKED = POST + b'Transfer-Encoding: chunked\r\n\r\n'
TLS_HELLO = bytes.fromhex('1603010200010001fc0303') + bytes(range(200))

# What two readers could read in two ways, each followed by a second request that must not be
# answered, and the status that it gets.
FORMS = {
    'both lengths': (POST + b'Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX', 400),
    'both lengths, the other first':
        (POST + b'Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nX', 400),
    'two lengths': (POST + b'Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}', 400),
    'a list of lengths': (POST + b'Content-Length: 2, 3\r\n\r\n{}', 400),
    'a length with a sign': (POST + b'Content-Length: +2\r\n\r\n{}', 400),
    'a negative length': (POST + b'Content-Length: -2\r\n\r\n{}', 400),
    'a hexadecimal length': (POST + b'Content-Length: 0x2\r\n\r\n{}', 400),
    'a length with a space': (POST + b'Content-Length: 2 2\r\n\r\n{}', 400),
    'an empty length': (POST + b'Content-Length:\r\n\r\n{}', 400),
    'a length beyond 64 bits': (POST + b'Content-Length: 18446744073709551618\r\n\r\n{}', 413),
    'a length beyond the limit': (POST + b'Content-Length: 99999999\r\n\r\n{}', 413),
    'chunked twice': (POST + b'Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n', 400),
    'chunked in two fields':
        (POST + b'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
         400),
    'chunked, then another': (POST + b'Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n',
                              501),
    'another coding': (POST + b'Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n', 501),
    'chunked in quotes': (POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n', 501),
    'chunked with a vertical tab': (POST + b'Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n', 400),
    'chunked in HTTP/1.0':
        (b'POST /api/v1/networks HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400),
    'a folded field': (POST + b'X: a\r\n b\r\nContent-Length: 0\r\n\r\n', 400),
    'a folded coding': (POST + b'Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n', 400),
    'a space before the colon': (POST + b'Content-Length : 0\r\n\r\n', 400),
    'a space before the name': (b'GET / HTTP/1.1\r\n Host: a\r\n\r\n', 400),
    'bare line feeds': (b'GET / HTTP/1.1\nHost: a\n\n', 400),
    'a bare line feed in the head': (b'GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n', 400),
    'a bare carriage return': (b'GET / HTTP/1.1\r\nHost: a\r\nX: b\rY: c\r\n\r\n', 400),
    'a NUL in a value': (b'GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n', 400),
    'a NUL in a name': (b'GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n', 400),
    'a NUL in the target': (b'GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n', 400),
    'an encoded NUL': (b'GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n', 400),
    'a space in the target': (b'GET / /x HTTP/1.1\r\nHost: a\r\n\r\n', 400),
    'a tab in the request line': (b'GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n', 400),
    'two hosts': (b'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400),
    'no host': (b'GET / HTTP/1.1\r\n\r\n', 400),
    'HTTP/2': (b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505),
    'a chunk size with 0x': (CHUNKED + b'0x2\r\n{}\r\n0\r\n\r\n', 400),
    'a chunk size with a sign': (CHUNKED + b'+2\r\n{}\r\n0\r\n\r\n', 400),
    'a chunk size with a space': (CHUNKED + b'2 2\r\n{}\r\n0\r\n\r\n', 400),
    'an empty chunk size': (CHUNKED + b'\r\n{}\r\n0\r\n\r\n', 400),
    'a chunk size beyond 64 bits': (CHUNKED + b'10000000000000002\r\n{}\r\n0\r\n\r\n', 413),
    'a chunk size beyond the limit': (CHUNKED + b'7fffffff\r\n{}\r\n0\r\n\r\n', 413),
    'a chunk that is longer': (CHUNKED + b'1\r\n{}\r\n0\r\n\r\n', 400),
    'a bare line feed after a chunk size': (CHUNKED + b'2\n{}\r\n0\r\n\r\n', 400),
    'a bare line feed after a chunk': (CHUNKED + b'2\r\n{}\n0\r\n\r\n', 400),
    'a NUL in a chunk extension': (CHUNKED + b'2;a=\0\r\n{}\r\n0\r\n\r\n', 400),
    'chunk extensions without end': (CHUNKED + b'2;' + b'a' * 20000 + b'\r\n{}\r\n', 400),
    'a folded trailer': (CHUNKED + b'0\r\nX: a\r\n b\r\n\r\n', 400),
    'trailers without end': (CHUNKED + b'0\r\n' + b'X: aaaaaaaa\r\n' * 4000, 431),
    'fields without end': (b'GET / HTTP/1.1\r\nHost: a\r\n' + b'X: aaaaaaaa\r\n' * 4000, 431),
    'a target without end': (b'GET /' + b'a' * 20000, 414),
}


def statuses_of(answers):
    return [int(status) for status in re.findall(rb'HTTP/1\.1 (\d{3}) ', answers)]


class Connection:
    def __init__(self, kind, attackers, port, *, payload=b'', form=None, receive_bytes=None):
        self.kind, self.form, self.attackers = kind, form, attackers
        self.answer = b''
        self.unsent = payload
        self.began = time.monotonic()
        self.socket = socket.socket()
        self.socket.setblocking(False)
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((attackers.random.choice(ADDRESSES), 0))
        try:
            self.socket.connect(('127.0.0.1', port))
        except BlockingIOError:
            pass

    def close(self):
        self.attackers.forget(self)
        self.socket.close()


class Attackers:
    def __init__(self, options):
        self.options = options
        self.random = random.Random(options['seed'])
        self.poll = selectors.EpollSelector()
        self.held = {'idle': set(), 'slow_sender': set(), 'slow_reader': set()}
        self.flood = {}  # in the order of their beginning
        self.counts = {}
        self.failures = []
        self.flooding = self.holding = self.silent = False
        self.next_flood = self.last_turn = time.monotonic()
        self.trickling = collections.deque()
        self.due = 0.0  # of them, in parts of one

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def forget(self, connection):
        try:
            self.poll.unregister(connection.socket)
        except (KeyError, ValueError):
            pass
        for connections in self.held.values():
            connections.discard(connection)
        self.flood.pop(connection, None)

    # ---- what is held ----
    def fill(self, at_once_max=50):
        """Opens of what is held what is missing, a part at a time. True: nothing is."""
        options = self.options
        whole = True
        for kind, wanted in (('idle', options['idle']), ('slow_sender', options['slow_senders']),
                             ('slow_reader', options['slow_readers'])):
            missing = wanted - len(self.held[kind])
            whole = whole and missing <= 0
            for _ in range(min(missing, at_once_max)):
                payload = b''
                if kind == 'slow_sender':
                    payload = self.random.choice([b'GET /api/v1/he', POST + b'Content-Length: 9000\r\n\r\n{'])
                if kind == 'slow_reader':
                    payload = f'GET /api/v1{options["list"]} HTTP/1.1\r\nHost: a\r\n\r\n'.encode()
                connection = Connection(kind, self, options['http'], payload=payload,
                                        receive_bytes=2048 if kind == 'slow_reader' else None)
                self.held[kind].add(connection)
                if kind != 'idle':
                    self.trickling.append(connection)
                self.count(kind)
                self.poll.register(connection.socket, selectors.EVENT_WRITE, connection)
        return whole

    def trickle(self, seconds):
        """A byte a second from each slow sender, and for each slow reader: those whose turn it is."""
        queue = self.trickling
        self.due += seconds * len(queue)
        while self.due >= 1 and queue:
            self.due -= 1
            connection = queue.popleft()
            if connection not in self.held[connection.kind]:
                continue
            queue.append(connection)
            if connection.unsent:
                continue
            try:
                if connection.kind == 'slow_sender':
                    connection.socket.send(b'a')
                # Cut off or not: what lies in the kernel's buffers would take hours to show it.
                elif time.monotonic() - connection.began > READER_SECONDS_MAX or \
                        not connection.socket.recv(1):
                    self.lost(connection)
            except BlockingIOError:
                pass
            except OSError:
                self.lost(connection)

    def lost(self, connection):
        self.count(f'{connection.kind} closed by the server')
        connection.close()

    # ---- the flood ----
    def open_one(self):
        options, choose = self.options, self.random
        kind = choose.choice(['bytes', 'bytes', 'tls', 'half', 'closed', 'form', 'form',
                              'raft bytes', 'raft tls', 'raft half'])
        port = options['raft'] if kind.startswith('raft') else options['http']
        payload, form = b'', None
        if kind.endswith('bytes'):
            payload = choose.randbytes(choose.randrange(1, 2000))
        elif kind.endswith('tls'):
            payload = TLS_HELLO[:choose.randrange(1, len(TLS_HELLO))]
        elif kind == 'raft half':
            payload = b'\0\0\0\x40'[:choose.randrange(1, 5)]  # of a frame's head
        elif kind == 'half':
            payload = b'GET /api/v1/networks HTTP/1.1\r\nHost: a\r\nX: y'[:choose.randrange(1, 46)]
        elif kind == 'form':
            form = choose.choice(list(FORMS))
            payload = FORMS[form][0] + SECOND_REQUEST
        connection = Connection(kind, self, port, payload=payload, form=form)
        self.flood[connection] = None
        self.count(kind)
        self.poll.register(connection.socket, selectors.EVENT_WRITE, connection)

    def finish(self, connection):
        """The server has closed, or we go first."""
        if connection.form:
            self.judge(connection)
        elif b'HTTP/1.1 5' in connection.answer:
            status = connection.answer.split(b' ')[1]
            if status not in (b'501', b'505'):
                self.failures.append(f'{connection.kind}: {connection.answer[:200]!r}')
        connection.close()

    def judge(self, connection):
        expected = FORMS[connection.form][1]
        statuses = statuses_of(connection.answer)
        if statuses != [expected] or b'smuggled-request' in connection.answer:
            self.failures.append(f'{connection.form}: expected {expected}, found {statuses}: '
                                 f'{connection.answer[:200]!r}')
        self.count('forms judged')

    def on_event(self, connection, mask):
        try:
            if mask & selectors.EVENT_WRITE:
                self.on_writable(connection)
            elif mask & selectors.EVENT_READ:
                self.on_readable(connection)
        except BlockingIOError:
            pass
        except OSError as error:
            if connection in self.flood:
                # Our bytes may come after the server has closed: its answer is lost then.
                self.count('reset' if isinstance(error, (ConnectionResetError, BrokenPipeError))
                           else f'error: {error}')
                connection.close()
            else:
                self.lost(connection)

    def on_writable(self, connection):
        if connection.unsent:
            sent = connection.socket.send(connection.unsent)
            connection.unsent = connection.unsent[sent:]
            if connection.unsent:
                return
        error = connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, os.strerror(error))
        if connection.kind == 'closed' or connection.kind == 'half' and self.random.random() < 0.5:
            connection.close()
        elif connection.kind == 'slow_reader':
            self.poll.unregister(connection.socket)  # trickle() reads
        else:
            self.poll.modify(connection.socket, selectors.EVENT_READ, connection)

    def on_readable(self, connection):
        data = connection.socket.recv(65536)
        if connection not in self.flood:
            if not data:
                self.lost(connection)
            return
        connection.answer += data[:65536 - len(connection.answer)]
        if not data:
            self.finish(connection)

    # ---- the loop ----
    def turn(self, commands):
        now = time.monotonic()
        if self.flooding:
            if self.next_flood < now - 1:
                self.next_flood = now
            while self.next_flood <= now and len(self.flood) < FLOOD_OPEN_MAX:
                self.open_one()
                self.next_flood += 1 / self.options['rate']
        if self.holding:
            self.fill(at_once_max=10)
            self.trickle(now - self.last_turn)
        self.last_turn = now
        if not self.silent:
            for connection in list(self.flood)[:20]:
                if now - connection.began > FLOOD_SECONDS_MAX:
                    self.failures.append(f'{connection.kind} {connection.form or ""}: not closed '
                                         f'after {FLOOD_SECONDS_MAX} s')
                    connection.close()
        # In steps, so that the events of one are taken up together: less work for the same rate.
        for key, mask in self.poll.select(0.005):
            if key.data is None:
                commands.append(sys.stdin.readline().strip())
            else:
                self.on_event(key.data, mask)
        time.sleep(0.005)

    def obey(self, command):
        if command == 'on':
            self.silent = False
            while not self.fill():
                self.turn([])
            self.flooding = self.holding = True
            return {'held': {kind: len(held) for kind, held in self.held.items()}}
        if command == 'silent':
            self.flooding, self.holding, self.silent = False, False, True
            return {}
        if command == 'off':
            self.flooding = self.holding = False
            for connections in (*self.held.values(), self.flood):
                for connection in list(connections):
                    connection.close()
            return {'counts': self.counts, 'failures': self.failures[:20]}
        raise ValueError(command)

    def run(self):
        self.poll.register(sys.stdin, selectors.EVENT_READ, None)
        commands = []
        while True:
            self.turn(commands)
            while commands:
                command = commands.pop(0)
                if not command:
                    return
                print(json.dumps(self.obey(command)), flush=True)


def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    Attackers(json.loads(sys.argv[1])).run()


if __name__ == '__main__':
    main()
