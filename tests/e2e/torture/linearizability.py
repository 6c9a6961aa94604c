"""Is there a sequential order of these calls? (Wing and Gong 1993, with the memo of Lowe 2017)

A call is a write, which changes the state or is not possible in it, or an observation, which holds
in a state or does not. Each takes effect at one instant between its begin and its end; one without
an end at any time after its begin, or never. `needs` are calls that must take effect before it.

The search goes through begins and ends in the order of time and makes writes take effect as late as
possible: when a call ends that has not. An observation takes effect as soon as it holds: it changes
nothing, so an order with it later stays an order when it is moved to the front. Only the choice
among writes branches, and configurations that were seen are not entered again.
"""
import collections

CONFIGURATIONS_MAX = 400_000  # per search: some 100 bytes each, and seconds

LINEARIZABLE, VIOLATION, UNDECIDED = 'linearizable', 'violation', 'undecided'

Verdict = collections.namedtuple('Verdict', 'kind configurations stuck missing state')
Verdict.__doc__ = """Where there is no order: the call that could not take effect where the search came
furthest, the calls that it needs and that could not either, and the state there."""


class Call:
    """`effect(state)`: the state after it, or None where it is not possible. Or `holds(state)`."""
    __slots__ = ('begin', 'end', 'effect', 'holds', 'needs', 'operation')

    def __init__(self, begin, end, effect=None, holds=None, needs=0, operation=None):
        assert (effect is None) != (holds is None)
        assert effect is not None or end is not None, 'an observation without an end says nothing'
        self.begin, self.end = begin, end
        self.effect, self.holds = effect, holds
        self.needs = needs          # a bit for each call, by its place in the list
        self.operation = operation  # for messages


class _Point:
    """Where the search is: all before `position` is done with."""
    __slots__ = ('position', 'done', 'state', 'writes', 'reads', 'choices')

    def __init__(self, position, done, state, writes, reads):
        self.position, self.done, self.state = position, done, state
        self.writes, self.reads = writes, reads  # begun and without effect yet
        self.choices = None


class _Search:
    def __init__(self, calls, initial, configurations_max):
        self.calls = calls
        self.configurations_max = configurations_max
        self.events = sorted([(call.begin, 0, number) for number, call in enumerate(calls)] +
                             [(call.end, 1, number) for number, call in enumerate(calls)
                              if call.end is not None])
        self.initial = initial
        self.seen = set()
        self.furthest = None

    def run(self):
        point = self.advance(_Point(0, 0, self.initial, (), ()))
        stack = []
        while point is not None:
            if point.position == len(self.events):
                return Verdict(LINEARIZABLE, len(self.seen), None, [], None)
            if self.furthest is None or point.position > self.furthest.position:
                self.furthest = point
            point.choices = iter(self.choices_at(point))
            stack.append(point)
            point = None
            while stack and point is None:
                point = self.next_choice(stack[-1])
                if point is None:
                    stack.pop()
            if len(self.seen) > self.configurations_max:
                return self.verdict(UNDECIDED)
        return self.verdict(VIOLATION)

    def verdict(self, kind):
        stuck = self.calls[self.events[self.furthest.position][2]]
        needed = stuck.needs & ~self.furthest.done
        missing = [call for number, call in enumerate(self.calls) if needed >> number & 1]
        return Verdict(kind, len(self.seen), stuck, missing, self.furthest.state)

    def advance(self, point):
        """Over all events up to the end of a call that has not taken effect."""
        calls, events = self.calls, self.events
        while point.position < len(events):
            _, is_end, number = events[point.position]
            if is_end:
                if not point.done >> number & 1:
                    return point
            elif calls[number].holds is not None:
                point.reads += (number,)
                self.observe(point)
            else:
                point.writes += (number,)
            point.position += 1
        return point

    def observe(self, point):
        """All begun observations that hold take effect."""
        calls = self.calls
        again = True
        while again and point.reads:
            again = False
            left = []
            for number in point.reads:
                call = calls[number]
                if not call.needs & ~point.done and call.holds(point.state):
                    point.done |= 1 << number
                    again = True  # another one may have needed it
                else:
                    left.append(number)
            point.reads = tuple(left)

    def choices_at(self, point):
        """The call that ends comes first, those that may never take effect last."""
        ending = self.events[point.position][2]

        def order(number):
            end = self.calls[number].end
            return number != ending, end is None, end or 0, number
        return sorted(point.writes, key=order)

    def next_choice(self, point):
        """The point after the next write that is possible and leads to something new, or None."""
        for number in point.choices:
            call = self.calls[number]
            if call.needs & ~point.done:
                continue
            state = call.effect(point.state)
            if state is None:
                continue
            following = _Point(point.position, point.done | 1 << number, state,
                               tuple(other for other in point.writes if other != number),
                               point.reads)
            self.observe(following)
            key = (following.position, following.done, state)
            if key in self.seen:
                continue
            self.seen.add(key)
            return self.advance(following)
        return None


def search(calls, initial, configurations_max=CONFIGURATIONS_MAX):
    """The Verdict on the calls. `initial` and all states must be hashable."""
    return _Search(calls, initial, configurations_max).run()
