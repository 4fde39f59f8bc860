#!/usr/bin/python3
"""What stands at the ends of the guard's networks: `serve ADDRESS...` is the metadata
service, `ask USER` and `hold USER ADDRESS` are those who would have its secret."""
import contextlib
import errno
import json
import os
import pwd
import select
import socket
import sys
import threading
import time

PORT = 80
PATIENCE = 2.0
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret"
QUESTION = b"GET / HTTP/1.1\r\nHost: metadata\r\n\r\n"
REFUSED = (errno.ECONNREFUSED, errno.ECONNRESET, errno.EPERM, errno.EPIPE, errno.EACCES)


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


def exchange(end):
    """`answer`, `refused`, or `silence`."""
    try:
        end.sendall(QUESTION)
        return "answer" if b"secret" in end.recv(4096) else "refused"
    except TimeoutError:
        return "silence"
    except OSError as error:
        if error.errno in REFUSED:
            return "refused"
        raise


def ask_one(end, address):
    start = time.monotonic()
    with end:
        end.settimeout(PATIENCE)
        try:
            end.connect((address, PORT))
            said = exchange(end)
        except TimeoutError:
            said = "silence"
        except OSError as error:
            if error.errno not in REFUSED:
                raise
            said = "refused"
    return said, time.monotonic() - start


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
        print(json.dumps([exchange(end) for end in ends]), flush=True)
        if not select.select([sys.stdin], [], [])[0] or not sys.stdin.readline():
            return


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2:])
    elif sys.argv[1] == "ask":
        ask(sys.argv[2])
    else:
        hold(sys.argv[2], sys.argv[3:])
