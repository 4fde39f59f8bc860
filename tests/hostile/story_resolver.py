#!/usr/bin/python3
"""Whoever owns the resolver can keep us from AWS and nothing else: an impostor at a wrong
address sees no request, what is no answer costs the resolver its life, and the broker
waits for a better one."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "kms"))

import kms_story  # noqa: E402
import rig  # noqa: E402
import story  # noqa: E402

MODES = {  # how it lies: what the log says of it, and how often at least
    "garbage": ("the resolver answers what are no addresses", 3),
    "oversized": ("the resolver oversized frame", 3),
    "flood": ("the resolver answers what it was not asked", 1),
}


class Impostor:
    """A TLS server on 127.0.0.2 with a certificate for the right name from a wrong CA."""

    def __init__(self, port):
        self.folder = tempfile.mkdtemp(prefix="privyseal-impostor.")
        pem = os.path.join(self.folder, "pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=DNS:localhost", "-keyout", pem, "-out", pem + ".crt"],
            check=True, capture_output=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(pem + ".crt", pem)
        self.listener = socket.create_server(("127.0.0.2", port))
        self.refused, self.heard = 0, b""
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            try:
                with self.context.wrap_socket(connection, server_side=True) as tls:
                    self.heard += tls.recv(65536)
            except OSError:
                self.refused += 1

    def stop(self):
        self.listener.close()
        shutil.rmtree(self.folder)


def lying(build, endpoints, mode, done):
    """Runs a daemon whose resolver lies in that way until `done` says it was enough."""
    with open(build + "/privyseal-resolver.mode", "w") as file:
        file.write(mode)
    where = kms_story.place()
    environment = story.clean_environment()
    environment.update(endpoints.environment())
    environment["AWS_ENDPOINT_URL"] = f"https://localhost:{endpoints.port}"
    daemon = story.Daemon(build, where, environment=environment)
    daemon.start_unready()
    try:
        story.wait_until(mode, lambda: daemon.process.poll() is not None or
                         done(daemon.logged()))
        log = daemon.logged()
        assert not re.search(r"SIGSYS|SIGSEGV|SIGABRT", log), log
        assert "privyseald is ready" not in log, log
    finally:
        daemon.kill()
    where.remove()
    return log


def main():
    build = story.build_folder() + "/hostile-resolver"
    with rig.endpoints() as endpoints:
        for mode, (said, least) in MODES.items():
            log = lying(build, endpoints, mode,
                        lambda log, said=said, least=least: log.count(said) >= least)
            assert log.count(said) >= least, log
            print(f"{mode}: replaced {log.count(said)} times")
        impostor = Impostor(endpoints.port)
        log = lying(build, endpoints, "wrong", lambda log: impostor.refused >= 2)
        assert impostor.refused >= 2 and impostor.heard == b"", (impostor.heard, log)
        impostor.stop()
        print(f"wrong: {impostor.refused} handshakes broken off, no request made")
        assert not [e for e in endpoints.log() if "operation" in e], "a call was made"


main()
