#!/usr/bin/python3
"""A rate that is used up refuses, does not fall through, and survives deaths and reloads."""
import os
import signal
import time

from story import Daemon, Place, build_folder, ed25519_key, ended, wait_until

POLICY = """\
cluster example.com
permit user ssh-user ttl 1h key-id * principals deploy rate 5/h
permit user ssh-user ttl 1h key-id * principals quick rate 1/s
permit user ssh-user ttl 1h key-id * principals *
permit host ssh-host ttl 1h key-id * principals * rate 1000/s
"""


def main():
    place = Place(policy=POLICY)
    with Daemon(build_folder(), place) as daemon:
        key = ed25519_key()

        def ask(principal):
            with daemon.connect() as pipe:
                return pipe.call("ssh-user", public_key=key, key_id="a", ttl=60,
                                 principals=[principal])

        def used_up(answer):
            return answer.get("error", {}).get("code") == -32003

        answers = [ask("deploy") for _ in range(6)]
        assert all("result" in a for a in answers[:5]), answers
        assert used_up(answers[5]), answers[5]
        wait = answers[5]["error"]["data"]["retry_after"]
        assert 0 < wait <= 720, answers[5]
        assert "result" in ask("other"), "another line's documents are not affected"

        # Who waits as long as it says has it.
        for _ in range(2):
            last = ask("quick")
        assert used_up(last), last
        time.sleep(last["error"]["data"]["retry_after"])
        assert "result" in ask("quick")

        worker = daemon.processes()["worker"][0]
        os.kill(worker, signal.SIGKILL)
        wait_until("the worker's end", lambda: ended(worker))
        assert used_up(ask("deploy")), "a new worker brought new tokens"

        worker = daemon.processes()["worker"][0]
        os.kill(daemon.process.pid, signal.SIGHUP)
        wait_until("the reload", lambda: ended(worker))
        assert used_up(ask("deploy")), "a reload brought new tokens"
    signed = [e for e in place.record() if e["event"] == "sign"]
    assert len(signed) == 8, signed
    place.remove()


main()
