#!/usr/bin/python3
"""A broker that dies ends everything; the next start finds every CA and the whole record."""
import os
import signal

from story import DEADLINE, Daemon, Place, build_folder, ed25519_key, ended, wait_until


def main():
    place = Place()
    build = build_folder()
    key = ed25519_key()
    daemon = Daemon(build, place).start()
    try:
        with daemon.connect() as pipe:
            authorities = pipe.result("authorities")
            pipe.result("ssh-user", public_key=key, key_id="a", principals=["deploy"])
        pids = sum(daemon.processes().values(), [])
        os.kill(daemon.processes()["broker"][0], signal.SIGKILL)
        assert daemon.process.wait(timeout=DEADLINE) == 1
        for pid in pids:
            wait_until(f"the end of {pid}", lambda pid=pid: ended(pid))
    finally:
        daemon.kill()
    place.record()
    with Daemon(build, place) as daemon, daemon.connect() as pipe:
        assert pipe.result("authorities") == authorities
        pipe.result("ssh-user", public_key=key, key_id="b", principals=["deploy"])
    signed = [e for e in place.record() if e["event"] == "sign"]
    assert [e["facts"]["key_id"] for e in signed] == ["a", "b"], signed
    keys = sum((a["spec"]["active_keys"].get(p, []) for a in authorities for p in ("ssh", "tls")), [])
    assert [e["event"] for e in place.record()].count("key-create") == len(keys)
    place.remove()


main()
