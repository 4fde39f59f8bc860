#!/usr/bin/python3
"""Old segments are compressed and removed as acts of root that are on the record first;
a cut that is not on the record is found."""
import json
import os
import subprocess

from story import DEADLINE, Daemon, Place, build_folder, clean_environment, ed25519_key, remove_tree


def audit(place, *words, user=None):
    return subprocess.run(
        [os.path.join(build_folder(), "privyseal"), "--runtime-dir", place.runtime, "audit",
         *words, "--state-dir", place.state],
        text=True, capture_output=True, timeout=DEADLINE, env=clean_environment(), user=user)


def done(place, *words):
    said = audit(place, *words)
    assert said.returncode == 0, said
    return said.stdout


def refused(place, words, *arguments):
    said = audit(place, *arguments)
    assert said.returncode == 1 and words in said.stdout + said.stderr, (words, said)


def names(place):
    return sorted(os.listdir(os.path.join(place.state, "audit")))


def segment(place, number, end=".jsonl"):
    return os.path.join(place.state, "audit", f"audit-{number:06}{end}")


def events(place, *words):
    return [json.loads(line) for line in
            done(place, "show", "--format", "json", *words).splitlines()]


def unlock(path):
    """Segments may be append-only."""
    subprocess.run(["chattr", "-a", path], stderr=subprocess.DEVNULL, check=False)


def divide(place, number, parts):
    """The last segment becomes several, as if each had been full."""
    path = segment(place, number)
    unlock(path)
    with open(path, "rb") as whole:
        lines = whole.read().splitlines(keepends=True)
    step = len(lines) // parts
    for part in range(parts):
        end = (part + 1) * step if part + 1 < parts else len(lines)
        with open(segment(place, number + part), "wb") as out:
            out.write(b"".join(lines[part * step:end]))
        os.chmod(segment(place, number + part), 0o600)


def sign(daemon, count):
    key = ed25519_key()
    with daemon.connect() as pipe:
        for _ in range(count):
            pipe.result("ssh-user", public_key=key, key_id="a", principals=["deploy"])


def compresses(build, place):
    with Daemon(build, place) as daemon:
        sign(daemon, 10)
    divide(place, 1, 4)
    before = events(place)
    with Daemon(build, place) as daemon:
        assert "3 segments compressed" in done(place, "compress")
        assert "0 segments compressed" in done(place, "compress")
        sign(daemon, 1)
    assert names(place) == [f"audit-{n:06}.jsonl.gz" for n in (1, 2, 3)] + \
        ["audit-000004.jsonl"], names(place)
    done(place, "verify")
    after = events(place)
    assert after[:len(before)] == before
    acts = events(place, "--event", "compress")
    assert len(acts) == 2 and acts[0]["uid"] == 0 and acts[0]["pid"] > 1, acts
    with Daemon(build, place):
        done(place, "verify")


def prunes(build, place):
    with Daemon(build, place):
        said = done(place, "prune", "--before", "1d")
        assert "no closed segment" in said, said
        said = done(place, "prune", "--before", "2199-01-01T00:00:00Z")
        assert "--yes" in said and "audit-000003.jsonl.gz" in said, said
        assert "000004" not in said and len(names(place)) == 4
        assert not events(place, "--event", "prune")
    # The first two alone, as if only they were old.
    third = events(place, "--last", "1000000")
    kept = json.loads(subprocess.run(["zcat", segment(place, 3, ".jsonl.gz")], text=True,
                                     check=True, capture_output=True).stdout.splitlines()[-1])
    saved = {n: open(segment(place, n, ".jsonl.gz"), "rb").read() for n in (1, 2, 3)}
    assert third[0]["seq"] == 1
    with Daemon(build, place) as daemon:
        said = done(place, "prune", "--before", kept["time"], "--yes")
        assert "removed 2 files" in said, said
        sign(daemon, 1)
        said = done(place, "verify")
        act = events(place, "--event", "prune")[0]
        assert f"begins with {act['last'] + 1}: what came before was pruned" in said, said
        assert f"as record {act['seq']} says" in said and act["uid"] == 0, said
    report = json.loads(done(place, "verify", "--format", "json"))
    assert report["pruned_up_to"] == act["last"], report
    with Daemon(build, place):
        done(place, "verify")
    return saved


def finds_unrecorded_cuts(place, saved):
    """More is missing than the record tells; less is what an interruption leaves."""
    unlock(segment(place, 3, ".jsonl.gz"))
    os.remove(segment(place, 3, ".jsonl.gz"))
    refused(place, "no record tells of a cut", "verify")
    for number in (3, 2):
        with open(segment(place, number, ".jsonl.gz"), "wb") as out:
            out.write(saved[number])
        done(place, "verify")
    done(place, "prune", "--before", "2199-01-01T00:00:00Z", "--yes")
    assert names(place) == ["audit-000004.jsonl"]
    done(place, "verify")


def works_alone(build, place):
    """Without a daemon the command records by itself, and nobody may start meanwhile."""
    divide(place, 4, 3)
    assert "2 segments compressed" in done(place, "compress")
    said = done(place, "prune", "--before", "2199-01-01T00:00:00Z", "--yes")
    assert "removed 2 files" in said, said
    assert events(place)[-1]["event"] == "prune"
    done(place, "verify")
    with Daemon(build, place) as daemon:
        sign(daemon, 1)
    done(place, "verify")


def refuses(build, place):
    divide(place, 6, 2)
    other, away = Place(), Place()
    with Daemon(build, place), Daemon(build, other):
        words = ("prune", "--before", "2199-01-01T00:00:00Z", "--yes")
        before = names(place)
        # Whoever is asked must be the one whose files they are.
        for runtime, says in ((other.runtime, "another state directory"),
                              (away.runtime, "is privyseald running")):
            wrong = Place.__new__(Place)
            wrong.state, wrong.runtime = place.state, runtime
            refused(wrong, says, *words)
            refused(wrong, says, "compress")
        assert names(place) == before
    # A record that is broken is evidence.
    unlock(segment(place, 6))
    with open(segment(place, 6), "r+b") as first:
        first.write(b"[")
    before = names(place)
    refused(place, "nothing is done", *words)
    assert names(place) == before
    with open(segment(place, 6), "r+b") as first:
        first.write(b"{")
    done(place, "verify")
    for words in (("prune",), ("prune", "--before", "x"), ("prune", "--never"),
                  ("compress", "file")):
        assert audit(place, *words).returncode == 2, words
    other.remove()
    away.remove()


def main():
    build, place = build_folder(), Place()
    compresses(build, place)
    finds_unrecorded_cuts(place, prunes(build, place))
    works_alone(build, place)
    refuses(build, place)
    remove_tree(place.path)


main()
