#!/usr/bin/python3
"""A backup is taken beside a running daemon or without, and becomes another host's state:
the same CAs, a record that is whole and tells where it was taken up."""
import json
import os
import re
import shutil
import subprocess

from story import (DEADLINE, Daemon, Place, build_folder, clean_environment,
                   ed25519_key)


def command(place, *words, user=None):
    return subprocess.run(
        [os.path.join(build_folder(), "privyseal"), "--runtime-dir", place.runtime, *words],
        text=True, capture_output=True, timeout=DEADLINE, env=clean_environment(), user=user)


def done(place, *words):
    said = command(place, *words)
    assert said.returncode == 0, said
    return said.stdout


def refused(place, says, *words):
    said = command(place, *words)
    assert said.returncode == 1 and says in said.stdout + said.stderr, (says, said)
    return said.stderr


def backup(place, target, *words):
    return done(place, "backup", "--state-dir", place.state, *words, target)


def restore(place, source):
    return done(place, "restore", "--state-dir", place.state, source)


def verify(place):
    return done(place, "audit", "verify", "--state-dir", place.state)


def events(place, event):
    return [json.loads(line) for line in
            done(place, "audit", "show", "--state-dir", place.state, "--event", event,
                 "--format", "json").splitlines()]


def signer(daemon, key):
    with daemon.connect() as pipe:
        certificate = pipe.result("ssh-user", public_key=key, key_id="a",
                                  principals=["deploy"])["certificate"]
        pipe.result("ssh-host", public_key=key, principals=["localhost"])
        authorities = pipe.result("authorities")
    said = subprocess.run(["ssh-keygen", "-L", "-f", "-"], input=certificate + "\n",
                          capture_output=True, text=True, check=True).stdout
    return re.search(r"Signing CA: (.*)", said).group(1), authorities


def is_closed(path):
    for folder, _, names in os.walk(path):
        assert os.stat(folder).st_mode & 0o777 == 0o700, folder
        for name in names:
            assert os.stat(os.path.join(folder, name)).st_mode & 0o777 == 0o600, name


def without_record(build, place, key, before):
    """The chain goes on from the record that the backup reached, which is elsewhere."""
    other = Place()
    with Daemon(build, place):
        said = backup(place, other.path + "/backup")
        assert "PRIVATE KEYS" in said, said
    is_closed(other.path + "/backup")
    assert os.listdir(other.path + "/backup/audit") == []
    act = events(place, "export-secrets")[-1]
    assert act["uid"] == 0 and act["pid"] > 1, act
    restore(other, other.path + "/backup")
    with Daemon(build, other) as daemon:
        assert signer(daemon, key) == before
        said = verify(other)
        assert f"restored from a backup that reached record {act['seq']}" in said, said
        assert "where the backup was taken" in said, said
    first = events(other, "start")[0]
    assert first["seq"] == act["seq"] + 1, first
    assert events(other, "restore")[0]["last"] == act["seq"]
    with Daemon(build, other) as daemon:
        assert signer(daemon, key) == before
    verify(other)
    assert len(events(other, "restore")) == 1
    other.remove()


def beside_a_surviving_record(build, place, key, before):
    """Keys and state lost, the record not: it is taken along by hand."""
    other = Place()
    backup(place, other.path + "/backup")
    with Daemon(build, place) as daemon:
        signer(daemon, key)
    restore(other, other.path + "/backup")
    os.rmdir(other.state + "/audit")
    shutil.copytree(place.state + "/audit", other.state + "/audit")
    with Daemon(build, other) as daemon:
        assert signer(daemon, key) == before
    assert "restored from a backup" in verify(other)
    assert other.record()[:len(place.record())] == place.record()
    other.remove()


def with_record(build, place, key, before):
    """Without a daemon, and into a directory that is there but empty."""
    other = Place()
    os.mkdir(other.path + "/backup", 0o700)
    backup(place, other.path + "/backup", "--with-record")
    is_closed(other.path + "/backup")
    act = events(place, "export-secrets")[-1]
    assert place.record()[-1]["event"] == "export-secrets"
    done(other, "audit", "verify", "--state-dir", other.path + "/backup")
    os.mkdir(other.state, 0o700)
    restore(other, other.path + "/backup")
    with Daemon(build, other) as daemon:
        assert signer(daemon, key) == before
    assert f"reached record {act['seq']}" in verify(other)
    assert other.record()[:act["seq"]] == place.record()
    with Daemon(build, place) as daemon:
        assert signer(daemon, key) == before
    other.remove()


def spoil(path, change):
    with open(path, "rb") as text:
        whole = text.read()
    with open(path, "wb") as out:
        out.write(change(whole))


def refuses(build, place):
    other = Place()
    target = other.path + "/backup"
    backup(place, target, "--with-record")
    said = refused(place, "nothing is overwritten", "backup", "--state-dir", place.state, target)
    assert "remove" not in said, "a backup that is good is to be removed: " + said
    refused(place, "nothing is overwritten", "restore", "--state-dir", place.state, target)
    keys = sorted(os.listdir(target + "/keys"))
    key = target + "/keys/" + keys[0]

    def bad(says, path=None, change=None):
        fresh = Place()
        shutil.copytree(target, fresh.path + "/backup")
        inside = fresh.path + "/backup" + path[len(target):] if path else None
        if change is None and path:
            os.remove(inside)
        elif callable(change):
            spoil(inside, change)
        elif change is not None:
            os.chmod(inside or fresh.path + "/backup", change)
        refused(fresh, says, "restore", "--state-dir", fresh.state, fresh.path + "/backup")
        assert not os.path.exists(fresh.state), "something was written"
        fresh.remove()

    bad("is not there", key)
    bad("PEM", key, lambda text: text[:60])
    with open(target + "/keys/" + keys[1], "rb") as another:
        foreign = another.read()
    bad("is not the", key, lambda _: foreign)
    bad("0640", key, 0o640)
    bad("chmod 0700", None, 0o750)
    bad("state.json is not there", target + "/state.json")
    bad("state.json", target + "/state.json", lambda text: text[:-40])
    bad("checksum", target + "/state.json",
        lambda text: text.replace(b'"sequence":\t', b'"sequence":\t1', 1))
    bad("version 2", target + "/state.json",
        lambda text: text.replace(b'"version":\t1', b'"version":\t2'))
    segment = target + "/audit/audit-000001.jsonl"
    bad("was changed", segment, lambda text: text.replace(b'"event":"', b'"event":"x', 1))
    bad("was cut here", segment, lambda text: text[:text[:-1].rindex(b"\n") + 1])
    said = command(place, "backup", "--state-dir", place.state, other.path + "/more",
                   user="nobody")
    assert said.returncode != 0, said
    for words in (("backup",), ("restore",), ("backup", "a", "b"), ("backup", "--what", "a")):
        assert command(place, *words).returncode == 2, words
    with Daemon(build, place):
        refused(other, "is privyseald running", "backup", "--state-dir", place.state,
                other.path + "/more")
    assert os.listdir(other.path + "/more/keys") == []
    other.remove()


def main():
    build, place, key = build_folder(), Place(), ed25519_key()
    with Daemon(build, place) as daemon:
        before = signer(daemon, key)
    without_record(build, place, key, before)
    beside_a_surviving_record(build, place, key, before)
    with_record(build, place, key, before)
    refuses(build, place)
    place.remove()


main()
