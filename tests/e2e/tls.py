"""TLS at the HTTP port: what is accepted and refused, by openssl(1), curl, Python and the CLI."""
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess

from harness import ROOT, Cluster, check, check_equal, free_port, test, wait_until


def make_certificates(env, name, *hosts):
    """The folder, by the script that the documentation names."""
    env.run([os.path.join(ROOT, 'scripts', 'dev-certs.sh'), env.path(name), *hosts])
    return env.path(name)


class Server:
    def __init__(self, env, certificates, *options):
        self.env, self.port, self.data = env, free_port(), env.path('data')
        self.ca = os.path.join(certificates, 'ca.pem')
        self.url = f'https://127.0.0.1:{self.port}'
        self.process = env.start('server', [
            './ipam', 'server', '--host', '127.0.0.1', '--port', str(self.port), '--db', self.data,
            '--tls-cert', os.path.join(certificates, 'server.pem'),
            '--tls-key', os.path.join(certificates, 'server.key'), *options])
        wait_until('the server serves', lambda: ' serves ' in self.process.log())
        wait_until('it leads itself', lambda: ' leads in term ' in self.process.log())

    def connection(self, ca=None):
        context = ssl.create_default_context(cafile=ca or self.ca)
        return http.client.HTTPSConnection('127.0.0.1', self.port, timeout=30, context=context)

    def get(self, path, connection=None, expect=200):
        own = connection or self.connection()
        own.request('GET', '/api/v1' + path)
        answer = own.getresponse()
        body = answer.read()
        if connection is None:
            own.close()
        check_equal(answer.status, expect, f'GET {path}: {body[:300]!r}')
        return body

    def hang_up(self, expected):
        """SIGHUP, and until the log has so many lines about it."""
        self.process.popen.send_signal(signal.SIGHUP)
        wait_until('SIGHUP was seen',
                   lambda: self.process.log().count('SIGHUP: ') == expected)


def s_client(port, *arguments):
    """Whether the handshake came to its end and the chain was good, and what openssl said."""
    done = subprocess.run(['openssl', 's_client', '-connect', f'127.0.0.1:{port}',
                           '-verify_return_error', *arguments], input='', capture_output=True,
                          text=True, errors='replace', timeout=30)
    return done.returncode == 0 and 'Verify return code: 0 (ok)' in done.stdout, \
        done.stdout + done.stderr


def curl(*arguments):
    done = subprocess.run(['curl', '-sS', '--max-time', '20', *arguments], capture_output=True,
                          text=True, timeout=30)
    return done.returncode, done.stdout, done.stderr


@test()
def tls_at_the_http_port_is_what_openssl_and_curl_expect(env):
    certificates, foreign = make_certificates(env, 'certs'), make_certificates(env, 'foreign')
    server = Server(env, certificates)
    other_ca = os.path.join(foreign, 'ca.pem')
    table = [  # what openssl s_client is told, and whether that is accepted
        (('-CAfile', server.ca), True),
        (('-CAfile', server.ca, '-tls1_3'), True),
        (('-CAfile', server.ca, '-tls1_2'), True),
        (('-CAfile', server.ca, '-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'), False),
        (('-CAfile', server.ca, '-tls1', '-cipher', 'ALL:@SECLEVEL=0'), False),
        (('-CAfile', server.ca, '-tls1_2', '-cipher', 'AES128-GCM-SHA256'), False),
        (('-CAfile', server.ca, '-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-SHA'), False),
        (('-CAfile', server.ca, '-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-GCM-SHA256'), True),
        (('-CAfile', server.ca, '-verify_ip', '127.0.0.1'), True),
        (('-CAfile', server.ca, '-verify_hostname', 'localhost'), True),
        (('-CAfile', server.ca, '-verify_hostname', 'example.com'), False),
        (('-CAfile', other_ca), False),
        (('-CAfile', server.ca, '-alpn', 'http/1.1'), True),
        (('-CAfile', server.ca, '-alpn', 'h2'), False),
    ]
    for arguments, expected in table:
        accepted, said = s_client(server.port, *arguments)
        check_equal(accepted, expected, f'openssl s_client {arguments}: {said[-1500:]}')
    check('ALPN protocol: http/1.1' in s_client(server.port, '-CAfile', server.ca,
                                                '-alpn', 'h2,http/1.1')[1], 'no ALPN')

    health = f'{server.url}/api/v1/health'
    check_equal(curl('--cacert', server.ca, health)[0], 0, 'curl --cacert')
    check_equal(curl(health)[0], 60, 'curl that does not know the CA')
    check_equal(curl('--cacert', other_ca, health)[0], 60, 'curl that knows another CA')
    code, out, err = curl('-i', f'http://127.0.0.1:{server.port}/api/v1/health')
    check_equal(code, 0, f'curl http://: {err}')
    check(out.startswith('HTTP/1.1 400 ') and 'this port speaks https' in out, out)

    # Garbage, half a handshake and silence harm nobody else.
    opened = [socket.create_connection(('127.0.0.1', server.port)) for _ in range(30)]
    for number, one in enumerate(opened):
        one.sendall((b'\x16\x03\x01\x02', os.urandom(500), b'')[number % 3])
    server.get('/health')
    for one in opened:
        one.close()
    page = server.get('/metrics').decode()
    failed = [line for line in page.split('\n')
              if line.startswith('ipam_tls_handshakes_failed_total{port="http"} ')]
    check(failed and float(failed[0].split()[1]) >= 10, f'handshakes that failed: {failed}')
    check('ipam_tls_certificate_expiry_seconds{port="http"} ' in page, 'no end of the certificate')
    check_equal(server.process.stop(), 0, 'exit code')


@test()
def the_cli_speaks_tls_and_says_what_to_do(env):
    certificates, foreign = make_certificates(env, 'certs'), make_certificates(env, 'foreign')
    server = Server(env, certificates)
    other_ca = os.path.join(foreign, 'ca.pem')
    trusting = ('--server', server.url, '--ca-cert', server.ca)
    env.ipam('network', 'add', '10.0.0.0/24', *trusting)
    env.ipam('network', 'list', '--server', server.url,
             env={**env.variables, 'IPAM_CA_CERT': server.ca})
    # By the directory: through the server that holds it, known by its fingerprint.
    check('10.0.0.0/24' in env.ipam('network', 'list', '--db', server.data).stdout, 'by directory')

    def refused(expect, *arguments):
        return env.ipam('network', 'list', *arguments, expect=expect).stderr

    for options in ((), ('--ca-cert', other_ca)):
        said = refused(3, '--server', server.url, *options)
        check('the certificate of 127.0.0.1 is not trusted' in said and '--ca-cert FILE' in said,
              said)
    said = refused(3, '--server', f'https://127.0.0.2:{server.port}', '--ca-cert', server.ca)
    check('cannot reach' in said, said)
    said = refused(1, '--server', f'http://127.0.0.1:{server.port}')
    check('this port speaks https' in said, said)
    said = refused(1, '--server', server.url, '--ca-cert', env.path('none.pem'))
    check('cannot read' in said and 'none.pem' in said, said)
    refused(2, '--server', server.url, '--client-cert', server.ca)

    # What is streamed: a backup and a watch.
    env.ipam('backup', env.path('copy.db'), *trusting)  # it checks what it got
    watch = env.start('watch', ['./ipam', 'watch', '--since', '0', *trusting])
    wait_until('the watch shows the network', lambda: '10.0.0.0/24' in watch.log())
    env.ipam('network', 'add', '10.1.0.0/24', *trusting)
    wait_until('the watch shows the second one', lambda: '10.1.0.0/24' in watch.log())
    with open(env.path('many.txt'), 'w', encoding='ascii') as file:
        file.writelines(f'10.{i // 250 + 2}.{i % 250}.0/24\n' for i in range(2000))
    env.ipam('import', env.path('many.txt'), '--format', 'prefixes', *trusting)
    check_equal(len(json.loads(server.get('/networks'))), 2002, 'networks')
    check_equal(server.process.stop(), 0, 'exit code')


@test()
def clients_show_certificates_where_they_have_to(env):
    certificates, foreign = make_certificates(env, 'certs'), make_certificates(env, 'foreign')
    ca = os.path.join(certificates, 'ca.pem')
    server = Server(env, certificates, '--tls-client-ca', ca)

    def showing(folder):
        return [part for name, file in (('cert', 'client.pem'), ('key', 'client.key'))
                for part in (name, os.path.join(folder, file))]

    def by_cli(folder, expect):
        shown = [part if i % 2 else f'--client-{part}' for i, part in enumerate(showing(folder))] \
            if folder else []
        return env.ipam('network', 'list', '--server', server.url, '--ca-cert', ca, *shown,
                        expect=expect).stderr

    def by_curl(folder):
        shown = [part if i % 2 else f'--{part}' for i, part in enumerate(showing(folder))] \
            if folder else []
        return curl('--cacert', ca, *shown, f'{server.url}/api/v1/health')[0]

    by_cli(certificates, 0)
    check('give one with --client-cert' in by_cli(None, 3), 'no advice')
    check('does not trust the certificate of --client-cert' in by_cli(foreign, 3), 'no advice')
    check_equal(by_curl(certificates), 0, 'curl with a certificate')
    check(by_curl(None) != 0, 'curl without a certificate was let in')
    check(by_curl(foreign) != 0, 'curl with a certificate of another CA was let in')
    check_equal(server.process.stop(), 0, 'exit code')


@test()
def sighup_reads_the_certificate_anew(env):
    certificates, renewed = make_certificates(env, 'certs'), make_certificates(env, 'renewed')
    server = Server(env, certificates)
    kept = server.connection()
    server.get('/health', kept)
    watch = env.start('watch', ['./ipam', 'watch', '--server', server.url, '--ca-cert', server.ca])
    wait_until('the watch has begun', lambda: b'\nipam_watchers 1\n' in server.get('/metrics'))

    # A key that is of another certificate: all stays as it is.
    def install(name):
        with open(os.path.join(renewed, name), 'rb') as source:
            content = source.read()
        with open(os.path.join(certificates, name), 'wb') as target:
            target.write(content)

    old_ca = env.path('old-ca.pem')
    with open(server.ca, 'rb') as source, open(old_ca, 'wb') as target:
        target.write(source.read())
    install('server.key')
    server.hang_up(1)
    check('the certificate stays the one it was' in server.process.log(), server.process.log())
    server.get('/health')
    server.get('/health', kept)

    install('server.pem')
    server.hang_up(2)
    server.get('/health', kept)  # the connection from before goes on
    fresh = server.connection(os.path.join(renewed, 'ca.pem'))
    server.get('/health', fresh)
    try:
        server.get('/health', server.connection(old_ca))
        raise AssertionError('the old CA is still good for a new connection')
    except ssl.SSLCertVerificationError:
        pass
    # The fingerprint that the CLI finds in the directory is the new one.
    env.ipam('network', 'add', '10.0.0.0/24', '--db', server.data)
    wait_until('the watch from before shows the network', lambda: '10.0.0.0/24' in watch.log())
    check_equal(server.process.stop(), 0, 'exit code')


@test()
def sighup_without_tls_is_logged(env):
    port, data = free_port(), env.path('data')
    process = env.start('server', ['./ipam', 'server', '--host', '127.0.0.1', '--port', str(port),
                                   '--db', data])
    wait_until('the server serves', lambda: ' serves ' in process.log())
    process.popen.send_signal(signal.SIGHUP)
    wait_until('SIGHUP was seen', lambda: 'SIGHUP: HTTP has no certificate' in process.log())
    env.ipam('network', 'list', '--db', data)
    check_equal(process.stop(), 0, 'exit code')


@test(seconds_max=240)
def a_cluster_takes_tls_from_cluster_json(env):
    certificates = make_certificates(env, 'certs')
    cluster = Cluster(env).form()
    for node in cluster.nodes:
        with open(node.config, encoding='ascii') as file:
            config = json.load(file)
        relative = os.path.relpath(certificates, node.directory)
        config['tls_cert'] = os.path.join(relative, 'server.pem')
        config['tls_key'] = os.path.join(relative, 'server.key')
        with open(node.config, 'w', encoding='ascii') as file:
            json.dump(config, file)
        node.start()
    for node in cluster.nodes:
        wait_until('the node serves', lambda n=node: f' serves https://127.0.0.1:{n.http_port}'
                   in n.process.log())
    ca = os.path.join(certificates, 'ca.pem')
    one, two, three = cluster.nodes
    wait_until('there is a leader', lambda: env.ipam(
        'network', 'add', '10.0.0.0/24', '--cluster', '--db', one.directory,
        expect=None).returncode == 0)
    for node in (two, three):
        said = env.ipam('network', 'list', '--server', f'https://localhost:{node.http_port}',
                        '--ca-cert', ca).stdout
        check('10.0.0.0/24' in said, said)
    env.ipam('cluster', 'status', '--config', three.config)
    for node in cluster.nodes:
        check_equal(node.process.stop(), 0, 'exit code')
