#!/usr/bin/python3
"""SIGHUP changes config and policy together or neither, and drops no request."""
import os
import signal
import threading

from story import CONFIG, POLICY, Daemon, Place, build_folder, ed25519_key, wait_until


def main():
    place = Place()
    with Daemon(build_folder(), place) as daemon:
        key = ed25519_key()
        params = {"public_key": key, "key_id": "a", "principals": ["deploy"], "ttl": "20h"}

        def allowed():
            with daemon.connect() as pipe:
                return "result" in pipe.call("ssh-user", **params)

        def deadline():
            with daemon.connect() as pipe:
                return pipe.result("status")["limits"]["deadline"]

        def worker():
            return daemon.processes()["worker"]

        assert allowed()
        broker = daemon.processes()["broker"]
        first = worker()

        # A policy that does not parse leaves everything as it was, and says where; the good
        # config beside it is not taken either.
        place.write("policy.conf", POLICY + "permit nonsense\n")
        place.write("privyseal.yaml", CONFIG + "privyseal: {deadline: 77s}\n")
        os.kill(daemon.process.pid, signal.SIGHUP)
        wait_until("the refusal", lambda: "policy.conf:6:" in daemon.logged())
        assert allowed() and worker() == first and deadline() == 5

        # So does a config, even beside a good new policy.
        tight = POLICY.replace("ttl 30h", "ttl 10h")
        place.write("policy.conf", tight)
        place.write("privyseal.yaml", "privyseal:\n  colour: red\n")
        os.kill(daemon.process.pid, signal.SIGHUP)
        wait_until("the refusal", lambda: "privyseal.yaml:2:3" in daemon.logged())
        assert allowed()

        # Both good: new workers, the new policy, the same broker, no request lost.
        place.write("privyseal.yaml", CONFIG + "privyseal: {deadline: 77s}\n")
        lost, stop = [], threading.Event()

        def steady():
            while not stop.is_set():
                with daemon.connect() as pipe:
                    answer = pipe.call("ssh-user", **{**params, "ttl": 600})
                    if "result" not in answer:
                        lost.append(answer)
        client = threading.Thread(target=steady)
        client.start()
        try:
            os.kill(daemon.process.pid, signal.SIGHUP)
            wait_until("the new policy", lambda: not allowed())
            wait_until("the old worker's end", lambda: not os.path.exists(f"/proc/{first[0]}"))
        finally:
            stop.set()
            client.join()
        assert not lost, lost
        assert deadline() == 77
        assert worker() != first and daemon.processes()["broker"] == broker

        # What can't change without a restart is refused by name.
        place.write("policy.conf", tight.replace("example.com", "example.org"))
        os.kill(daemon.process.pid, signal.SIGHUP)
        wait_until("the refusal", lambda: "example.org" in daemon.logged())
        with daemon.connect() as pipe:
            assert "result" in pipe.call("ssh-user", **{**params, "ttl": 600})
        assert deadline() == 77
    policies = {e["policy"] for e in place.record() if e["event"] == "sign"}
    assert len(policies) == 2, policies
    reloads = [e for e in place.record() if e["event"] == "reload"]
    done = [e for e in reloads if e["outcome"] == "done"]
    assert len(done) == 1 and done[0]["policy_before"] != done[0]["policy_now"], reloads
    assert all(e["uid"] == 0 and e["pid"] == os.getpid() for e in reloads), reloads
    assert done[0]["config_before"] and done[0]["config_now"], done
    refused = [e["reason"] for e in reloads if e["outcome"] == "refused"]
    assert "policy.conf:6:" in refused[0] and "example.org" in refused[-1], reloads
    place.remove()


main()
