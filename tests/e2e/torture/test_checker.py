#!/usr/bin/env python3
"""The checker of histories, checked: what it must find, what it must let pass, and brute force."""
import copy
import os
import random
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from torture import check, history, linearizability, model  # noqa: E402
from torture.history import Allocation, Network, Operation, Stats  # noqa: E402

CIDR = '10.0.0.0/29'  # six usable addresses
NET = Network('net-1', CIDR, 'n1')


def allocation(number, status='allocated', offset=None, last=None):
    """h1 has alloc-1, which is 10.0.0.1 where `offset` does not say otherwise, and so on."""
    return Allocation(f'alloc-{number}', 'net-1', f'10.0.0.{offset or number}',
                      f'10.0.0.{last}' if last else None, f'h{number}', 'then', status)


class History:
    """Operations, one after the other unless their times are given."""

    def __init__(self):
        self.operations = []
        self.add('create', {'description': 'n1'}, 201, NET)

    def add(self, kind, arguments, status, answer=None, reason='', at=None, client=0, node=1,
            life=1, stale=False, session=False, cidr=CIDR):
        begin, end = at or (10 * len(self.operations), 10 * len(self.operations) + 5)
        operation = Operation(client, node, life, kind, cidr, arguments, stale, session,
                              begin, end, status, reason, answer)
        self.operations.append(operation)
        return self

    def allocate(self, number, status=201, offset=None, last=None, count=1, **options):
        answer = allocation(number, offset=offset, last=last) if status == 201 else None
        return self.add('allocate', {'hostname': f'h{number}', 'count': count,
                                     'network_id': 'net-1'}, status, answer, **options)

    def release(self, number, status=204, **options):
        return self.add('release', {'allocation_id': f'alloc-{number}'}, status, **options)

    def list(self, *allocations, **options):
        return self.add('list', {'network_id': 'net-1'}, 200, tuple(allocations), **options)

    def list_all(self, *allocations, **options):
        return self.add('list_all', {'network_id': 'net-1'}, 200, tuple(allocations), **options)

    def delete(self, status=204, **options):
        return self.add('delete', {'network_id': 'net-1'}, status, **options)

    def stats(self, allocated, first, last, **options):
        return self.add('stats', {'network_id': 'net-1'}, 200,
                        Stats(6, allocated, 6 - allocated, first, last), **options)

    def report(self):
        return check.check_history(self.operations)


class Expectations(unittest.TestCase):
    def accept(self, recorded):
        report = recorded.report()
        self.assertEqual(report.violations, [])
        self.assertEqual(report.undecided, 0)

    def reject(self, recorded, text='not linearizable'):
        report = recorded.report()
        self.assertTrue(any(text in violation for violation in report.violations),
                        f'{text!r} is not in {report.violations}')


class Canaries(Expectations):
    """Histories that no correct server gives."""

    def test_a_stale_read(self):
        self.reject(History().allocate(1).list())

    def test_a_stale_count(self):
        self.reject(History().allocate(1).allocate(2).stats(1, '10.0.0.2', '10.0.0.1'))

    def test_a_lost_write(self):
        one = allocation(1)
        self.reject(History().allocate(1).list(one).list())

    def test_a_lost_write_that_only_the_next_write_shows(self):
        recorded = History().allocate(1).allocate(2, offset=1)
        self.reject(recorded)

    def test_a_lost_release(self):
        self.reject(History().allocate(1).release(1).list(allocation(1)))

    def test_a_duplicate_address(self):
        recorded = History().allocate(1, at=(100, 200)).allocate(2, offset=1, at=(100, 200))
        self.reject(recorded)

    def test_overlapping_blocks(self):
        self.reject(History().allocate(1, count=3, last=3).allocate(2, offset=3, last=5, count=3))

    def test_a_read_that_goes_back(self):
        """An unknown write may take effect late, but once seen it stays."""
        recorded = History().allocate(1, None, at=(100, None))
        recorded.list(allocation(1), at=(200, 210)).list(at=(300, 310))
        self.reject(recorded)

    def test_a_read_between_two_others_that_agree(self):
        one = allocation(1)
        recorded = History().allocate(1, at=(100, 900))
        recorded.list(one, at=(200, 300)).list(at=(400, 500)).list(one, at=(600, 700))
        self.reject(recorded)

    def test_a_process_that_goes_back_in_stale_reads(self):
        recorded = History().allocate(1).list(allocation(1), stale=True).list(stale=True)
        self.reject(recorded)

    def test_a_process_that_goes_back_behind_its_own_answer(self):
        self.reject(History().allocate(1).list(stale=True))

    def test_a_session_that_goes_back(self):
        recorded = History().allocate(1, client=7, node=1)
        recorded.list(stale=True, session=True, client=7, node=2)
        self.reject(recorded)

    def test_a_stale_read_of_a_state_that_never_was(self):
        recorded = History().allocate(1).allocate(2).list(allocation(2), stale=True, node=2)
        self.reject(recorded)

    def test_an_unknown_write_that_takes_effect_twice(self):
        twice = Allocation('alloc-9', 'net-1', '10.0.0.2', None, 'h1', 'then', 'allocated')
        recorded = History().allocate(1, None, at=(100, None)).list(allocation(1), twice)
        self.reject(recorded, 'one request (h1) made both')

    def test_a_refused_write_that_takes_effect(self):
        recorded = History().allocate(1, 503).list(allocation(1))
        self.reject(recorded, 'refused has been carried out')

    def test_a_refused_release_that_takes_effect(self):
        self.reject(History().allocate(1).release(1, 503).list())

    def test_a_refused_deletion_that_takes_effect(self):
        recorded = History().delete(503)
        recorded.allocate(1, 404, reason='NETWORK_NOT_FOUND')
        self.reject(recorded)

    def test_two_networks_of_one_cidr(self):
        other = Network('net-2', CIDR, 'n2')
        self.reject(History().add('create', {'description': 'n2'}, 201, other))

    def test_a_network_that_is_deleted_while_in_use(self):
        self.reject(History().allocate(1).delete())

    def test_full_while_an_address_is_free(self):
        self.reject(History().allocate(1).allocate(2, 409, reason='NETWORK_FULL'))

    def test_not_the_first_fit(self):
        self.reject(History().allocate(1, offset=2))

    def test_a_release_that_was_acknowledged_twice(self):
        self.reject(History().allocate(1).release(1).release(1))

    def test_an_allocation_that_is_forgotten(self):
        self.reject(History().allocate(1).release(1).list_all())

    def test_an_allocation_that_changes(self):
        moved = allocation(1, offset=2)
        self.reject(History().allocate(1).list(moved), 'has changed')

    def test_an_allocation_that_nobody_asked_for(self):
        self.reject(History().list(allocation(1)), 'nobody asked for')

    def test_an_answer_that_must_not_be(self):
        self.reject(History().allocate(1, 500), 'must not be')

    def test_a_final_list_that_lacks_something(self):
        recorded = History().allocate(1)
        recorded.add('all_allocations', {}, 200, (), cidr='')
        self.reject(recorded)

    def test_a_revision_that_goes_back(self):
        recorded = History().list().list()
        for operation, revision in zip(recorded.operations, (5, 7, 6)):
            operation.revision = revision
        self.reject(recorded, 'the revision goes back')

    def test_a_search_that_is_cut_short_is_no_success(self):
        recorded = History()
        for number in range(1, 5):
            recorded.allocate(number)
        report = check.check_history(recorded.operations, configurations_max=2)
        self.assertEqual(report.undecided, 1)
        self.assertTrue(report.violations)


class Legal(Expectations):
    """Histories that a correct server may give."""

    def test_everything_in_order(self):
        one, two = allocation(1), allocation(2, last=4)
        recorded = History().allocate(1).allocate(2, last=4, count=3).list(one, two)
        recorded.stats(4, '10.0.0.5', '10.0.0.4').release(1).release(1, 409,
                                                                     reason='ALREADY_RELEASED')
        recorded.list_all(allocation(1, 'released'), two).delete(
            409, reason='NETWORK_HAS_ALLOCATIONS')
        recorded.allocate(3, 409, count=4, reason='NETWORK_FULL').allocate(4, offset=1)
        recorded.release(2).release(4).delete().allocate(5, 404, reason='NETWORK_NOT_FOUND')
        recorded.add('find_network', {}, 200, ())
        recorded.add('create', {'description': 'n2'}, 201, Network('net-2', CIDR, 'n2'))
        recorded.add('find_network', {}, 200, (Network('net-2', CIDR, 'n2'),))
        recorded.list_all(allocation(1, 'released'), allocation(2, 'released', last=4),
                          allocation(4, 'released', offset=1))
        self.accept(recorded)

    def test_concurrent_writes_in_either_order(self):
        self.accept(History().allocate(1, offset=2, at=(100, 200)).allocate(2, offset=1,
                                                                            at=(100, 200)))

    def test_reads_on_either_side_of_a_concurrent_write(self):
        recorded = History().allocate(1, at=(100, 900))
        self.accept(recorded.list(at=(200, 300)).list(allocation(1), at=(400, 500)))

    def test_an_unknown_write_that_never_takes_effect(self):
        self.accept(History().allocate(1, None, at=(100, None)).list().allocate(2, offset=1))

    def test_an_unknown_write_that_takes_effect_late(self):
        recorded = History().allocate(1, 504, at=(15, 16)).list()
        self.accept(recorded.list(allocation(1)).allocate(2))

    def test_an_unknown_release_that_lets_an_address_be_handed_out_again(self):
        recorded = History().allocate(1).release(1, None, at=(15, None)).allocate(2, offset=1)
        self.accept(recorded)

    def test_an_unknown_creation_and_deletion(self):
        other = Network('net-2', CIDR, 'n2')
        recorded = History().delete(None, at=(15, None))
        recorded.add('create', {'description': 'n2'}, None, at=(16, None))
        self.accept(recorded.add('find_network', {}, 200, (other,)))

    def test_a_stale_read_of_an_old_state(self):
        recorded = History().allocate(1).allocate(2).list(allocation(1), stale=True, node=2)
        self.accept(recorded.list(allocation(1), allocation(2), stale=True, node=2))

    def test_a_new_process_goes_back(self):
        recorded = History().allocate(1).list(allocation(1), stale=True)
        self.accept(recorded.list(stale=True, life=2))

    def test_an_operation_whose_process_is_not_certain_orders_nothing(self):
        recorded = History().allocate(1).list(allocation(1), stale=True, life=None)
        self.accept(recorded.list(stale=True, node=2, life=None))

    def test_the_file_of_a_history_gives_the_history(self):
        recorded = History().allocate(1).list(allocation(1)).stats(1, '10.0.0.2', '10.0.0.1')
        recorded.allocate(2, None, at=(100, None))
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, 'history.jsonl')
            history.write_history(path, recorded.operations)
            self.assertEqual(history.read_history(path), recorded.operations)


# ---- random histories ----
class NaiveNetwork:
    """One network as a dictionary of addresses; written apart from the model."""

    def __init__(self):
        self.holders = {}  # address -> hostname
        self.ever = {}     # hostname -> Allocation
        self.past = [()]   # what was active, from the beginning on

    def allocate(self, number):
        free = [address for address in range(1, 7) if address not in self.holders]
        if not free:
            return None
        made = allocation(number, offset=free[0])
        self.holders[free[0]] = made.hostname
        self.ever[made.hostname] = made
        self.past.append(self.active())
        return made

    def release(self, made):
        address = next((a for a, name in self.holders.items() if name == made.hostname), None)
        if address is None:
            return False
        del self.holders[address]
        self.ever[made.hostname] = made._replace(status='released')
        self.past.append(self.active())
        return True

    def active(self):
        return tuple(self.ever[self.holders[address]] for address in sorted(self.holders))


def random_history(choice, length, clients=4):
    """Operations at random instants of a server that works. Each client has one at a time. Node 1
    answers all but stale reads; those are answered by nodes 2 and 3, which lag behind."""
    recorded, network = History(), NaiveNetwork()
    lags = {2: 0, 3: 0}  # how much of the past each node has seen
    seen = set()  # ids that an answer has shown, so that a client can name them
    free_at = [10] * clients
    instant = 10
    for number in range(1, length + 1):
        instant += choice.randrange(1, 20)
        idle = [client for client in range(clients) if free_at[client] < instant]
        if not idle:
            continue
        client = choice.choice(idle)
        end = instant + choice.randrange(0, 60)
        options = {'at': (choice.randrange(free_at[client], instant), end), 'client': client}
        free_at[client] = end + 1
        fate = choice.random()  # what happens to a write: known, unknown with effect, without
        unknown = {**options, 'at': (options['at'][0], None)}
        held = network.active()
        named = [entry for entry in held if entry.id in seen]
        if choice.random() < 0.45:
            if 0.8 < fate < 0.9:
                recorded.allocate(number, None, **unknown)
                continue
            made = network.allocate(number)
            if fate >= 0.9:
                recorded.allocate(number, None, **unknown)
            elif made:
                seen.add(made.id)
                recorded.allocate(number, offset=int(made.ip.split('.')[3]), **options)
            else:
                recorded.allocate(number, 409, reason='NETWORK_FULL', **options)
        elif named and choice.random() < 0.5:
            target = choice.choice(named)
            if 0.8 < fate < 0.9:
                recorded.add('release', {'allocation_id': target.id}, None, **unknown)
                continue
            network.release(target)
            recorded.add('release', {'allocation_id': target.id}, None if fate >= 0.9 else 204,
                         **(unknown if fate >= 0.9 else options))
        elif choice.random() < 0.3:
            node = choice.choice((2, 3))
            lags[node] = choice.randrange(lags[node], len(network.past))
            recorded.list(*network.past[lags[node]], stale=True, node=node, **options)
        elif choice.random() < 0.3:
            recorded.list_all(*network.ever.values(), **options)
        else:
            recorded.list(*held, **options)
            seen.update(entry.id for entry in held)
    return recorded


def corrupted(recorded, choice):
    """The same with one read or one address from somewhere else; maybe still legal."""
    changed = copy.deepcopy(recorded)
    reads = [one for one in changed.operations if one.kind in ('list', 'list_all')]
    if len(reads) >= 2:
        one, other = choice.sample(reads, 2)
        if one.kind == other.kind:
            one.answer, other.answer = other.answer, one.answer
    ends = [one for one in changed.operations if one.end is not None]
    victim = choice.choice(ends)
    shift = choice.randrange(-40, 41)  # so that concurrent ones need not be concurrent any more
    victim.begin += shift
    victim.end += shift
    return changed


def has_order(operations, calls, state):
    """Brute force: every order of time, and every subset of those without an end. A stale read may
    come before its begin, but not before an earlier one at its node."""
    left = list(zip(operations, calls))
    if all(operation.end is None for operation in operations):
        return True
    first_end = min(operation.end for operation in operations if operation.end is not None)
    for number, (operation, call) in enumerate(left):
        if operation.stale:
            if any(other.stale and other.node == operation.node and other.end < operation.begin
                   for other in operations):
                continue
        elif operation.begin > first_end:
            continue
        following = state
        if call.holds is not None:
            possible = call.holds(state)
        else:
            following = call.effect(state)
            possible = following is not None
        if possible and has_order(operations[:number] + operations[number + 1:],
                                  calls[:number] + calls[number + 1:], following):
            return True
    return False


class Random(unittest.TestCase):
    def verdict_of(self, recorded):
        names = history.names_of(recorded.operations)
        partition = model.Partition(CIDR, recorded.operations, names)
        return partition, linearizability.search(partition.calls, model.EMPTY)

    def test_histories_of_a_server_that_works_are_accepted(self):
        for seed in range(300):
            recorded = random_history(random.Random(seed), 120)
            report = recorded.report()
            self.assertEqual(report.violations, [], f'seed {seed}')

    def test_the_search_agrees_with_brute_force(self):
        legal = illegal = 0
        for seed in range(2000):
            choice = random.Random(seed)
            recorded = corrupted(random_history(choice, 9), choice)
            partition, verdict = self.verdict_of(recorded)
            expected = has_order(partition.operations, partition.calls, model.EMPTY)
            self.assertEqual(verdict.kind == linearizability.LINEARIZABLE, expected,
                             f'seed {seed}')
            legal, illegal = legal + expected, illegal + (not expected)
        self.assertGreater(legal, 300)  # or the comparison says little
        self.assertGreater(illegal, 300)


if __name__ == '__main__':
    unittest.main()
