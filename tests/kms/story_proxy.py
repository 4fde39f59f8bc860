#!/usr/bin/python3
"""AWS behind a proxy: where no name of AWS's can be looked up and nothing else leads there,
all that is said to it goes through `privyseal.proxy`, which sees TLS alone. Whatever the proxy
does instead, nothing goes another way, and it is believed nothing but what it passes on."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading

import kms_story
import rig
import story

PORT = 3128
NAMES = {b"kms.us-west-2.amazonaws.com:443", b"sts.us-west-2.amazonaws.com:443"}
PROXIED = f"privyseal:\n  proxy: http://127.0.0.1:{PORT}\n"
LONG_AGO = b"Date: Sun, 30 Aug 2015 12:36:00 GMT\r\nX-Amzn-RequestId: the-proxy\r\n"
REFUSALS = {
    "403 with a date": b"HTTP/1.1 403 Forbidden\r\n" + LONG_AGO + b"Content-Length: 0\r\n\r\n",
    "407": b"HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n",
    "302": b"HTTP/1.1 302 Go\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n",
    "no TLS": b"HTTP/1.1 200 OK\r\n" + LONG_AGO + b"\r\nHTTP/1.1 200 OK\r\n\r\n{}",
    "nonsense": b"\0\xff\r\n\r\n",
    "endless headers": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200000,
    "nothing": b"",
}


def alone():
    """Goes on in a network of its own, where the proxy's port is free."""
    if os.environ.get("STORY_ALONE"):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return
    os.environ["STORY_ALONE"] = "1"
    os.execvp("unshare", ["unshare", "--net", *sys.argv])


class Proxy:
    """Passes all on to the endpoints, whatever their names; or says the same to everybody."""

    def __init__(self, endpoints):
        self.endpoints = endpoints
        self.head = b"HTTP/1.1 200 OK\r\n\r\n"
        self.refusal = None
        self.asked = []
        self.not_tls = []
        self.tunnels = []
        self.listener = socket.create_server(("127.0.0.1", PORT))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        head = b""
        with client, contextlib.suppress(OSError):
            while b"\r\n\r\n" not in head:
                more = client.recv(4096)
                if not more:
                    return
                head += more
            self.asked.append(head)
            if self.refusal is not None:
                client.sendall(self.refusal)
                return
            server = socket.create_connection(("127.0.0.1", self.endpoints.port))
            self.tunnels += [client, server]
            client.sendall(self.head)
            threading.Thread(target=self._pump, args=(server, client), daemon=True).start()
            self._pump(client, server, first=True)

    def _pump(self, source, sink, first=False):
        with contextlib.suppress(OSError):
            while True:
                piece = source.recv(65536)
                if first and piece[:1] != b"\x16":
                    self.not_tls.append(piece)
                first = False
                if not piece:
                    break
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)

    def refuse(self, answer):
        """From now on; who has come through already must come again."""
        self.refusal = answer
        for end in self.tunnels:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self.tunnels = []


def environment(endpoints):
    """AWS's own endpoints, which only the proxy knows the way to."""
    variables = {**story.clean_environment(), **endpoints.environment()}
    del variables["AWS_ENDPOINT_URL"]
    return variables


def sign(pipe):
    return pipe.call("ssh-user", public_key=story.ed25519_key(), key_id="alice",
                     principals=["alice"], ttl="1h")


def check_refusals(proxy, pipe, daemon):
    for what, answer in REFUSALS.items():
        proxy.refuse(answer)
        refused = sign(pipe)
        assert "error" in refused, (what, refused)
        assert "clock" not in refused["error"]["message"], (what, refused)
        proxy.refuse(None)
        story.wait_until(f"a signature after {what}", lambda: "result" in sign(pipe))
    assert "clock" not in daemon.logged(), "the proxy's date was believed"
    print(f"proxy: {', '.join(REFUSALS)}: refused, and well again after it")


def check_all_goes_through(build, endpoints, proxy):
    where = kms_story.place(kms_story.CONFIG + PROXIED)
    proxy.head = b"HTTP/1.1 200 OK\r\n" + LONG_AGO + b"\r\n"
    with story.Daemon(build, where, environment=environment(endpoints)) as daemon:
        with daemon.connect() as pipe:
            assert "result" in sign(pipe)
            check_refusals(proxy, pipe, daemon)
    outcomes = [e for e in where.record() if e["event"] == "outcome"]
    assert all(e.get("kms_request_id") != "the-proxy" for e in outcomes), outcomes
    where.remove()
    assert {head.split()[1] for head in proxy.asked} == NAMES, proxy.asked
    assert not any(b"AWS" in head or b"rivyseal" in head for head in proxy.asked), proxy.asked
    assert not proxy.not_tls, proxy.not_tls
    print("proxy: started and signed without a resolver; it saw two names, and TLS")


def check_nothing_goes_beside(build, endpoints, proxy):
    """The endpoints are within reach this time."""
    before = len(endpoints.log())
    proxy.refuse(REFUSALS["407"])
    where = kms_story.place(kms_story.CONFIG + PROXIED)
    daemon = kms_story.daemon(build, where, endpoints)
    daemon.start_unready()
    try:
        assert daemon.process.wait(story.DEADLINE) == 1
    finally:
        daemon.kill()
    assert "407" in daemon.logged(), daemon.logged()
    assert len(endpoints.log()) == before, "somebody got past the proxy"
    where.remove()
    print("proxy: one that refuses is not passed by")


def check_sighup_takes_it(build, endpoints, proxy):
    """With a policy that is refused the config's proxy isn't taken either."""
    proxy.endpoints = endpoints
    proxy.refuse(None)
    proxy.head = b"HTTP/1.1 200 OK\r\n\r\n"
    proxy.asked = []
    where = kms_story.place()
    with kms_story.daemon(build, where, endpoints) as daemon:
        def reload(policy, said):
            where.write("policy.conf", policy)
            os.kill(daemon.process.pid, signal.SIGHUP)
            story.wait_until(said, lambda: said in daemon.logged())
            with daemon.connect() as pipe:
                assert "result" in sign(pipe)
        where.write("privyseal.yaml", kms_story.CONFIG + PROXIED)
        reload(kms_story.POLICY.replace("us-west-2", "us-west-1"), "reload refused")
        assert not proxy.asked, proxy.asked
        reload(kms_story.POLICY, "generation 3 serves")
        assert proxy.asked, "the proxy is passed by"
    where.remove()
    print("proxy: taken at SIGHUP, with the policy or not at all")


def check_names(build, endpoints, proxy):
    """Each service's own variable goes before the common one; what the others make of it."""
    kms, sts = "https://kms.example:444", "https://sts.example:445"
    fips, dual = {"AWS_USE_FIPS_ENDPOINT": "true"}, {"AWS_USE_DUALSTACK_ENDPOINT": "true"}
    for variables, host in (
            ({"AWS_ENDPOINT_URL": kms, "AWS_ENDPOINT_URL_STS": sts}, b"sts.example:445"),
            ({"AWS_ENDPOINT_URL": sts, "AWS_ENDPOINT_URL_KMS": kms}, b"sts.example:445"),
            ({"AWS_ENDPOINT_URL_KMS": kms}, b"sts.us-west-2.amazonaws.com:443"),
            ({"AWS_ENDPOINT_URL": kms, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
             b"sts.us-west-2.amazonaws.com:443"),
            (fips, b"sts-fips.us-west-2.amazonaws.com:443"),
            (dual, b"sts.us-west-2.api.aws:443"),
            ({**fips, **dual}, b"sts-fips.us-west-2.api.aws:443")):
        proxy.asked = []
        where = kms_story.place(kms_story.CONFIG + PROXIED)
        daemon = story.Daemon(build, where, environment={**environment(endpoints), **variables})
        daemon.start_unready()
        try:
            assert daemon.process.wait(story.DEADLINE) == 1
        finally:
            daemon.kill()
        assert {head.split()[1] for head in proxy.asked} == {host}, (variables, proxy.asked)
        where.remove()
    print("proxy: asked for the names that the variables give")


def check_port(build, endpoints):
    """Others than a proxy's usual ones are closed by the seal."""
    where = kms_story.place(kms_story.CONFIG + PROXIED.replace(str(PORT), "9999"))
    daemon = kms_story.daemon(build, where, endpoints)
    daemon.start_unready()
    try:
        assert daemon.process.wait(story.DEADLINE) == 1
    finally:
        daemon.kill()
    assert "with the port 3128 or 8080" in daemon.logged(), daemon.logged()
    where.remove()


def main():
    alone()
    build = story.build_folder()
    with rig.endpoints() as endpoints:
        proxy = Proxy(endpoints)
        check_all_goes_through(build, endpoints, proxy)
        check_nothing_goes_beside(build, endpoints, proxy)
        check_names(build, endpoints, proxy)
        check_port(build, endpoints)
    with rig.endpoints() as endpoints:
        check_sighup_takes_it(build, endpoints, proxy)


main()
