#!/usr/bin/python3
"""Whoever stands at the endpoint's address with its certificate, and answers a Sign with what
is no answer: nobody gets a certificate by it, the same broker goes on in the memory and the
time that it had, and the next honest answer is taken."""

import contextlib
import gzip
import json
import os
import socket
import ssl
import threading
import time

import kms_story
import rig
import story

AT_ONCE = 8
STOPS = {"a date in another age"}
MEMORY = 24 * 1024 * 1024  # bytes that the broker may grow by, all rows together
BUSY = 3.0  # seconds of its processor time for a row
JSON = b"Content-Type: application/x-amz-json-1.1\r\n"
ARN = b"<the key that was asked for>"


def whole(body, fields=JSON, status=b"200 OK"):
    return b"HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s" % (status, fields, len(body), body)


def signature(text, rest=b""):
    body = (b'{"KeyId":"%s","SigningAlgorithm":"ECDSA_SHA_256","Signature":%s%s}'
            % (ARN, text, rest))
    return b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body


# What is said, and how often, if not once.
ROWS = {
    "a body of a gigabyte": (b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n"
                             + b" " * 65536, 16384),
    "a body without length or end": (b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 65536, 16384),
    "headers without end": (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10000, 1000),
    "one header without end": (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 65536, 1000),
    "continue, continue": (b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, 10000),
    "chunks of nothing": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                          + b"1;" + b"x" * 60000 + b"\r\n \r\n", 1000),
    "a chunk beyond all numbers": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                   b"ffffffffffffffffffff\r\n{}\r\n0\r\n\r\n", 1),
    "trailers without end": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                             b"0\r\n" + b"Date: x\r\n" * 10000, 1000),
    "a length below zero": (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}", 1),
    "two lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 9\r\n\r\n{}", 1),
    "a bomb": (whole(gzip.compress(b" " * 50000000), b"Content-Encoding: gzip\r\n"), 1),
    "a bomb on the way": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"
                          + gzip.compress(b" " * 50000000), 1),
    "a redirect": (whole(b"", b"Location: https://127.0.0.1:1/\r\n", b"307 Go"), 1),
    "no head": (b"{}\r\n\r\n", 1),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(64), 1),
    "an upgrade": (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n"
                   b"Connection: Upgrade\r\n\r\n{}", 1),
    "depth": (whole(b"[" * 200000), 1),
    "depth in an object": (whole(b'{"a":' * 40000), 1),
    "a hundred thousand members": (whole(b"{" + b'"a":0,' * 40000 + b'"a":0}'), 1),
    "a million numbers": (whole(b"[" + b"0," * 120000 + b"0]"), 1),
    "NULs": (whole(bytes(1000)), 1),
    "a NUL in a name": (whole(b'{"KeyId\\u0000":"x"}'), 1),
    "a signature that is a number": (signature(b"1e999"), 1),
    "a signature that is a list": (signature(b'["AAAA"]'), 1),
    "a signature of megabytes": (signature(b'"' + b"A" * 200000 + b'"'), 1),
    "a signature twice": (signature(b'"AAAA"', b',"Signature":"AAAA"'), 1),
    "a signature of blanks": (signature(b'"    "'), 1),
    "a signature of padding": (signature(b'"AAAA===="'), 1),
    "a signature of zeros": (signature(b'"' + b"A" * 96 + b'"'), 1),
    "an error of depth": (whole(b"[" * 200000, status=b"400 Bad"), 1),
    "an error that is a list": (whole(b'{"__type":[1],"message":{}}', status=b"400 Bad"), 1),
    "an error with escapes": (whole(b'{"__type":"\\u001b[31m","message":"\\u0007\\u009b"}',
                                    status=b"400 Bad"), 1),
    "a date in another age": (whole(b"{}", b"Date: Fri, 31 Dec 9999 23:59:59 GMT\r\n"), 1),
    "an answer before the question": (whole(b"{}") * 100, 1),
}


class Front:
    """Passes requests on to the endpoints; answers Sign by itself when it is told to."""

    def __init__(self, endpoints):
        self.endpoints = endpoints
        self.says = None
        self.struck = 0
        folder = endpoints.folder
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(os.path.join(folder, "server.pem"))
        self.client = ssl.create_default_context(cafile=endpoints.ca)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def environment(self, **credentials):
        return {**self.endpoints.environment(**credentials),
                "AWS_ENDPOINT_URL": f"https://localhost:{self.port}"}

    def _accept(self):
        while True:
            plain, _ = self.listener.accept()
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain):
        with contextlib.suppress(OSError), self.server.wrap_socket(plain, True) as tls:
            tls.settimeout(10)
            behind = self.client.wrap_socket(
                socket.create_connection(("127.0.0.1", self.endpoints.port)),
                server_hostname="localhost")
            with behind:
                while request := self._whole(tls):
                    if self.says and b"TrentService.Sign\r" in request \
                            and b"DryRun" not in request:
                        piece, times = self.says
                        self.struck += 1
                        for _ in range(times):
                            tls.sendall(piece)
                        return
                    # The signature covers the front's own name.
                    behind.sendall(request)
                    tls.sendall(self._whole(behind))

    @staticmethod
    def _whole(tls):
        text = b""
        while b"\r\n\r\n" not in text:
            more = tls.recv(65536)
            if not more:
                return b""
            text += more
        head, _, body = text.partition(b"\r\n\r\n")
        length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n")
                       if line.lower().startswith(b"content-length:")), 0)
        while len(body) < length:
            body += tls.recv(65536)
        return head + b"\r\n\r\n" + body


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ask(pipe, key, count):
    numbers = {pipe.send("ssh-user", public_key=key, key_id="alice", principals=["alice"],
                         ttl="1h") for _ in range(count)}
    answers = [pipe.receive() for _ in numbers]
    assert {answer["id"] for answer in answers} == numbers
    return answers


def main():
    build = story.build_folder()
    key = story.ed25519_key()
    with rig.endpoints() as endpoints:
        front = Front(endpoints)
        where = kms_story.place()
        with kms_story.daemon(build, where, front) as daemon, daemon.connect() as pipe:
            broker, = (pid for role, (pid, *_) in daemon.processes().items()
                       if role.endswith("broker"))
            assert all("result" in answer for answer in ask(pipe, key, 64))
            asked = kms_story.state_keys(where)["user", "ssh"].removeprefix("awskms:").encode()
            before = story.own_memory(broker)
            for name, row in ROWS.items():
                began, busy = time.monotonic(), processor_seconds(broker)
                front.says, front.struck = (row[0].replace(ARN, asked), row[1]), 0
                answers = ask(pipe, key, AT_ONCE)
                front.says = None
                # A clock that is far off stops what has not been sent yet.
                assert front.struck >= (1 if name in STOPS else AT_ONCE), name
                assert all("error" in answer for answer in answers), (name, answers)
                busy = processor_seconds(broker) - busy
                print(f"{name:35} {time.monotonic() - began:5.1f} s, busy {busy:4.2f} s: "
                      f"{json.dumps(answers[0]['error']['message'])[:70]}", flush=True)
                story.wait_until(f"a signature after {name}",
                                 lambda: "result" in ask(pipe, key, 1)[0])
                assert busy < BUSY, (name, busy)
            grown = story.own_memory(broker) - before
            print(f"the broker has grown by {grown // 1024} KiB")
            assert grown < MEMORY, grown
            assert daemon.processes()["worker"], "no worker is left"
        bad = [line for line in daemon.logged().encode(errors="replace").split(b"\n")
               if any(byte < 32 and byte != 9 for byte in line)]
        assert not bad, bad[:3]
        outcomes = {}
        for entry in where.record():
            if entry["event"] == "outcome":
                outcomes[entry["outcome"]] = outcomes.get(entry["outcome"], 0) + 1
        permits = sum(entry["event"] == "sign" for entry in where.record())
        assert sum(outcomes.values()) >= permits, (permits, outcomes)
        print(outcomes)
        where.remove()


main()
