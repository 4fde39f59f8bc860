#!/usr/bin/python3
"""A worker killed under load is replaced within a second; the broker does not notice."""
import os
import signal
import threading
import time

from story import Daemon, Place, build_folder, ed25519_key, ended, wait_until


def load(daemon, key, stop, served, lost):
    while not stop.is_set():
        try:
            with daemon.connect() as pipe:
                while not stop.is_set():
                    pipe.result("ssh-user", public_key=key, key_id="load",
                                principals=["deploy"], ttl=600)
                    served.append(1)
        except (OSError, AssertionError):
            lost.append(1)
            time.sleep(0.005)


def main():
    place = Place()
    with Daemon(build_folder(), place) as daemon:
        key = ed25519_key()
        before = daemon.processes()
        stop, served, lost = threading.Event(), [], []
        clients = [threading.Thread(target=load, args=(daemon, key, stop, served, lost))
                   for _ in range(4)]
        for client in clients:
            client.start()
        try:
            wait_until("load", lambda: len(served) > 100)
            worker = before["worker"][0]
            os.kill(worker, signal.SIGKILL)
            killed = time.monotonic()
            wait_until("the worker's end", lambda: ended(worker))
            count = len(served)

            def replaced():
                return len(served) > count + 20
            wait_until("requests served again", replaced, 5)
            took = time.monotonic() - killed
        finally:
            stop.set()
            for client in clients:
                client.join()
        after = daemon.processes()
        assert after["broker"] == before["broker"], (before, after)
        assert after["supervisor"] == before["supervisor"], (before, after)
        assert after["worker"] != before["worker"], (before, after)
        assert took < 1, f"{took:.3f} s"
        print(f"replaced, and 20 more requests served, {took:.3f} s after the kill")
    events = [e["event"] for e in place.record()]
    assert "worker-lost" in events, sorted(set(events))
    place.remove()


main()
