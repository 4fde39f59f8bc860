#!/usr/bin/python3
"""What a service manager is told, and when: readiness not before somebody is served, each
reload from its beginning to its end, the stop; and lines that a journal can rank."""
import os
import signal
import socket

from story import DEADLINE, POLICY, Daemon, Place, build_folder, clean_environment


def main():
    place = Place()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        address = place.path + "/notify"
        manager.bind(address)
        manager.settimeout(DEADLINE)
        daemon = Daemon(build_folder(), place, environment={
            **clean_environment(), "NOTIFY_SOCKET": address, "JOURNAL_STREAM": "1:2"})

        def hears(*words):
            said = manager.recv(4096).decode().split("\n")
            assert [word.split("=")[0] for word in said] == [*words], said

        daemon.start_unready()
        try:
            hears("READY")
            with daemon.connect() as pipe:
                assert pipe.result("ping") == {}
            assert daemon.cli("status").returncode == 0
            for policy in (POLICY + "# another\n", POLICY + "permit nonsense\n"):
                place.write("policy.conf", policy)
                os.kill(daemon.process.pid, signal.SIGHUP)
                hears("RELOADING", "MONOTONIC_USEC")
                hears("READY")
            daemon.process.send_signal(signal.SIGINT)
            hears("STOPPING")
            assert daemon.process.wait(DEADLINE) == 0, daemon.logged()
        finally:
            daemon.kill()
    lines = daemon.logged().splitlines()
    assert all(line[0] == "<" and line[1] in "34567" and line[2] == ">" for line in lines), lines
    assert any(line.startswith("<3>") and "policy.conf:6:" in line for line in lines), lines
    place.remove()


main()
