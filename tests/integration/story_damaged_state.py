#!/usr/bin/python3
"""Each way in which a state directory can be damaged: the start is refused, the line says
what is wrong and what to do, and nothing of what is there is changed."""
import hashlib
import os
import shutil
import stat
import subprocess

from story import Daemon, Place, build_folder, ed25519_key

SEGMENT = "audit/audit-000001.jsonl"


def fingerprint(state):
    """All that is there, but for the lock, which each start takes."""
    found = {}
    for folder, _, names in os.walk(state):
        for name in names:
            path = os.path.join(folder, name)
            if name == "lock":
                continue
            status = os.lstat(path)
            content = b"" if stat.S_ISLNK(status.st_mode) else open(path, "rb").read()
            found[path] = (status.st_mode, status.st_uid, hashlib.sha256(content).digest())
    return found


def edit(name, change):
    def act(state):
        path = os.path.join(state, name)
        subprocess.run(["chattr", "-a", path], stderr=subprocess.DEVNULL, check=False)
        with open(path, "rb") as text:
            whole = text.read()
        changed = change(whole)
        assert changed != whole, f"{name} was not changed"
        with open(path, "wb") as out:
            out.write(changed)
    return act


def remove(name):
    def act(state):
        path = os.path.join(state, name)
        subprocess.run(["chattr", "-a", path], stderr=subprocess.DEVNULL, check=False)
        os.remove(path)
    return act


def replace(old, new):
    return edit("state.json", lambda text: text.replace(old, new, 1))


def without_checksum(old, new):
    """As somebody would who edits by hand."""
    def change(text):
        start = text.index(b',\n\t"checksum"')
        return (text[:start] + b"\n}\n").replace(old, new, 1)
    return edit("state.json", change)


def flip(text):
    at = text.index(b'"instance":\t"') + 13
    while not text[at:at + 1].isdigit():  # which it is afterwards, too
        at += 1
    return text[:at] + bytes([text[at] ^ 1]) + text[at + 1:]


def cut_lines(count):
    return edit(SEGMENT, lambda text: b"".join(text.splitlines(keepends=True)[:-count]))


def main():
    build, place = build_folder(), Place()
    with Daemon(build, place) as daemon, daemon.connect() as pipe:
        pipe.result("ssh-user", public_key=ed25519_key(), key_id="a", principals=["deploy"])
    keys = sorted(name for name in os.listdir(place.state + "/keys") if name.endswith(".pem"))
    key, other = "keys/" + keys[0], "keys/" + keys[1]
    with open(os.path.join(place.state, other), "rb") as text:
        foreign = text.read()

    cases = {
        "state truncated": (edit("state.json", lambda text: text[:len(text) // 2]),
                            "restore the file from the backup"),
        "state empty": (edit("state.json", lambda _: b""), "restore"),
        "state zeroed": (edit("state.json", lambda text: bytes(len(text))), "restore"),
        "one bit flipped": (edit("state.json", flip), "the file was changed"),
        "version of a later privyseal": (replace(b'"version":\t1', b'"version":\t2'),
                                         "install that one again"),
        "unknown member": (without_checksum(b'"version":\t1', b'"version":\t1, "x": 1'),
                           "not a known member"),
        "checksum of another file": (replace(b'"sequence":\t', b'"sequence":\t1'),
                                     "checksum"),
        "state missing": (remove("state.json"), "restore it from the backup"),
        "state open to others": (lambda s: os.chmod(s + "/state.json", 0o644), "0600"),
        "state of another owner": (lambda s: os.chown(s + "/state.json", 65534, 65534),
                                   "who put it there"),
        "state a link": (lambda s: (os.rename(s + "/state.json", s + "/x"),
                                    os.symlink("x", s + "/state.json")), "state.json"),
        "directory open to others": (lambda s: os.chmod(s, 0o755), "chmod"),
        "keys open to others": (lambda s: os.chmod(s + "/keys", 0o755), "chmod"),
        "key missing": (remove(key), "restore it from the backup"),
        "key cut": (edit(key, lambda text: text[:80]), "restore it from the backup"),
        "key of another CA": (edit(key, lambda _: foreign), "restore both from one backup"),
        "key open to others": (lambda s: os.chmod(os.path.join(s, key), 0o640), "0600"),
        "key of another owner": (lambda s: os.chown(os.path.join(s, key), 65534, 65534),
                                 "who put it there"),
        "record missing": (remove(SEGMENT), "STATE/audit was cut"),
        "record behind the head": (cut_lines(2), "STATE/audit was cut"),
        "last record changed": (edit(SEGMENT, lambda text: text[:-4] + b"1" + text[-3:]),
                                "STATE/audit was changed"),
        "foreign last line": (edit(SEGMENT, lambda text: text + b"hello\n"),
                              "`privyseal audit verify` says where"),
        "record a directory": (lambda s: (remove(SEGMENT)(s),
                                          os.mkdir(os.path.join(s, SEGMENT))), "audit"),
    }
    for name, (damage, says) in cases.items():
        hurt = Place()
        shutil.copytree(place.state, hurt.state, symlinks=True)
        damage(hurt.state)
        before = fingerprint(hurt.state)
        daemon = Daemon(build, hurt)
        daemon.start_unready()
        status = daemon.process.wait(timeout=30)
        assert status == 1, f"{name}: started, or ended with {status}"
        assert says in daemon.logged(), f"{name}: {says!r} is not in\n{daemon.logged()}"
        assert fingerprint(hurt.state) == before, f"{name}: the start changed something"
        hurt.remove()

    # What was not hurt starts, and a hand that edits says so by leaving the checksum out.
    hurt = Place()
    shutil.copytree(place.state, hurt.state)
    without_checksum(b"", b"")(hurt.state)
    with Daemon(build, hurt):
        pass
    with open(hurt.state + "/state.json") as text:
        assert '"checksum"' in text.read()
    hurt.remove()

    # A record that is lost for good: the way that the refusal tells, and the record says so.
    hurt = Place()
    shutil.copytree(place.state, hurt.state)
    remove(SEGMENT)(hurt.state)
    edit("state.json", lambda text: text[:text.index(b'"checksum"')] +
         b'"restored": true\n}\n')(hurt.state)
    with Daemon(build, hurt) as daemon:
        verified = daemon.cli("audit", "verify", "--state-dir", hurt.state)
        assert verified.returncode == 0 and "restored" in verified.stdout, verified
    hurt.remove()
    place.remove()


main()
