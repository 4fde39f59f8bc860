#!/usr/bin/python3
"""A disk without room for the record stops signing, and says so; room and a restart mend it."""
import os
import subprocess

from story import CONFIG, DEADLINE, Daemon, Place, build_folder, ed25519_key, ended, wait_until


def fill(path):
    with open(path, "wb", buffering=0) as filler:
        try:
            while filler.write(bytes(4096)):
                pass
        except OSError:
            pass


def run(place, build):
    key = ed25519_key()
    params = {"public_key": key, "key_id": "a", "principals": ["deploy"], "ttl": 600}
    with Daemon(build, place) as daemon, daemon.connect() as pipe:
        pipe.result("ssh-user", **params)
        fill(place.state + "/filler")
        answers = []

        def refused():
            answers.append(pipe.call("ssh-user", **params))
            return "error" in answers[-1]
        wait_until("the disk to be full", refused)
        assert answers[-1]["error"]["code"] == -32006, answers[-1]
        assert "restart" in answers[-1]["error"]["message"], answers[-1]
        status = daemon.cli("status")
        assert status.returncode == 1 and "record" in status.stderr, status
        assert "record-lost" in status.stdout, status.stdout
        assert [a["id"] for a in pipe.result("alerts")] == ["record-lost"]
        doctor = daemon.cli("doctor")
        assert doctor.returncode == 1 and "record" in doctor.stdout, doctor

        # Room alone is not enough: what was lost at the failing write is unknown.
        os.unlink(place.state + "/filler")
        assert pipe.error(-32006, "ssh-user", **params)
        released = sum("result" in answer for answer in answers) + 1
        pids = sum(daemon.processes().values(), [])
        # The way that a crash would end it, whose socket must not look like readiness.
        daemon.kill()
        for pid in pids:
            wait_until(f"the end of {pid}", lambda pid=pid: ended(pid))
    # A start that fails takes away the socket that the crash left behind.
    socket = place.runtime + "/auth.sock"
    assert os.path.exists(socket), "the crash left none, so this shows nothing"
    place.write("privyseal.yaml", "nonsense: 1\n")
    failing = Daemon(build, place)
    failing.start_unready()
    assert failing.process.wait(timeout=DEADLINE) == 1
    assert not os.path.exists(socket)
    place.write("privyseal.yaml", CONFIG)

    with Daemon(build, place) as daemon, daemon.connect() as pipe:
        pipe.result("ssh-user", **params)
        assert daemon.cli("status").returncode == 0
        assert pipe.result("alerts") == []
    verified = subprocess.run([build + "/privyseal", "audit", "verify", "--state-dir",
                               place.state], capture_output=True, text=True)
    assert verified.returncode == 0, verified
    signs = verified_signs(place)
    assert signs >= released + 1, (signs, released)


def verified_signs(place):
    """Records of permits; a line that the full disk tore is no record."""
    count = 0
    folder = place.state + "/audit"
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as segment:
            count += segment.read().count(b'"event":"sign"')
    return count


def main():
    build = build_folder()
    place = Place()
    os.mkdir(place.state)
    os.chmod(place.state, 0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "none", place.state],
                   check=True)
    try:
        run(place, build)
    finally:
        subprocess.run(["umount", place.state], check=True)
    place.remove()


main()
