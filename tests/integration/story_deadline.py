#!/usr/bin/python3
"""A broker that stands still: each request is answered when its deadline passes, one too many
at once, and none twice; what was not yet sent is never signed."""
import collections
import os
import signal
import time

from story import CONFIG, Daemon, Place, build_folder, ed25519_key

LIMITS = "privyseal:\n  deadline: 1s\n  in_flight: 16\n"
SENT = 16
MOST = 256  # of one connection
ASKED = MOST + 44


def main():
    place, key = Place(CONFIG + LIMITS), ed25519_key()
    params = {"public_key": key, "key_id": "a", "principals": ["deploy"], "ttl": 600}
    with Daemon(build_folder(), place) as daemon, daemon.connect() as pipe, \
            daemon.connect() as other:
        limits = pipe.result("status")["limits"]
        assert limits["deadline"] == 1, limits
        pipe.result("ssh-user", **params)
        broker, = daemon.processes()["broker"]
        os.kill(broker, signal.SIGSTOP)
        try:
            began = time.monotonic()
            for _ in range(ASKED):
                pipe.send("ssh-user", **params)
            for _ in range(ASKED - MOST):
                error = pipe.receive()["error"]
                assert error["code"] == -32005, error
                assert "too many requests in flight" in error["message"], error
            other.send("ssh-user", **params)
            codes = collections.Counter()
            for _ in range(MOST):
                error = pipe.receive()["error"]
                codes[error["code"], error["message"]] += 1
            assert codes == {(-32004, "the deadline of 1 s has passed"): MOST}, codes
            assert 1 <= time.monotonic() - began < 5
            error = other.receive()["error"]
            assert error["code"] == -32004, error
            assert other.result("ping") == {}
        finally:
            os.kill(broker, signal.SIGCONT)
        # A late answer would come before this one's.
        pipe.result("ssh-user", **params)
        other.result("ssh-user", **params)
    record = place.record()
    signed = [e["seq"] for e in record if e["event"] == "sign"]
    outcomes = {e["of"] for e in record if e["event"] == "outcome" and e["outcome"] == "signed"}
    assert len(signed) == 1 + SENT + 2 and set(signed) <= outcomes, (len(signed), outcomes)
    place.remove()


main()
