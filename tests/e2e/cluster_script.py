"""scripts/3-node-cluster.sh, as a person uses it."""
import os
import signal
import socket
import subprocess

from guide import commands_of, curl, expected_status, need_ports, run_curl_commands
from harness import ROOT, Client, Skip, check, check_equal, test, wait_until

SCRIPT = os.path.join(ROOT, 'scripts/3-node-cluster.sh')
PORTS = (8081, 8082, 8083, 5001, 5002, 5003)


def settings(env):
    """A data folder of the test's own: the repository's may hold a person's data."""
    if os.path.realpath(env.binary) != os.path.realpath(
            os.path.join(ROOT, 'build/src/server/ipam')):
        raise Skip('the script runs the binary of build/ only')
    need_ports(*PORTS)
    variables = {**env.variables, 'IPAM_CLUSTER_DATA': env.path('data'), 'IPAM_SKIP_SETUP': '1'}
    env.closers.append(lambda: subprocess.run([SCRIPT, 'stop'], env=variables,
                                              capture_output=True))
    return variables


def script(env, variables, *arguments, expect=0):
    return env.run([SCRIPT, *arguments], expect=expect, env=variables, seconds_max=900)


def networks(port):
    client = Client(port)
    try:
        return client.get('/networks').json()
    finally:
        client.close()


@test(1200)
def cluster_script_detached(env):
    """Issue 2, item 1: start, the guide's curl commands at each node, stop; the data stays."""
    variables = settings(env)
    started = script(env, variables, '--detach')
    check('curl' in started.stdout and 'stop' in started.stdout, started.stdout)
    check('already running' in script(env, variables, '--detach').stdout.lower(),
          'a second start does not say that it runs')
    for port in (8081, 8082, 8083):
        run_curl_commands(env, port, first=port == 8081)
    for command in commands_of('Option 1: Docker Compose (Recommended)'):
        if command.startswith('curl') and ':8080' not in command:
            status, body = curl(env, command)
            check_equal(status, expected_status(command), f'{command}\n{body}')
    check_equal(script(env, variables, 'status').stdout.count('healthy'), 3, 'healthy nodes')
    secrets = {open(env.path(f'data/node{number}/cluster.secret'), encoding='ascii').read()
               for number in (1, 2, 3)}
    check_equal(len(secrets), 1, 'secrets of the three nodes')
    with open(env.path('data/node2.pid'), encoding='utf-8') as file:
        with open(f'/proc/{file.read().split()[0]}/cmdline', encoding='utf-8') as command:
            check('--peer-auth\0required' in command.read(), 'node 2 does not require proof')

    pid = open(env.path('data/node2.pid'), encoding='utf-8').read().split()[0]
    os.kill(int(pid), signal.SIGKILL)
    wait_until('status names the dead node', lambda: 'node 2: not running' in
               script(env, variables, 'status', expect=None).stdout)
    script(env, variables, '--detach')  # starts what is missing

    script(env, variables, 'stop')
    check('Not running' in script(env, variables, 'stop').stdout, 'a second stop')
    script(env, variables, '--detach')
    check_equal([network['cidr'] for network in networks(8083)], ['10.0.0.0/16'],
                'networks after a restart')
    script(env, variables, 'clean')
    check(not os.path.exists(env.path('data')), 'clean left data')


@test(1200)
def cluster_script_in_the_foreground(env):
    variables = settings(env)
    # Whoever runs the tests in the background has SIGINT ignored, and a shell inherits that.
    process = env.start('script', ['env', '--default-signal=INT', SCRIPT], env=variables,
                        start_new_session=True)
    wait_until('the cluster is up', lambda: 'Ctrl-C' in process.log() or not process.alive(), 900)
    check(process.alive(), process.log())
    os.killpg(process.popen.pid, signal.SIGINT)  # Ctrl-C reaches the whole group
    check_equal(process.wait(30), 0, f'exit code after Ctrl-C: {process.log()}')
    check_equal(process.log().count('has stopped'), 3, f'nodes stopped: {process.log()}')


@test(300)
def cluster_script_leaves_other_processes_alone(env):
    variables = settings(env)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(('127.0.0.1', 8082))
        other.listen()
        for arguments in (['--detach'], ['clean']):
            done = script(env, variables, *arguments, expect=1)
            check('8082' in done.stderr and str(os.getpid()) in done.stderr, done.stderr)
            check_equal(len(done.stderr.strip().split('\n')), 1, f'lines: {done.stderr}')
        check(not os.path.exists(env.path('data')), 'something was formed')
        # A pid file that has come to name another process.
        os.mkdir(env.path('data'))
        with open(env.path('data/node1.pid'), 'w', encoding='utf-8') as file:
            file.write(f'{os.getpid()} 1 {os.path.realpath(env.binary)}\n')
        script(env, variables, 'stop')  # would end this very process
