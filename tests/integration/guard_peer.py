#!/usr/bin/python3
"""What stands at the ends of the guard's networks: `serve ADDRESS...` is the metadata service;
`ask USER`, `hold USER ADDRESS...` and `keep-asking USER ADDRESS...` would have its secret. What
they get is told apart, so that no other failure passes for the guard's refusal: see FAILURES."""
import contextlib
import errno
import json
import os
import pwd
import select
import signal
import socket
import sys
import threading
import time

PORT = 80
PATIENCE = 2.0
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret"
QUESTION = b"GET / HTTP/1.1\r\nHost: metadata\r\n\r\n"
# A TCP reset or ICMP's port unreachable, as the guard's rules give: `refused`, and `cut` where
# there was a connection. The others are no work of the guard's.
FAILURES = {
    errno.ECONNREFUSED: "refused", errno.ECONNRESET: "cut", errno.EPIPE: "cut",
    errno.EACCES: "prohibited", errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable", errno.EADDRNOTAVAIL: "unreachable"}


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


# ---- the service ----


def serve_connection(connection):
    with connection, contextlib.suppress(OSError):
        while connection.recv(4096):
            connection.sendall(ANSWER)


def serve_stream(listener):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve_connection, args=(connection,), daemon=True).start()


def serve_datagrams(datagrams):
    while True:
        _, sender = datagrams.recvfrom(4096)
        datagrams.sendto(ANSWER, sender)


def serve(addresses):
    for address in addresses:
        stream = socket.create_server((address, PORT), family=family(address), backlog=64)
        datagrams = socket.socket(family(address), socket.SOCK_DGRAM)
        datagrams.bind((address, PORT))
        for act, end in ((serve_stream, stream), (serve_datagrams, datagrams)):
            threading.Thread(target=act, args=(end,), daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()


# ---- those who ask ----


def become(name):
    user = pwd.getpwnam(name)
    if user.pw_uid != 0:
        os.setgroups([])
        os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
        os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)


def outcome(act):
    """What came of it in a word: `answer`, `silence`, or one of FAILURES."""
    try:
        act()
        return "answer"
    except TimeoutError:
        return "silence"
    except OSError as error:
        if error.errno not in FAILURES:
            raise
        return FAILURES[error.errno]


def exchange(end):
    # The host's own datagrams fail at once with EPERM, dropped or rejected; if rejected, ICMP
    # says so too.
    with contextlib.suppress(PermissionError):
        end.sendall(QUESTION)
    said = end.recv(4096)
    assert b"secret" in said, said


def ask_one(end, address):
    def connect_and_exchange():
        end.connect((address, PORT))
        exchange(end)

    start = time.monotonic()
    with end:
        end.settimeout(PATIENCE)
        return outcome(connect_and_exchange), time.monotonic() - start


KINDS = {"tcp": socket.SOCK_STREAM, "passed": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


def ask(user):
    """Reads [[kind, address], ...], writes [[what came of it, in how many seconds], ...].
    A socket that is `passed` was made before the process became the user."""
    questions = json.loads(sys.stdin.read())
    passed = [socket.socket(family(address), KINDS[kind]) if kind == "passed" else None
              for kind, address in questions]
    become(user)
    print(json.dumps([ask_one(end or socket.socket(family(address), KINDS[kind]), address)
                      for end, (kind, address) in zip(passed, questions)]))


def hold(user, addresses):
    """Connects and has an answer, and for each line of input asks again, over the same
    connections."""
    become(user)
    ends = [socket.create_connection((address, PORT), PATIENCE) for address in addresses]
    while True:
        print(json.dumps([outcome(lambda end=end: exchange(end)) for end in ends]), flush=True)
        if not select.select([sys.stdin], [], [])[0] or not sys.stdin.readline():
            return


def keep_asking(user, addresses):
    """Writes, for ever, when it began to ask, in microseconds, whom, and what came of it."""
    become(user)

    def ask_on(address):
        while True:
            start = time.monotonic()
            end = socket.socket(family(address), socket.SOCK_STREAM)
            said, _ = ask_one(end, address)
            print(f"{start * 1e6:.0f} {address} {said}\n", end="", flush=True)
            time.sleep(0.005)

    for address in addresses:
        threading.Thread(target=ask_on, args=(address,), daemon=True).start()
    signal.pause()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2:])
    elif sys.argv[1] == "ask":
        ask(sys.argv[2])
    elif sys.argv[1] == "keep-asking":
        keep_asking(sys.argv[2], sys.argv[3:])
    else:
        hold(sys.argv[2], sys.argv[3:])
