"""Three or five real nodes, a faulty network, processes that die, clients that record: then the
history must be linearizable, and the cluster whole again."""
import collections
import time

from harness import check, test
from torture import check as checker
from torture import faults, final_checks, history
from torture.machines import TortureCluster
from torture.workload import TortureClient, Workload

SECONDS = 60
SECONDS_FULL = 600
SECONDS_MAX = 3000  # the holders of the namespaces end after an hour
CLIENTS = 16
WRITES_PER_SECOND_MIN = 2  # acknowledged; tens are common, fewer than this say nothing
AFTERMATH_SECONDS = 3  # clients go on for so long when the faults are over
WATCH_SECONDS = 0.1
FINAL_CLIENT = -1


@test(900)
def torture(env):
    """Issue 3, level 3."""
    seconds = env.seconds or (SECONDS_FULL if env.full else SECONDS)
    check(seconds <= SECONDS_MAX, f'at most {SECONDS_MAX} seconds')
    plan = faults.draw_plan(env.seed, seconds)
    cluster = TortureCluster(env, env.nodes or 3, len(plan['members']))
    cluster.form().start()
    run = Run(env, cluster, plan)
    try:
        run.faults_and_clients(seconds)
        members = run.heal()
        report = run.check_history()
        leaders = run.check_end(members)
    except BaseException:
        run.keep()
        raise
    run.note(report, leaders)
    run.check_enough_happened(seconds)


class Run:
    def __init__(self, env, cluster, plan):
        self.env, self.cluster = env, cluster
        self.faults = faults.Faults(cluster, plan, env.path('faults.log'))
        self.workload = Workload(cluster, CLIENTS, env.seed)
        # Patient, and not one of the threads: for what is asked when they have ended.
        self.final = TortureClient(FINAL_CLIENT, cluster, self.workload.networks, env.seed,
                                   self.workload.ending)
        self.final.patience = 60

    def operations(self):
        return self.workload.operations() + self.final.operations

    def faults_and_clients(self, seconds):
        self.workload.start()
        self.faults.start()
        self._watch(seconds)
        self.faults.end()
        self._watch(AFTERMATH_SECONDS)

    def _watch(self, seconds):
        """Until then, nothing of what should go on may fail."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._check_failures()
            self.workload.ending.wait(WATCH_SECONDS)

    def _check_failures(self):
        failures = self.cluster.failures() + self.faults.failures + self.workload.failures()
        check(not failures, f'{failures}\nthe last faults:\n{self.faults.recent()}')

    def heal(self):
        """The members, once all is whole again and read."""
        final_checks.wait_for_writes([node for node in self.cluster.present()
                                      if not node.may_leave], self.final)
        self.workload.stop()
        members = final_checks.members_of(self.cluster)
        final_checks.wait_until_removed_nodes_end(self.cluster, members)
        self._check_failures()
        final_checks.read_everything(members, self.final)
        return members

    def check_history(self):
        report = checker.check_history(self.operations())
        check(not report.violations,
              f'{len(report.violations)} violations ({report.line()})\n'
              f'{checker.text_of(report.violations)}\nagain for the file alone: '
              f'tests/e2e/torture/check.py {self.env.path("history.jsonl")}')
        return report

    def check_end(self, members):
        """How often a leader was elected."""
        listing = final_checks.check_equal_nodes(members)
        final_checks.check_acknowledged(self.operations(), listing)
        for node in self.cluster.nodes:
            if node.running():
                node.terminate()
        return final_checks.check_files(members, self.operations(), listing)

    def keep(self):
        """What helps to understand a failure, as files beside the logs of the nodes."""
        self.workload.ending.set()
        self.faults.ending.set()
        for node in self.cluster.nodes:
            node.close()
        history.write_history(self.env.path('history.jsonl'), self.operations())

    def acknowledged(self):
        """When writes were, in order."""
        return sorted(one.end for one in self.operations() if one.is_write()
                      and one.status in (201, 204))

    def check_enough_happened(self, seconds):
        count = len(self.acknowledged())
        check(count >= WRITES_PER_SECOND_MIN * seconds, f'only {count} writes in {seconds} s')
        quiet = [lane for lane, planned in self.faults.plan.items() if planned
                 and not any(self.faults.counts[fault.kind] for fault in planned)]
        check(not quiet, f'no fault of these lanes has been performed: {quiet}')

    def note(self, report, leaders):
        operations = self.operations()
        outcomes = collections.Counter('refused' if one.refused else 'unknown' if one.unknown
                                       else 'answered' for one in operations)
        writes = self.acknowledged()
        longest = max((later - earlier for earlier, later in zip(writes, writes[1:])), default=0)
        stale = sum(one.stale and one.answered for one in operations)
        self.env.notes += [
            ', '.join(f'{count} {what}' for what, count in sorted(outcomes.items())),
            f'{len(writes)} writes acknowledged, {stale} stale reads',
            f'longest time without an acknowledged write {longest / 1e9:.1f} s',
            f'{leaders} leaders elected, {self._snapshots()} snapshots installed',
            'faults ' + ', '.join(f'{kind} {count}' for kind, count
                                  in sorted(self.faults.counts.items())),
            'packets ' + ', '.join(f'{what} {count}' for what, count
                                   in sorted(self.cluster.wire.counters.items())),
            report.line()]

    def _snapshots(self):
        logs = {node.process.log_path: node.process for node in self.cluster.nodes
                if node.process}
        return sum(process.log().count('installing the snapshot') for process in logs.values())
