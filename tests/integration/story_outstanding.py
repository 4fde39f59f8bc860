#!/usr/bin/python3
"""256 requests of one connection may be outstanding whatever their answers' size: while the
broker stands still they wait, one more is refused at once, and who reads late has all its
answers. Many who ask for much wait for each other; who never reads costs only itself."""
import contextlib
import json
import os
import selectors
import signal
import subprocess
import time

from story import (CONFIG, DEADLINE, POLICY, Daemon, Place, build_folder, ed25519_key, own_memory,
                   wait_until)

MOST = 256
IN_FLIGHT = 200  # so many are sent to the broker at once
MEBIBYTE = 1 << 20
LIMITS = "privyseal:\n  deadline: 60s\n"
RULES = """\
permit user  x509-user  ttl 8h  subject *  roles *  principals *  traits *  rate 1000000/s
permit host  x509-host  ttl 8h  subject *  roles *  units *  dns *.example.com  rate 1000000/s
permit user  ssh-user   ttl 8h  key-id *  principals *  extensions permit-pty  roles *  traits *
"""


def tls_key():
    key = subprocess.run(["openssl", "genpkey", "-algorithm", "ED25519"], check=True,
                         capture_output=True).stdout
    return subprocess.run(["openssl", "pkey", "-pubout"], input=key, check=True,
                          capture_output=True).stdout.decode()


def names(count, length):
    return [f"{number:03}".ljust(length, "n") for number in range(count)]


def largest_x509(pipe, key):
    """As many names as one line of the record can hold, and short ones around which X.509
    puts most."""
    def params(length):
        return {"public_key": key, "ttl": 600,
                "subject": {"common_name": "a", "organization": names(255, 3),
                            "organizational_unit": names(255, 3)},
                "dns": [name + ".example.com" for name in names(200, length)]}
    return grown(pipe, "x509-host", params)


def largest_user(pipe, ssh, tls):
    def params(length):
        return {"ssh_public_key": ssh, "tls_public_key": tls, "username": "a", "ttl": 600,
                "principals": names(255, 3), "roles": names(200, 4),
                "traits": {"t": names(length, 60)}}
    return grown(pipe, "user", params)


def grown(pipe, method, params):
    """The params of the greatest size that is still permitted, and the answer's length."""
    least, most = 3, 250
    while least < most:
        middle = (least + most + 1) // 2
        if "result" in pipe.call(method, **params(middle)):
            least = middle
        else:
            most = middle - 1
    size = len(json.dumps(pipe.result(method, **params(least))))
    return params(least), size


def line_of(method, params):
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()


def memory(processes):
    """What they take together, shared pages counted once; in bytes."""
    total = 0
    for pid in sum(processes.values(), []):
        with open(f"/proc/{pid}/smaps_rollup") as rollup:
            total += next(int(line.split()[1]) for line in rollup
                          if line.startswith("Pss:")) * 1024
    return total


def signed(daemon):
    return daemon.admin_report()["counters"]["signed"]


@contextlib.contextmanager
def standing_still(daemon):
    broker, = daemon.processes()["broker"]
    os.kill(broker, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(broker, signal.SIGCONT)


def check_256(daemon, method, params, documents):
    with daemon.connect() as pipe:
        before = signed(daemon)
        with standing_still(daemon):
            for _ in range(MOST + 1):
                pipe.send(method, **params)
            error = pipe.receive()
            assert error["error"]["code"] == -32005 and error["id"] == MOST + 1, error
        if documents > 0:  # it reads late
            wait_until("all signatures", lambda: signed(daemon) == before + documents * MOST)
        answers = [pipe.receive() for _ in range(MOST)]
        assert all("result" in answer for answer in answers), answers
        assert {answer["id"] for answer in answers} == set(range(1, MOST + 1))
        pipe.result("ping")


class Client:
    """Sends its lines as far as they are taken, and counts the answers that it reads."""

    def __init__(self, daemon, line, count):
        self.pipe = daemon.connect()
        self.connection = self.pipe.connection
        self.connection.setblocking(False)
        self.left = memoryview((line + b"\n") * count)
        self.answered = self.refused = 0

    def send(self):
        with contextlib.suppress(BlockingIOError):
            while len(self.left) > 0:
                self.left = self.left[self.connection.send(self.left[:1 << 16]):]

    def receive(self):
        got = self.connection.recv(1 << 16)
        assert got, "it was cut off"
        self.answered += got.count(b"\n")
        self.refused += got.count(b'"error"')


def send_until_none_is_taken(clients):
    """Until nobody's lines have been taken for half a second."""
    last, since = None, time.monotonic()
    while time.monotonic() - since < 0.5:
        for client in clients:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                client.send()
        left = sum(len(client.left) for client in clients)
        if left != last:
            last, since = left, time.monotonic()
        time.sleep(0.01)


def finish(clients, count, processes):
    """Until all have their answers; the most memory that was seen to be taken."""
    end, most = time.monotonic() + 120, 0
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.connection, selectors.EVENT_READ | selectors.EVENT_WRITE,
                              client)
        while selector.get_map():
            assert time.monotonic() < end, [client.answered for client in clients]
            most = max(most, memory(processes))
            for key, events in selector.select(1):
                if events & selectors.EVENT_WRITE:
                    key.data.send()
                    if len(key.data.left) == 0:
                        selector.modify(key.fileobj, selectors.EVENT_READ, key.data)
                if events & selectors.EVENT_READ:
                    key.data.receive()
                if key.data.answered == count:
                    selector.unregister(key.fileobj)
    return most


def check_many(daemon, line):
    """64 connections, each with far more under way than its share of memory."""
    count, processes = 32, daemon.processes()
    with contextlib.ExitStack() as stack:
        with standing_still(daemon):
            clients = [Client(daemon, line, count) for _ in range(64)]
            for client in clients:
                stack.callback(client.pipe.close)
            send_until_none_is_taken(clients)
        still = memory(processes)
        began = time.monotonic()
        most = finish(clients, count, processes)
        took = time.monotonic() - began
        assert all(client.answered == count and client.refused == 0 for client in clients)
    print(f"64 connections: {still / MEBIBYTE:.1f} MiB of all processes with the broker "
          f"standing still, then at most {most / MEBIBYTE:.1f}; {64 * count / took:.0f}/s")
    assert max(still, most) <= 32 * MEBIBYTE, (still, most)


def check_who_is_gone(daemon, params):
    """What a crowd asked keeps nobody out once it is gone, but for what the broker has."""
    def ask(pipe):
        for _ in range(MOST):
            pipe.send("ssh-user", **params)
        pipe.send("ping")
        refused = 0
        while "result" not in (answer := pipe.receive()):
            assert answer["error"]["code"] == -32005, answer
            refused += 1
        return refused

    before = signed(daemon)
    with daemon.connect() as pipe:
        with standing_still(daemon):
            with contextlib.ExitStack() as stack:
                refused = [ask(stack.enter_context(daemon.connect())) for _ in range(40)]
                assert refused[-1] > 0, refused
            pipe.result("ping")  # by now it has seen them go
            assert ask(pipe) == 0
        assert all("result" in pipe.receive() for _ in range(MOST))
    assert signed(daemon) - before <= MOST + IN_FLIGHT, signed(daemon) - before


def check_who_never_reads(daemon, line, key):
    worker, = daemon.processes()["worker"]
    with contextlib.ExitStack() as stack:
        clients = [Client(daemon, line, MOST) for _ in range(100)]
        for client in clients:
            stack.callback(client.pipe.close)
        # Two take what one may have, one after the other; the rest what is kept for those
        # who have little.
        send_until_none_is_taken(clients[:1])
        send_until_none_is_taken(clients[1:2])
        send_until_none_is_taken(clients[2:])
        reader = stack.enter_context(daemon.connect())
        began = time.monotonic()
        for number in range(MOST):
            reader.send("ssh-user", public_key=key, key_id="a", principals=["deploy"], ttl=60)
        for number in range(MOST):
            assert "result" in reader.receive(), number
        took = time.monotonic() - began
        print(f"{MOST} certificates in {took:.3f} s beside 100 who do not read; the worker has "
              f"{own_memory(worker) / MEBIBYTE:.1f} MiB")
        assert took < 10, took
        assert own_memory(worker) < 40 * MEBIBYTE, own_memory(worker)
        assert daemon.processes()["worker"] == [worker]
    wait_until("the line that tells it", lambda: "cut off" in daemon.logged())


def main():
    place = Place(CONFIG + LIMITS, POLICY + RULES)
    ssh, tls = ed25519_key(), tls_key()
    with Daemon(build_folder(), place) as daemon:
        with daemon.connect() as pipe:
            x509, x509_size = largest_x509(pipe, tls)
            user, user_size = largest_user(pipe, ssh, tls)
            print(f"the largest answers: x509-host {x509_size} bytes, user {user_size}")
            assert x509_size > 25000 and user_size > 38000
        check_256(daemon, "x509-host", x509, 1)
        check_256(daemon, "user", user, 2)
        check_256(daemon, "authorities", {}, 0)
        check_who_is_gone(daemon, {"public_key": ssh, "key_id": "a", "principals": ["deploy"],
                                   "ttl": 60})
        check_many(daemon, line_of("x509-host", x509))
        check_who_never_reads(daemon, line_of("user", user), ssh)
    place.remove()


main()
