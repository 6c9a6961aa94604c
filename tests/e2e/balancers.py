"""nginx and HAProxy in front of three nodes, with the files of examples/ of which only the addresses
are changed."""
import glob
import os
import shutil

import yaml_shape
from cluster import make_networks
from harness import (ROOT, Client, Cluster, Load, Skip, check, check_equal, free_port, test,
                     verify_nothing_lost, wait_until)


class Balanced:
    """Looks like a node to Load: a port to send requests to."""

    def __init__(self, port):
        self.port = port

    def client(self, **options):
        return Client(self.port, **options)


def need(program):
    path = shutil.which(program, path=os.environ.get('PATH', '') + ':/usr/sbin:/sbin')
    if not path:
        raise Skip(f'{program} is not installed')
    return path


def adapted(env, source, replacements):
    with open(os.path.join(ROOT, 'examples', source), encoding='utf-8') as file:
        text = file.read()
    for old, new in replacements:
        check(old in text, f'{old!r} is not in examples/{source}')
        text = text.replace(old, new)
    path = env.path(os.path.basename(source))
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)
    return path


def exercise(env, cluster, balancer, port):
    """Through the balancer: requests, load while a node dies and comes back, nothing lost."""
    client = Client(port)

    def answers():
        check(balancer.alive(), f'it ended with {balancer.popen.returncode}: {balancer.log()}')
        return client.request('GET', '/health').status == 200
    wait_until('the balancer answers', answers)
    check_equal(client.get('/cluster/status').json()['cluster_id'], cluster.id, 'cluster_id')
    ids = make_networks(cluster.nodes[0], ['10.0.0.0/16'])
    load = Load([Balanced(port)], ids, clients=8, seed=env.seed)
    # While a node is down, a balancer itself answers for requests that it lost: not known then.
    load.balancer_statuses = (502, 504)
    load.start()
    load.wait_for(200)
    victim = cluster.follower()
    victim.kill()
    load.wait_for(load.count() + 200)
    victim.start()
    victim.wait_healthy()
    load.stop()
    verify_nothing_lost(cluster.nodes, [load], ids)
    env.notes.append(f'{load.count()} acknowledged, {len(load.unknown)} unknown')


@test()
def nginx(env):
    program = need('nginx')
    if os.geteuid() != 0:
        raise Skip("Debian's nginx wants root for its folders")
    cluster = Cluster(env).form().start()
    port = free_port()
    path = adapted(env, 'cluster/nginx.conf', [
        ('listen 80;', f'listen 127.0.0.1:{port};'),
        *[(f'server node{node.id}:8080', f'server 127.0.0.1:{node.http_port}')
          for node in cluster.nodes]])
    command = [program, '-c', path, '-p', env.directory, '-e', 'stderr', '-g',
               f'daemon off; pid {env.path("nginx.pid")};']
    env.run([*command, '-t'])
    balancer = env.start('nginx', command)
    exercise(env, cluster, balancer, port)
    check_equal(balancer.stop(), 0, 'exit code of nginx')


@test()
def haproxy(env):
    program = need('haproxy')
    cluster = Cluster(env).form().start()
    port = free_port()
    path = adapted(env, 'haproxy/haproxy.cfg', [
        ('bind :8080', f'bind 127.0.0.1:{port}'),
        *[(f'node{node.id}.example.com:8080', f'127.0.0.1:{node.http_port}')
          for node in cluster.nodes]])
    env.run([program, '-c', '-f', path])
    balancer = env.start('haproxy', [program, '-db', '-f', path])
    exercise(env, cluster, balancer, port)


@test()
def example_files_are_well_formed(env):
    """Docker and Kubernetes cannot run here; their files can at least be read."""
    for path in glob.glob(os.path.join(ROOT, 'examples/**/*.sh'), recursive=True):
        env.run(['bash', '-n', path])
        check(os.access(path, os.X_OK), f'{path} is not executable')
    for path in glob.glob(os.path.join(ROOT, 'examples/**/*.y*ml'), recursive=True):
        yaml_shape.check_file(path)


@test()
def docker_entrypoint_forms_a_node(env):
    """The image's entry point, with the image's folder replaced by the test's."""
    with open(os.path.join(ROOT, 'examples/cluster/docker-entrypoint.sh'), encoding='utf-8') as file:
        text = file.read()
    check('data=/data\n' in text, 'the entry point names its folder otherwise')
    entry = env.path('entrypoint.sh')
    with open(entry, 'w', encoding='utf-8') as file:
        file.write(text.replace('data=/data\n', f'data={env.path("data")}\n'))
    os.chmod(entry, 0o755)
    health = os.path.join(ROOT, 'examples/cluster/docker-healthcheck.sh')

    def start(name, **variables):
        port = str(free_port())
        environment = {**env.variables, 'PATH': f'{env.directory}:{os.environ["PATH"]}',
                       'IPAM_PORT': port, 'IPAM_HOST': '127.0.0.1', **variables}
        process = env.start(name, [entry], env=environment)

        def healthy():
            check(process.alive(), f'it ended with {process.popen.returncode}: {process.log()}')
            return env.run([health], expect=None, env=environment).returncode == 0
        wait_until('the health check passes', healthy)
        check_equal(process.stop(), 0, 'exit code on SIGTERM')
        check(env.run([health], expect=None, env=environment).returncode != 0,
              'the health check passes without a server')

    start('standalone')
    shutil.rmtree(env.path('data'))
    node = {'IPAM_NODE_ID': '1', 'IPAM_CLUSTER_ID': '100',
            'IPAM_RAFT_ADDR': f'localhost:{free_port()}'}
    start('alone', **node)
    start('alone', **node)  # again, on the data that is there
    shutil.rmtree(env.path('data'))
    os.makedirs(env.path('data/lost+found'))  # as a volume with a file system of its own has it
    start('member', **node, IPAM_INITIAL_MEMBERS='1:' + node['IPAM_RAFT_ADDR'])
