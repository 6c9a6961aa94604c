#!/usr/bin/env python3
"""The cable between the nodes: `wire.py CONTROL SEED NODE...` forwards packets among TUN devices.

Each node has one, `wireN`, which is moved into its namespace. A packet from node A to node B is
treated by the rule of "A>B": cut, lost, delayed, duplicated, reordered. (Rejected: tc netem with
packet filters. Kernels of containers and small machines lack both, and a rule for each direction of
a pair makes one-way and bridge partitions plain.) All draws come from the seed; which packet gets
which draw depends on when it comes.

Rules come as lines of JSON over the Unix socket CONTROL, each {"A>B": {...}, ...}; what is not
named has no fault. Each line is answered by a line with the counters so far. The process ends when
the connection does.
"""
import collections
import fcntl
import heapq
import json
import os
import random
import select
import signal
import socket
import struct
import sys
import time

TUNSETIFF = 0x400454ca
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
PACKET_BYTES_MAX = 65536
PACKETS_PER_TURN = 64       # of one device before the others are looked at
DELAYED_PACKETS_MAX = 20000  # beyond, they are dropped as a full queue does

RULE = {'cut': False, 'loss': 0.0, 'delay_ms': 0.0, 'jitter_ms': 0.0, 'duplicate': 0.0,
        'reorder': 0.0}  # shares of packets from 0 to 1; reordered ones overtake the delayed


def device(node):
    return f'wire{node}'


def open_device(node):
    """A file for the TUN device, which is made and lives as long as the file."""
    descriptor = os.open('/dev/net/tun', os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF,
                struct.pack('16sH22x', device(node).encode(), IFF_TUN | IFF_NO_PI))
    return descriptor


class Wire:
    def __init__(self, nodes, seed):
        self.devices = {node: open_device(node) for node in nodes}
        self.choice = random.Random(seed)
        self.rules = {}    # (from, to) -> rule
        self.delayed = []  # heap of (due, number, to, packet)
        self.number = 0
        self.latest_due = {}  # (from, to) -> when its last packet in order is due
        self.counters = collections.Counter()

    def set_rules(self, rules):
        self.rules = {tuple(int(end) for end in pair.split('>')): {**RULE, **rule}
                      for pair, rule in rules.items()}

    def forward(self, sender, packet):
        if packet[0] >> 4 != 4:
            return  # IPv6 looks for routers by itself
        receiver = packet[19]  # the last byte of the destination
        if receiver not in self.devices:
            return
        self.counters['packets'] += 1
        rule = self.rules.get((sender, receiver))
        if rule is None:
            self.queue(sender, receiver, packet, 0.0, in_order=True)
            return
        if rule['cut']:
            self.counters['cut'] += 1
            return
        if self.choice.random() < rule['loss']:
            self.counters['lost'] += 1
            return
        copies = 1
        if self.choice.random() < rule['duplicate']:
            self.counters['duplicated'] += 1
            copies = 2
        for _ in range(copies):
            if self.choice.random() < rule['reorder']:
                self.counters['reordered'] += 1
                self.queue(sender, receiver, packet, 0.0, in_order=False)
                continue
            delay_ms = rule['delay_ms'] + self.choice.uniform(-1, 1) * rule['jitter_ms']
            self.queue(sender, receiver, packet, max(0.0, delay_ms) / 1000, in_order=True)

    def queue(self, sender, receiver, packet, delay, in_order):
        now = time.monotonic()
        due = now + delay
        if in_order:
            due = max(due, self.latest_due.get((sender, receiver), 0.0))
            self.latest_due[sender, receiver] = due
        if due <= now:
            self.deliver(receiver, packet)
        elif len(self.delayed) < DELAYED_PACKETS_MAX:
            self.counters['delayed'] += 1
            self.number += 1
            heapq.heappush(self.delayed, (due, self.number, receiver, packet))
        else:
            self.counters['lost'] += 1

    def deliver(self, receiver, packet):
        try:
            os.write(self.devices[receiver], packet)
        except OSError:  # the device is down, or full
            self.counters['lost'] += 1

    def deliver_due(self):
        """Those whose time has come; the seconds until the next one, or None."""
        while self.delayed:
            due, _, receiver, packet = self.delayed[0]
            wait = due - time.monotonic()
            if wait > 0:
                return wait
            heapq.heappop(self.delayed)
            self.deliver(receiver, packet)
        return None

    def read(self, node):
        for _ in range(PACKETS_PER_TURN):
            try:
                packet = os.read(self.devices[node], PACKET_BYTES_MAX)
            except OSError:  # none left
                return
            if packet:
                self.forward(node, packet)


def run(wire, control):
    poll = select.epoll()
    nodes = {descriptor: node for node, descriptor in wire.devices.items()}
    for descriptor in nodes:
        poll.register(descriptor, select.EPOLLIN)
    poll.register(control, select.EPOLLIN)
    unread = b''
    while True:
        for descriptor, _ in poll.poll(wire.deliver_due()):
            if descriptor != control.fileno():
                wire.read(nodes[descriptor])
                continue
            received = control.recv(65536)
            if not received:
                return
            *lines, unread = (unread + received).split(b'\n')
            for line in lines:
                wire.set_rules(json.loads(line))
                control.sendall(json.dumps(wire.counters).encode() + b'\n')


def main():
    path, seed, *nodes = sys.argv[1:]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the test, which ends us
    wire = Wire([int(node) for node in nodes], int(seed))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)
        control, _ = listener.accept()
    with control:
        run(wire, control)


if __name__ == '__main__':
    main()
