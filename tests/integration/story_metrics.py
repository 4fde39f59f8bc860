#!/usr/bin/python3
"""What `status --format prometheus` counts is what was done, in a form that Prometheus takes."""
import json
import os
import signal
import subprocess
import time

import exposition
from story import Daemon, Place, build_folder, ed25519_key, ended, free_user, wait_until

POLICY = """\
cluster example.com
permit user ssh-user ttl 1h key-id * principals deploy
permit user ssh-user ttl 1h key-id * principals rare rate 2/h
permit host ssh-host ttl 1h key-id * principals *.example.com
permit host x509-host ttl 1h subject *.example.com dns *.example.com
"""
USERS, HOSTS, RATED, TLS = 7, 3, 4, 5
SIGNED = USERS + HOSTS + 2 + TLS


def readme():
    here = os.path.dirname(os.path.realpath(__file__))
    with open(os.path.join(here, "..", "..", "README.md")) as file:
        return file.read()


def metrics(daemon):
    answer = daemon.cli("status", "--format", "prometheus")
    assert answer.returncode == 0 and answer.stderr == "", answer
    samples, types = exposition.read(answer.stdout)
    assert all(name.startswith("privyseal_") for name in types), types
    told = readme()
    untold = [name for name in types if f"`{name.removesuffix('_max')}" not in told]
    assert not untold, f"not in README.md: {untold}"
    return lambda name, **labels: exposition.value(samples, "privyseal_" + name, **labels)


def tls_key():
    key = subprocess.run(["openssl", "genpkey", "-algorithm", "ED25519"], capture_output=True,
                         check=True).stdout
    return subprocess.run(["openssl", "pkey", "-pubout"], input=key, capture_output=True,
                          check=True).stdout.decode()


def ask(daemon, key):
    with daemon.connect() as pipe:
        for _ in range(USERS):
            pipe.result("ssh-user", public_key=key, key_id="a", principals=["deploy"], ttl=60)
        for _ in range(HOSTS):
            pipe.result("ssh-host", public_key=key, principals=["a.example.com"], ttl=60)
        host = tls_key()
        for _ in range(TLS):
            pipe.result("x509-host", public_key=host, subject={"common_name": "a.example.com"},
                        dns=["a.example.com"], ttl=60)
        answers = [pipe.call("ssh-user", public_key=key, key_id="a", principals=["rare"], ttl=60)
                   for _ in range(RATED)]
        assert sum("result" in a for a in answers) == 2, answers
        # The worker's own check lets none of these come to the broker.
        for _ in range(5):
            pipe.error(-32001, "ssh-user", public_key=key, key_id="a", principals=["x"], ttl=60)


def check(value):
    user = {"ca": "user", "document": "ssh-user"}
    host = {"ca": "host", "document": "ssh-host"}
    store = {"key_type": "ssh", "store_type": "software"}
    tls = {"key_type": "tls", "store_type": "software"}
    for name in ("permits_total", "signatures_total"):
        assert value(name, **user) == USERS + 2, name
        assert value(name, **host) == HOSTS, name
        assert value(name, ca="host", document="x509-host") == TLS, name
    assert value("keystore_sign_requests_total", **store) == SIGNED - TLS
    assert value("keystore_sign_requests_total", **tls) == TLS
    assert value("keystore_sign_requests_error", **store) == 0
    assert value("keystore_key_create_requests_total", key_algorithm="Ed25519", **store) == 3
    assert value("keystore_key_create_requests_total", key_algorithm="ECDSAP256", **tls) >= 2
    assert value("ca_certificate_expiry_seconds", ca="host") > time.time() + 9 * 365 * 86400
    assert value("keystore_available", store_type="software") == 1
    assert value("unavailable_total", reason="rate") == RATED - 2
    assert value("unavailable_total", reason="keystore") == 0
    assert value("refusals_total", fact="principals") == 0
    assert value("sign_queue_seconds_count") == SIGNED
    assert value("sign_execution_seconds_count", store_type="software") == SIGNED
    assert 0 < value("sign_queue_seconds_sum") <= SIGNED * value("sign_queue_seconds_max")
    assert value("record_sync_seconds_count") > 0
    assert value("record_written_bytes_total") > 0
    assert value("record_writable") == 1 and value("ready") == 1
    assert value("alerts", severity="high") == 0
    assert value("requests_in_flight", socket="auth") == 0
    assert value("workers", socket="auth") == 1


def check_others(daemon):
    """The same numbers for people and programs; for nobody else."""
    report = json.loads(daemon.cli("status", "--format", "json").stdout)
    assert report["counters"]["signed"] == SIGNED, report["counters"]
    assert report["alerts"] == [], report["alerts"]
    text = daemon.cli("status").stdout
    assert f"{SIGNED} of {SIGNED} permitted" in text, text
    refused = daemon.cli("status", "--format", "prometheus", user=free_user())
    assert refused.returncode == 1 and "root" in refused.stderr, refused
    assert refused.stdout == "", refused.stdout
    assert daemon.cli("doctor", "--format", "prometheus").returncode == 2


def main():
    place = Place(policy=POLICY)
    with Daemon(build_folder(), place) as daemon:
        value = metrics(daemon)
        assert value("permits_total", ca="user", document="ssh-user") == 0
        started = value("start_time_seconds")
        ask(daemon, ed25519_key())
        # An answer may be out before its outcome is on disk; its count is not later.
        check(metrics(daemon))
        check_others(daemon)

        worker = daemon.processes()["worker"][0]
        os.kill(worker, signal.SIGKILL)
        wait_until("the worker's end", lambda: ended(worker))
        wait_until("its restart to be counted", lambda: metrics(daemon)(
            "worker_restarts_total", socket="auth") == 1)
        wait_until("the next one", lambda: metrics(daemon)("workers", socket="auth") == 1)
        check(metrics(daemon))  # which no worker's end and no reload takes away
        worker = daemon.processes()["worker"][0]
        os.kill(daemon.process.pid, signal.SIGHUP)
        wait_until("the reload", lambda: ended(worker))
        wait_until("the end of the old one", lambda: metrics(daemon)("workers", socket="auth") == 1)
        check(metrics(daemon))
        assert metrics(daemon)("worker_restarts_total", socket="auth") == 1
        assert metrics(daemon)("start_time_seconds") == started
    place.remove()


main()
