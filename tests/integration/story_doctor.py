#!/usr/bin/python3
"""doctor agrees with the kernel on healthy processes, and its probes all end as they must."""
import json
import subprocess

from story import DEADLINE, Daemon, Place, build_folder, clean_environment


def main():
    place = Place()
    build = build_folder()
    with Daemon(build, place) as daemon:
        done = daemon.cli("doctor")
        assert done.returncode == 0, done
        for word in ("supervisor", "broker", "worker", "NoNewPrivs", "Seccomp", "Landlock"):
            assert word.lower() in done.stdout.lower(), (word, done.stdout)
        done = daemon.cli("doctor", "--format", "json")
        assert done.returncode == 0, done
        seen = json.loads(done.stdout)
        broker, = (p for p in seen["processes"] if p["role"] == "broker")
        record, = (f for f in broker["findings"] if f["what"] == "record")
        assert record["found"] in ("append-only", "this file system has no such flag"), record
        done = daemon.cli("status")
        assert done.returncode == 0 and "example.com" in done.stdout, done
        assert "standby (never rotated)" in done.stdout and "Ed25519" in done.stdout, done
        assert json.loads(daemon.cli("status", "--format=json").stdout)["ready"] is True
        assert daemon.cli("--version").stdout.startswith("privyseal ")
        assert daemon.cli("nonsense").returncode == 2
        assert daemon.cli("status", "--colour").returncode == 2
    assert daemon.cli("status").returncode == 1
    done = subprocess.run([build + "/privyseal", "doctor", "--probe"], capture_output=True,
                          text=True, timeout=DEADLINE * 2, env=clean_environment())
    assert done.returncode == 0, done
    print(done.stdout)
    place.remove()


main()
