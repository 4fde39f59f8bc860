#!/usr/bin/python3
"""`privyseal audit` without and beside a daemon: whole records verify, and each way to
spoil one is found where it was spoilt."""
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import threading

from story import DEADLINE, POLICY, Daemon, Place, build_folder, clean_environment, ed25519_key, remove_tree

FIRST = "audit-000001.jsonl"


def audit(*words, user=None, program=None):
    return subprocess.run(
        [program or os.path.join(build_folder(), "privyseal"), "audit", *words], text=True,
        capture_output=True, timeout=DEADLINE, env=clean_environment(), user=user)


def verify(state):
    return audit("verify", "--state-dir", state)


def is_whole(state):
    said = verify(state)
    assert said.returncode == 0 and said.stdout.count("\n") == 1, said
    return said.stdout


class Copy:
    """A copy of a state directory, to be spoilt."""

    def __init__(self, state):
        self.path = tempfile.mkdtemp(prefix="privyseal-test.")
        self.state = os.path.join(self.path, "state")
        shutil.copytree(state, self.state)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        remove_tree(self.path)

    def segment(self, name=FIRST):
        return os.path.join(self.state, "audit", name)

    def lines(self, name=FIRST):
        with open(self.segment(name), "rb") as segment:
            return segment.read().splitlines(keepends=True)

    def write(self, lines, name=FIRST):
        with open(self.segment(name), "wb") as segment:
            segment.write(b"".join(lines))

    def found(self, line, sequence, words, name=FIRST):
        said = verify(self.state)
        place = f"{self.segment(name)}:{line}: record {sequence} "
        assert said.returncode == 1, said
        assert said.stdout.startswith(place) and words in said.stdout, (place, words, said)
        assert said.stdout.count("\n") == 1, said


def joined(entry, before):
    """`entry` with the hash of `before`, as whoever puts a record in would do."""
    entry = dict(json.loads(entry), seq=json.loads(before)["seq"] + 1,
                 prev=hashlib.sha256(before.rstrip(b"\n")).hexdigest())
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"


def spoil_lines(state, foreign):
    """Line numbers are sequence numbers: the first segment holds all of them."""
    with Copy(state) as copy:
        lines = copy.lines()
        at, last = len(lines) // 2, len(lines)

        for number in (1, at, last - 1):
            changed = lines[number - 1].replace(b'"event":"', b'"event":"x', 1)
            copy.write(lines[:number - 1] + [changed] + lines[number:])
            copy.found(number, number, "was changed")
        copy.write(lines[:-1] + [lines[-1].replace(b'"event":"', b'"event":"x', 1)])
        copy.found(last, last, "state.json has another hash")

        # A byte flipped: JSON, number, hash, text or the newline itself.
        line = lines[at - 1]
        for offset in (0, line.index(b"seq") + 5, line.index(b"prev") + 10,
                       line.index(b"time") + 9, len(line) // 2, len(line) - 1):
            flipped = line[:offset] + bytes([line[offset] ^ 1]) + line[offset + 1:]
            copy.write(lines[:at - 1] + [flipped] + lines[at:])
            copy.found(at, at, "")

        copy.write(lines[:at - 1] + lines[at:])
        copy.found(at, at, "is missing here")
        copy.write(lines[:at - 1] + lines[at + 2:])
        copy.found(at, at, f"with all up to record {at + 2}")
        copy.write(lines[1:])
        copy.found(1, 1, "is missing here")
        copy.write(lines[:at - 1] + [lines[at], lines[at - 1]] + lines[at + 1:])
        copy.found(at, at + 1, "the two have changed places")
        copy.write(lines[:at] + lines[at - 1:])
        copy.found(at + 1, at, "was put in")

        copy.write(lines[:-2])
        copy.found(last - 1, last - 1, f"was cut here, state.json knows of {last}")
        copy.write(lines[:-1] + [lines[-1][:-9]])
        copy.found(last, last, "is unfinished")
        copy.write([])
        copy.found(1, 1, "was cut here")

        copy.write(lines[:at] + [joined(foreign[-1], lines[at - 1])] + lines[at:])
        copy.found(at + 1, at + 1, "was put in")
        copy.write(lines[:at] + [b"{}\n"] + lines[at:])
        copy.found(at + 1, at + 1, "was put in")
        copy.write(lines[:at] + foreign)
        copy.found(at + 1, at + 1, "another record begins here")
        copy.write(foreign)
        copy.found(1, 1, "is the start of another installation")
        copy.write(lines[:at] + [b"\x1b[2J" + b"x" * 100000 + b"\n"] + lines[at:])
        copy.found(at + 1, at + 1, "longer than any record")


def split(copy):
    """Three segments, of which the second holds four lines."""
    lines = copy.lines()
    parts = {1: lines[:4], 2: lines[4:8], 3: lines[8:]}
    for number, part in parts.items():
        copy.write(part, f"audit-{number:06}.jsonl")
    return parts


def compress(path):
    with open(path, "rb") as plain:
        whole = plain.read()
    with open(path + ".gz", "wb") as packed:  # two members, as `cat` of two files makes
        packed.write(gzip.compress(whole[:100]) + gzip.compress(whole[100:]))
    os.remove(path)


def foreign_segments(state, foreign):
    """Numbered as the one that they stand for: blamed itself, not the one before it."""
    with Copy(state) as copy:
        parts = split(copy)
        copy.write(foreign[4:8], "audit-000002.jsonl")
        copy.found(1, 5, "nor what comes after", "audit-000002.jsonl")
        copy.write(parts[2], "audit-000002.jsonl")
        copy.write(foreign[8:len(parts[3]) + 8], "audit-000003.jsonl")
        copy.found(1, 9, "nor what state.json knows", "audit-000003.jsonl")
        copy.write(parts[3], "audit-000003.jsonl")
        for number, part in parts.items():
            changed = part[-1].replace(b'"event":"', b'"event":"x', 1)
            copy.write(part[:-1] + [changed], f"audit-{number:06}.jsonl")
            sequence = sum(len(parts[n]) for n in range(1, number + 1))
            copy.found(len(part), sequence, "was changed", f"audit-{number:06}.jsonl")
            copy.write(part, f"audit-{number:06}.jsonl")
        os.remove(copy.segment())
        os.remove(copy.segment("audit-000002.jsonl"))
        os.remove(copy.segment("audit-000003.jsonl"))
        said = verify(copy.state)
        assert said.returncode == 1 and "a backup without the record" in said.stderr, said


def segments(state):
    with Copy(state) as copy:
        parts = split(copy)
        assert is_whole(copy.state).startswith("3 files, ")
        compress(copy.segment())
        is_whole(copy.state)
        names = [copy.segment(name) for name in
                 (FIRST + ".gz", "audit-000002.jsonl", "audit-000003.jsonl")]
        assert audit("verify", *names).returncode == 0
        assert audit("verify", *names[1:]).returncode == 0
        said = audit("verify", names[0], names[2])
        assert said.stdout.startswith(names[2] + ":1: record 5 is missing here"), said

        copy.write([], "audit-000004.jsonl")
        is_whole(copy.state)
        copy.write([b"{\"seq\":"], "audit-000004.jsonl")
        said = verify(copy.state)
        assert "audit-000004.jsonl:1: " in said.stdout and "unfinished" in said.stdout, said
        os.remove(copy.segment("audit-000004.jsonl"))

        copy.write([], "audit-000002.jsonl")
        copy.found(1, 5, "the file is empty", "audit-000002.jsonl")
        os.remove(copy.segment("audit-000002.jsonl"))
        copy.found(1, 5, "segment 2, before this one, is not there", "audit-000003.jsonl")
        copy.write(parts[2][:-1] + [parts[2][-1][:-1]], "audit-000002.jsonl")
        copy.found(4, 8, "another file follows", "audit-000002.jsonl")
        copy.write(parts[2], "audit-000002.jsonl")
        os.truncate(copy.segment(FIRST + ".gz"), 60)
        said = verify(copy.state)
        assert "the file is compressed, and cut short" in said.stdout, said


def crash_is_accepted(build):
    """A daemon that was killed, with half a line at the end, and its next start."""
    place = Place()
    with Daemon(build, place):
        pass
    with open(os.path.join(place.state, "audit", FIRST), "ab") as segment:
        segment.write(b'{"seq":99,"time":"2026')
    said = verify(place.state)
    assert said.returncode == 1 and "a crash tore it" in said.stdout, said
    with Daemon(build, place):
        is_whole(place.state)
    is_whole(place.state)
    said = audit("show", "--state-dir", place.state, "--event", "start")
    assert said.returncode == 0 and "torn=true" in said.stdout, said
    with Copy(place.state) as copy:
        lines = copy.lines()
        torn = next(i for i, line in enumerate(lines) if line.startswith(b'{"seq":99'))
        copy.write(lines[:torn] + [lines[torn].replace(b"99", b"98")] + lines[torn + 1:])
        copy.found(torn + 1, torn + 1, "is no record")
    place.remove()


def verifies_under_load(daemon, place):
    """Verifying a record in motion finds nothing, however often."""
    key = ed25519_key()
    stop = threading.Event()
    failures = []

    def sign():
        try:
            with daemon.connect() as pipe:
                while not stop.is_set():
                    for _ in range(32):
                        pipe.send("ssh-user", public_key=key, key_id="load",
                                  principals=["deploy"])
                    for _ in range(32):
                        assert "result" in pipe.receive()
        except Exception as error:
            failures.append(error)

    signers = [threading.Thread(target=sign) for _ in range(2)]
    for signer in signers:
        signer.start()
    try:
        last = [is_whole(place.state) for _ in range(30)]
    finally:
        stop.set()
        for signer in signers:
            signer.join()
    assert not failures, failures
    assert last[0] != last[-1], "nothing was signed meanwhile"


def shows(state):
    def shown(*words):
        said = audit("show", "--state-dir", state, *words)
        assert said.returncode == 0 and said.stderr == "", said
        return said.stdout.splitlines()

    raw = shown("--format", "json")
    with open(os.path.join(state, "audit", FIRST)) as segment:
        assert raw == segment.read().splitlines()
    alice = shown("--event", "sign", "--ca=user", "--format=json")
    assert len(alice) == 3 and '"key_id":"alice0"' in alice[0], alice
    entry = json.loads(alice[1])
    assert shown("--serial", entry["serial"], "--format", "json") == [alice[1]]
    both = [json.loads(line) for line in shown("--id", entry["id"], "--format", "json")]
    assert {"sign", "outcome"} <= {line["event"] for line in both}, both
    assert shown("--event", "sign", "--last", "2", "--format", "json") == alice[1:]
    assert shown("--since", entry["time"], "--until", entry["time"],
                 "--event", "sign", "--format", "json") == [alice[1]]
    assert shown("--since", "2h", "--format", "json") == raw
    assert shown("--until", "2h") == []
    assert shown("--client", "nobody") == []
    text = shown("--document", "ssh-user")
    assert text[0].split()[:3] == ["time", "event", "client"], text[0]
    assert any("permit" in row and "key_id=alice1 principals=deploy" in row and
               "policy.conf:4" in row for row in text), text
    assert shown("--event", "stop")[1].split()[1:] == ["stop"]

    with Copy(state) as copy:
        lines = copy.lines()
        copy.write(lines[:3] + [b'{"seq":4,"event":"\x1b[2J"}\n'] + lines[3:])
        for form in ("text", "json"):
            said = audit("show", "--state-dir", copy.state, "--format", form)
            assert said.returncode == 1 and "\x1b" not in said.stdout + said.stderr, said
            assert f"{FIRST}:4: is no record" in said.stderr, said
            assert "1 line is no record" in said.stderr, said


def needs_no_root(state):
    """Whoever may read the files may verify them; what is root's is said to be."""
    with Copy(state) as copy:
        os.chmod(copy.path, 0o755)
        for name in (copy.state, os.path.dirname(copy.segment()), copy.segment()):
            os.chmod(name, 0o755)
        # Nobody may have no way to where this was built.
        program = shutil.copy(os.path.join(build_folder(), "privyseal"), copy.path)
        said = audit("verify", copy.segment(), user="nobody", program=program)
        assert said.returncode == 0, said
        said = audit("verify", "--state-dir", state, user="nobody", program=program)
    assert said.returncode == 1 and "run this as root" in said.stderr, said
    assert state in said.stderr, said


def refuses(state):
    for words in ((), ("look",), ("verify", "--last", "3"), ("show", "--last", "none"),
                  ("show", "--since", "yesterday"), ("show", "--event"), ("show", "--ca", "nope"),
                  ("verify", "file", "--state-dir", state)):
        said = audit(*words)
        assert said.returncode == 2 and "--help" in said.stderr, said
    said = audit("verify", "/nowhere/file")
    assert said.returncode == 1 and "/nowhere/file does not exist" in said.stderr, said


def main():
    build = build_folder()
    place, other = Place(policy=POLICY + "ceiling * 1000000/s 100000000/d\n"), Place()
    key = ed25519_key()
    with Daemon(build, other):
        pass
    with Daemon(build, place) as daemon, daemon.connect() as pipe:
        for number in range(3):
            pipe.result("ssh-user", public_key=key, key_id=f"alice{number}",
                        principals=["deploy"])
    is_whole(place.state)
    report = json.loads(audit("verify", "--state-dir", place.state, "--format=json").stdout)
    assert report["whole"] is True and report["records"] == len(place.record()), report

    with open(os.path.join(other.state, "audit", FIRST), "rb") as segment:
        foreign = segment.read().splitlines(keepends=True)
    spoil_lines(place.state, foreign)
    foreign_segments(place.state, foreign)
    segments(place.state)
    shows(place.state)
    refuses(place.state)
    needs_no_root(place.state)
    crash_is_accepted(build)
    with Daemon(build, place) as daemon:
        verifies_under_load(daemon, place)
    is_whole(place.state)
    other.remove()
    place.remove()


main()
