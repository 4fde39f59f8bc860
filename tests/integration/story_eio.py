#!/usr/bin/python3
"""A disk that fails once stops signing for good: what a failed fsync has lost nobody knows.
A restart finds the record whole and signs again."""
import re
import signal
import subprocess

from story import DEADLINE, Daemon, Place, build_folder, ed25519_key, wait_until

PARAMS = {"key_id": "a", "principals": ["deploy"], "ttl": 600}


class Fault:
    """One system call of a process fails, from outside. The broker's filter would end it
    for a call that is none, so a harmless one takes its place."""

    def __init__(self, pid, call, error, log):
        self.log = log
        self.tracer = subprocess.Popen(
            ["strace", "-p", str(pid), "-o", log, "-e", f"trace={call}",
             "-e", f"inject={call}:error={error}:when=1:syscall=getpid"],
            stderr=subprocess.PIPE, text=True)
        while "attached" not in self.tracer.stderr.readline():
            assert self.tracer.poll() is None, "strace could not attach"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tracer.send_signal(signal.SIGINT)
        self.tracer.wait(timeout=DEADLINE)
        with open(self.log) as log:
            assert "INJECTED" in log.read(), "the fault never came"


def fails(build, call, error):
    place, key = Place(), ed25519_key()
    with Daemon(build, place) as daemon:
        broker = daemon.processes()["broker"][0]
        with daemon.connect() as pipe:
            pipe.result("ssh-user", public_key=key, **PARAMS)
            with Fault(broker, call, error, place.path + "/strace"):
                answer = pipe.error(-32006, "ssh-user", public_key=key, **PARAMS)
                assert "restart" in answer["message"], answer
            # The disk is well again, and that changes nothing.
            assert pipe.error(-32006, "ssh-user", public_key=key, **PARAMS)
        assert daemon.cli("status").returncode == 1
        wait_until("the log", lambda: re.search("nothing is signed any more",
                                                daemon.logged()))
    with Daemon(build, place) as daemon, daemon.connect() as pipe:
        pipe.result("ssh-user", public_key=key, **PARAMS)
        verified = daemon.cli("audit", "verify", "--state-dir", place.state)
        assert verified.returncode == 0, verified
    signed = [e for e in place.record() if e["event"] == "outcome" and "id" in e]
    assert len(signed) == 2, signed
    place.remove()


def main():
    build = build_folder()
    fails(build, "fdatasync", "EIO")
    fails(build, "fdatasync", "ENOSPC")
    fails(build, "fdatasync", "EDQUOT")


main()
