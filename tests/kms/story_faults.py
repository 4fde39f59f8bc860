#!/usr/bin/python3
"""What may go wrong between the broker and AWS KMS, a row of faults.json each. Certificates
are asked for while it does; each is given or refused, never lost; what is given is what the
record and the endpoints' own log say, and afterwards the service is as it was.

A row:
    name
    asked           how many certificates; 24 when it isn't said
    faults          rows of the test server (server.py), of Sign
    set             settings of the test server, made when the broker runs
    before_start    the same, made before it starts
    config          more of it
    key             changes of the CA's key
    user            what becomes of the credentials' user: rolled, expired, forgotten, denied
    credentials     where they are from: environment (also when it isn't said), file
    down, close     the endpoints are gone; their connections are closed
    given           all, none, some
    codes           of the errors; -32002, retryable, when it isn't said
    says            a pattern of each error's message
    outcome         of each permit in the record, where nothing is given
    calls           how many requests to sign each of those asked for made
    calls_least     at least so many: libcurl itself repeats what meets a connection's end
"""

import base64
import collections
import concurrent.futures
import hashlib
import itertools
import json
import os
import re
import struct
import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

import kms_story
import rig
import story

HERE = os.path.dirname(os.path.realpath(__file__))
ASKED = 24
IN_FLIGHT = 8
AT_ONCE = 2  # rows, each with endpoints and a daemon of its own
UNAVAILABLE = -32002
numbers = itertools.count(1)


def read_string(blob, at):
    length = struct.unpack(">I", blob[at:at + 4])[0]
    return blob[at + 4:at + 4 + length], at + 4 + length


def digest_of(certificate, public):
    """The digest that the CA's key signed, once that is seen to be so."""
    blob = base64.b64decode(certificate.split()[1])
    at = 0
    for _ in range(3):  # type, nonce, key
        _, at = read_string(blob, at)
    at += 8 + 4  # serial, kind
    for _ in range(2):  # key id, principals
        _, at = read_string(blob, at)
    at += 8 + 8  # validity
    for _ in range(4):  # critical options, extensions, reserved, signature key
        _, at = read_string(blob, at)
    signed, (signature, end) = blob[:at], read_string(blob, at)
    assert end == len(blob)
    numbers_of, _ = read_string(signature, read_string(signature, 0)[1])
    r, at = read_string(numbers_of, 0)
    s, _ = read_string(numbers_of, at)
    public.verify(utils.encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big")),
                  signed, ec.ECDSA(hashes.SHA256()))
    return hashlib.sha256(signed).hexdigest()


def ca_public_key(pipe):
    line = pipe.result("authorities", type="user")[0]["spec"]["active_keys"]["ssh"][0]
    return serialization.load_ssh_public_key(base64.b64decode(line["public_key"]))


class Asking:
    """So many certificates over one pipe, some in flight."""

    def __init__(self, daemon, key, count):
        self.answers = collections.defaultdict(list)
        self.ids = [f"r{next(numbers)}" for _ in range(count)]
        with daemon.connect() as pipe:
            self.run(pipe, key)

    def run(self, pipe, key):
        waiting, sent = set(), 0
        while sent < len(self.ids) or waiting:
            while sent < len(self.ids) and len(waiting) < IN_FLIGHT:
                self.send(pipe, self.ids[sent], key)
                waiting.add(self.ids[sent])
                sent += 1
            try:
                answer = pipe.receive()
            except TimeoutError:
                return  # those that wait are lost
            if answer is None:
                return
            self.answers[answer["id"]].append(answer)
            waiting.discard(answer["id"])
        # A second answer for one of them would come before this one's.
        assert pipe.call("ping")["result"] is not None

    @staticmethod
    def send(pipe, name, key):
        params = {"public_key": key, "key_id": "alice", "principals": ["alice"], "ttl": "1h"}
        pipe.send_line(json.dumps({"jsonrpc": "2.0", "id": name, "method": "ssh-user",
                                   "params": params}).encode())

    def of_kind(self, kind):
        return {name: answers[0][kind] for name, answers in self.answers.items()
                if kind in answers[0]}


def unrecorded(asking, where, endpoints, public):
    """How many certificates, or uses of the key, aren't in both logs as they should be."""
    record = where.record()
    permits = collections.defaultdict(list)
    outcomes = collections.defaultdict(list)
    for entry in record:
        if entry["event"] == "sign":
            permits[json.loads(entry["id"])].append(entry)
        if entry["event"] == "outcome":
            outcomes[entry["of"]].append(entry)
    signs = [entry for entry in kms_story.calls(endpoints, "Sign")
             if "Message" in entry and not entry.get("DryRun")]
    theirs = {entry["id"]: base64.b64decode(entry["Message"]).hex() for entry in signs}
    bad = 0
    for name, result in asking.of_kind("result").items():
        digest = digest_of(result["certificate"], public)
        mine = permits[name]
        ends = outcomes[mine[0]["seq"]] if len(mine) == 1 else []
        bad += not (len(ends) == 1 and ends[0]["outcome"] == "signed"
                    and mine[0]["serial"] == result["serial"] and mine[0]["digest"] == digest
                    and theirs.get(ends[0].get("kms_request_id")) == digest)
    recorded = {entry["digest"] for entry in record if "digest" in entry}
    bad += sum(digest not in recorded for digest in theirs.values())
    return bad, {name: outcomes[permits[name][0]["seq"]] for name in asking.ids
                 if permits[name]}


def doubled(asking):
    """Second answers, second certificates of one serial."""
    serials = [result["serial"] for result in asking.of_kind("result").values()]
    return (sum(len(answers) - 1 for answers in asking.answers.values())
            + len(serials) - len(set(serials)))


# ---- a row ----

class Stage:
    """Endpoints and a state with keys; a row starts its own daemon on it."""

    def __init__(self, build):
        self.build = build
        self.endpoints = rig.Endpoints()
        self.where = kms_story.place()
        self.file = os.path.join(self.where.path, "credentials")
        self.users = itertools.count(1)
        self.key = story.ed25519_key()
        with kms_story.daemon(build, self.where, self.endpoints):
            pass

    def close(self):
        self.where.remove()
        self.endpoints.stop()

    def new_user(self):
        """(key, secret, token) of a temporary set."""
        number = next(self.users)
        user = (f"ASIATEST{number:012}", f"secret/{number:036}", f"token/{number:060}")
        self.endpoints.do("user", name="role", key=user[0], secret=user[1], token=user[2])
        return user

    def write_file(self, user):
        with open(self.file + ".new", "w") as out:
            os.fchmod(out.fileno(), 0o600)
            out.write("[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n"
                      "aws_session_token = {}\n".format(*user))
        os.rename(self.file + ".new", self.file)

    def environment(self, row):
        self.user = self.new_user() if "user" in row else (rig.KEY, rig.SECRET, None)
        variables = dict(story.clean_environment(),
                         **self.endpoints.environment(*self.user))
        if row.get("credentials") == "file":
            self.write_file(self.user)
            for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"):
                variables.pop("AWS_" + name, None)
            variables["AWS_SHARED_CREDENTIALS_FILE"] = self.file
        return variables

    def set_user(self, what):
        key, secret, token = self.user
        if what == "denied":
            self.endpoints.do("policy", key=key, policy={"Version": "2012-10-17", "Statement": []})
            return
        if what == "forgotten":
            self.endpoints.do("forget_user", key=key)
            return
        if what == "rolled":
            self.write_file(self.new_user())
        self.endpoints.do("user", name="role", key=key, secret=secret, token=token, lives=-1)

    def begin(self, row):
        do = self.endpoints.do
        if "faults" in row:
            do("faults", rows=[{"operation": "Sign", **fault} for fault in row["faults"]])
        if "set" in row:
            do("set", **row["set"])
        if "key" in row:
            arn = kms_story.state_keys(self.where)["user", "ssh"][len("awskms:"):]
            do("key", key=arn, **row["key"])
        if "user" in row:
            self.set_user(row["user"])
        if "down" in row or "close" in row:
            do("down")
        if "close" in row:
            do("up")

    def end(self, row):
        """All is well again."""
        do = self.endpoints.do
        do("faults", rows=[])
        do("set", clock_offset=0)
        arn = kms_story.state_keys(self.where)["user", "ssh"][len("awskms:"):]
        do("key", key=arn, state="Enabled", visible_at=0)
        if "user" in row:
            key, secret, token = self.user
            do("user", name="role", key=key, secret=secret, token=token)
        if "down" in row:
            do("up")

    def run(self, row):
        with open(self.where.log, "w"):
            pass  # if it fails, its own part is shown
        self.endpoints.do("set", **row.get("before_start", {}))
        self.where.write("privyseal.yaml", kms_story.CONFIG + row.get("config", ""))
        first = len(kms_story.calls(self.endpoints, "Sign"))
        environment = self.environment(row)
        with story.Daemon(self.build, self.where, environment=environment) as daemon:
            with daemon.connect() as pipe:
                public = ca_public_key(pipe)
            self.begin(row)
            asking = Asking(daemon, self.key, row.get("asked", ASKED))
            self.end(row)
            self.recovers(daemon)
        figures, ends = self.figures(row, asking, public, first)
        check(row, asking, figures, ends)
        return figures

    def recovers(self, daemon):
        def given():
            return Asking(daemon, self.key, 1).of_kind("result")
        story.wait_until("a certificate after the fault", given)

    def figures(self, row, asking, public, first):
        bad, ends = unrecorded(asking, self.where, self.endpoints, public)
        mine = {entry["digest"] for entry in self.where.record()
                if entry["event"] == "sign" and json.loads(entry["id"]) in asking.ids}
        calls = sum(entry.get("digest") in mine
                    for entry in kms_story.calls(self.endpoints, "Sign")[first:])
        given, refused = len(asking.of_kind("result")), len(asking.of_kind("error"))
        asked = len(asking.ids)
        return {"asked": asked, "given": given, "refused": refused,
                "lost": asked - given - refused, "unrecorded": bad,
                "doubled": doubled(asking), "calls": calls}, ends


def check(row, asking, figures, ends):
    name = row["name"], figures
    assert figures["lost"] == figures["unrecorded"] == figures["doubled"] == 0, name
    errors = asking.of_kind("error")
    if row["given"] == "all":
        assert figures["given"] == figures["asked"], (name, errors)
    elif row["given"] == "none":
        assert figures["given"] == 0, name
    else:
        assert figures["given"] > 0, (name, errors)
    for error in errors.values():
        assert error["code"] in row.get("codes", [UNAVAILABLE]), (name, error)
        assert error["code"] != UNAVAILABLE or error["data"]["retryable"] is True, (name, error)
        assert re.search(row.get("says", ""), error["message"]), (name, error)
    if "outcome" in row:
        found = {end["outcome"] for entries in ends.values() for end in entries}
        assert found == {row["outcome"]}, (name, found)
    if "calls" in row:
        assert figures["calls"] == row["calls"] * figures["asked"], name
    assert figures["calls"] >= row.get("calls_least", 0) * figures["asked"], name


COLUMNS = ("asked", "given", "refused", "lost", "unrecorded", "doubled", "calls")


def main():
    build = story.build_folder()
    with open(os.path.join(HERE, "faults.json")) as file:
        rows = json.load(file)
    stages = [Stage(build) for _ in range(AT_ONCE)]
    free = list(stages)

    def one(row):
        stage = free.pop()
        began = time.monotonic()
        try:
            return stage.run(row), time.monotonic() - began
        finally:
            free.append(stage)

    print(f"{'':44}" + "".join(f"{name:>11}" for name in COLUMNS) + "    seconds")
    only = os.environ.get("ROWS", "")
    failed = 0
    try:
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            futures = [(row, pool.submit(one, row)) for row in rows if only in row["name"]]
            for row, future in futures:
                try:
                    figures, seconds = future.result()
                    print(f"{row['name']:44}" + "".join(
                        f"{figures[name]:11}" for name in COLUMNS) + f"{seconds:11.1f}",
                        flush=True)
                except AssertionError as error:
                    failed += 1
                    print(f"{row['name']:44} FAILED: {error}", flush=True)
    finally:
        for stage in stages:
            stage.close()
    assert not failed, f"{failed} rows failed"


main()
