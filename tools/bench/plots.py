#!/usr/bin/env python3
"""Plots for docs/performance.md from files that `bench --json` has written, as SVG.

    tools/bench/plots.py FILE... [--into DIR]      (default docs/performance)
"""
import argparse
import math
import os
import statistics
import sys

from results import ROOT, Results

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 130, 50, 55
COLOURS = ('#1b6ca8', '#c8553d', '#3d8b37', '#7a4fa3', '#8a6d1f')
TICKS_MAX = 6


def label(value):
    if value >= 1e6:
        return f'{value / 1e6:g} M'
    if value >= 1e3:
        return f'{value / 1e3:g} k'
    return f'{value:g}'


class Axis:
    """Values to pixels, by their logarithms where they span much, else from zero."""

    def __init__(self, values, is_logarithmic, begin, end):
        self.is_logarithmic = is_logarithmic
        self.begin, self.end = begin, end
        if is_logarithmic:
            low = 10 ** math.floor(math.log10(min(values)) + 1e-9)
            high = 10 ** math.ceil(math.log10(max(values)) - 1e-9)
            self.low, self.high = low, max(high, low * 10)
            decades = round(math.log10(self.high / self.low))
            self.ticks = [self.low * 10 ** i for i in range(decades + 1)]
        else:
            step = 10 ** math.floor(math.log10(max(max(values), 1e-9)))
            while max(values) / step > TICKS_MAX:
                step *= 2
            while max(values) / step < TICKS_MAX / 2:
                step /= 2
            self.low, self.high = 0, step * math.ceil(max(values) / step)
            self.ticks = [step * i for i in range(round(self.high / step) + 1)]

    def at(self, value):
        if self.is_logarithmic:
            part = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            part = (value - self.low) / (self.high - self.low)
        return self.begin + part * (self.end - self.begin)


def plot(title, x_title, y_title, lines, x_is_logarithmic=False, y_is_logarithmic=False,
         x_labels=None):
    """lines: [(name, [(x, y)])]. x_labels: {x: text} in place of ticks."""
    lines = [(name, [(x, y) for x, y in points if y > 0]) for name, points in lines]
    lines = [(name, points) for name, points in lines if points]
    x_axis = Axis([x for _, points in lines for x, _ in points], x_is_logarithmic,
                  LEFT, WIDTH - RIGHT)
    y_axis = Axis([y for _, points in lines for _, y in points], y_is_logarithmic,
                  HEIGHT - BOTTOM, TOP)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
           'font-family="sans-serif" font-size="13">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
           f'<text x="{LEFT}" y="24" font-size="16">{title}</text>',
           f'<text x="{LEFT - 8}" y="{TOP - 8}" text-anchor="end" fill="#555">{y_title}</text>',
           f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 14}" text-anchor="end" fill="#555">'
           f'{x_title}</text>']
    for tick in y_axis.ticks:
        y = y_axis.at(tick)
        out.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
                   f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{label(tick)}</text>')
    for x, text in (x_labels or {tick: label(tick) for tick in x_axis.ticks}).items():
        out.append(f'<text x="{x_axis.at(x):.1f}" y="{HEIGHT - BOTTOM + 18}" '
                   f'text-anchor="middle">{text}</text>')
    taken = []  # heights of names at the right end
    for i, (name, points) in enumerate(lines):
        colour = COLOURS[i % len(COLOURS)]
        path = 'L'.join(f'{x_axis.at(x):.1f} {y_axis.at(y):.1f}' for x, y in points)
        out.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        if len(points) <= 12:
            out += [f'<circle cx="{x_axis.at(x):.1f}" cy="{y_axis.at(y):.1f}" r="3" '
                    f'fill="{colour}"/>' for x, y in points]
        height = y_axis.at(points[-1][1]) + 4
        while any(abs(height - other) < 15 for other in taken):
            height += 15
        taken.append(height)
        out.append(f'<text x="{WIDTH - RIGHT + 8}" y="{height:.1f}" fill="{colour}">{name}</text>')
    return '\n'.join(out) + '\n</svg>\n'


def throughput(results, place):
    lines = []
    for name, work, system in (('ipam', 'allocate', 'ipam'), ('etcd', 'put of 100 bytes', 'etcd')):
        points = []
        for (measurement, what, who), result in results.by_key.items():
            if measurement == f'writes at {place}' and who == system and what.startswith(work):
                points.append((int(what.split(', ')[1].split()[0]),
                               statistics.median(result['rates'])))
        lines.append((name, sorted(points)))
    if not lines[0][1]:
        return None
    labels = {x: str(x) for x, _ in lines[0][1]}
    return plot(f'Durable writes a second at {place}', 'connections', '/s', lines, True, False,
                labels)


def latencies(results, clients):
    lines = []
    for name, work, system in (('ipam', 'allocate', 'ipam'), ('etcd', 'put of 100 bytes', 'etcd')):
        result = results.get('writes at the leader',
                             f'{work}, {clients} connection{"" if clients == 1 else "s"}', system)
        if result is not None:
            lines.append((name, [(1 / (1 - part), ms) for part, ms in result['latencies_ms']
                                 if 0.1 <= part < 1]))
    if not lines:
        return None
    labels = {2: '50 %', 10: '90 %', 100: '99 %', 1000: '99.9 %', 10000: '99.99 %'}
    return plot(f'Latency of a durable write, {clients} at once', 'part of all', 'ms', lines,
                True, True, labels)


def columns_of(results, key, x_column, y_columns):
    found = results.series.get(key)
    if found is None:
        return None
    x = found['columns'].index(x_column)
    return [(column, [(row[x], row[found['columns'].index(column)]) for row in found['rows']])
            for column in y_columns]


def plots_of(results):
    out = {'writes-leader': throughput(results, 'the leader'),
           'writes-follower': throughput(results, 'a follower')}
    for clients in (1, 64, 256):
        out[f'latency-{clients}'] = latencies(results, clients)
    steady = ('steady', 'round 1')
    for name, title, unit, columns in (
            ('steady-latency', "Latency by the minute at 70 % of each minute's highest rate", 'ms',
             ['p50 ms', 'p99 ms']),
            ('steady-rate', 'Allocations and releases by the minute', '/s',
             ['highest per second', 'per second']),
            ('steady-size', 'Memory of the largest node, and state.db', 'MiB',
             ['memory MiB', 'state.db MiB'])):
        lines = columns_of(results, steady, 'minute', columns)
        out[name] = lines and plot(title, 'minute', unit, lines)
    for what in ('allocations', 'networks'):
        lines = columns_of(results, ('growth', what), what, ['p50 ms', 'p99 ms'])
        out[f'growth-{what}'] = lines and plot(f'Latency of one allocation, by the number of {what}',
                                               what, 'ms', lines, True)
    nodes = [(count, statistics.median(result['rates'])) for count in (1, 3, 5, 7)
             if (result := results.get('nodes', f'allocate, {count} node{"s"[:count > 1]}'))]
    out['nodes'] = plot('Durable writes a second by the number of nodes', 'nodes', '/s',
                        [('ipam', nodes)], x_labels={x: str(x) for x, _ in nodes}) if nodes else None
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('files', nargs='+', metavar='FILE')
    parser.add_argument('--into', metavar='DIR',
                        default=os.path.join(ROOT, 'docs', 'performance'))
    arguments = parser.parse_args()
    os.makedirs(arguments.into, exist_ok=True)
    for name, text in plots_of(Results(arguments.files)).items():
        if text:
            with open(os.path.join(arguments.into, name + '.svg'), 'w', encoding='utf-8') as file:
                file.write(text)
    return 0


if __name__ == '__main__':
    sys.exit(main())
