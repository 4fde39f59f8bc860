#!/usr/bin/python3
"""Starts that go wrong: what does not fit is refused by its name, a key that AWS can't use
fails its own CA alone, and a broker that is killed at any of its requests while the keys are
made leaves none behind that the next start does not find."""

import concurrent.futures
import contextlib
import itertools
import json
import os
import re
import time

import kms_story
import rig
import story

ARN = "awskms:"
AT_ONCE = 2


def ended(build, where, endpoints, pattern, **credentials):
    """It does not start, and says why; a start that never was is no lost state."""
    daemon = kms_story.daemon(build, where, endpoints, **credentials)
    open(where.log, "w").close()
    daemon.start_unready()
    try:
        status = daemon.process.wait(story.DEADLINE)
    finally:
        daemon.kill()
    assert status == 1, (status, daemon.logged())
    assert re.search(pattern, daemon.logged()), (pattern, daemon.logged())


def ask(pipe, method, **params):
    return pipe.call(method, public_key=story.ed25519_key(), principals=["localhost"],
                     key_id="a", **params)


class Kept:
    """A state with keys, whose user CA's SSH key is about to be another one."""

    def __init__(self, build, endpoints):
        self.build = build
        self.endpoints = endpoints
        self.where = kms_story.place()
        with kms_story.daemon(build, self.where, endpoints):
            pass
        self.arn = kms_story.state_keys(self.where)["user", "ssh"][len(ARN):]
        key, = (key for key in endpoints.do("keys") if key["arn"] == self.arn)
        self.tags = key["tags"]

    def set(self, **values):
        self.endpoints.do("key", key=self.arn, **values)

    def set_tags(self, **changed):
        tags = {**self.tags, **changed}
        self.set(tags=[{"TagKey": name, "TagValue": value} for name, value in tags.items()])

    def refuses(self, pattern):
        ended(self.build, self.where, self.endpoints, pattern)


def refuse_keys(kept):
    name = re.escape(kept.arn)
    for tag, other in (("TeleportCluster", "other.example"), ("PrivysealCA", "host"),
                       ("PrivysealPurpose", "tls")):
        kept.set_tags(**{tag: other})
        kept.refuses(f"key {name}: its tag {tag} is '{other}' and should be")
    kept.set_tags()
    for member, wrong, right in (
            ("spec", "RSA_2048", "ECC_NIST_P256"), ("usage", "ENCRYPT_DECRYPT", "SIGN_VERIFY"),
            ("origin", "EXTERNAL", "AWS_KMS")):
        kept.set(**{member: wrong})
        kept.refuses(f"key {name}: its {member} is {wrong}")
        kept.set(**{member: right})
    kept.set(multi_region=True)
    kept.refuses(f"key {name}: it is a multi-region key")
    kept.set(multi_region=False)
    kept.set(visible_at=1e12)
    kept.refuses(f"key {name}: .*NotFoundException")
    kept.set(visible_at=0)
    print("keys: refused by name for tags, spec, usage, origin, regions, absence")


def refuse_world(kept):
    endpoints = kept.endpoints
    endpoints.do("set", account="210987654321")
    kept.refuses("credentials are of account 210987654321, the policy's is 123456789012")
    endpoints.do("set", account="123456789012")
    config, policy = (text.replace("us-west-2", "eu-west-1")
                      for text in (kms_story.CONFIG, kms_story.POLICY))
    kept.where.write("privyseal.yaml", config)
    kept.where.write("policy.conf", policy)
    endpoints.do("set", region="eu-west-1")
    kept.refuses(f"key {re.escape(kept.arn)} is in us-west-2, the policy's region is eu-west-1")
    endpoints.do("set", region="us-west-2")
    kept.where.write("privyseal.yaml", kms_story.CONFIG)
    kept.where.write("policy.conf", kms_story.POLICY)
    ended(kept.build, kept.where, endpoints, "InvalidSignatureException", secret="wrong")
    endpoints.do("down")
    began = time.monotonic()
    kept.refuses("the account of the AWS credentials can't be told: .*onnect")
    assert time.monotonic() - began < 15, "the end was long in coming"
    endpoints.do("up")
    print("account, region, secret, endpoints that are down: refused")


def refuse_roots(kept):
    """Whoever writes the list of roots says who AWS is."""
    ca = kept.endpoints.ca
    os.chmod(ca, 0o664)
    kept.refuses("others may write to .*ca.pem .*mode 0664")
    os.chmod(ca, 0o644)
    os.rename(ca, ca + ".kept")
    for make, why in ((os.mkfifo, "is no file"), (os.mkdir, "is no file"),
                      (lambda path: open(path, "w").close(), "no whole list"),
                      (lambda path: None, "No such file")):
        make(ca)
        kept.refuses(f"ca.pem:? {why}")
        if os.path.isdir(ca):
            os.rmdir(ca)
        elif os.path.exists(ca):
            os.unlink(ca)
    os.rename(ca + ".kept", ca)
    print("roots: refused when others may write them, and when they are none")


def other_keys(kept):
    """Somebody else's public key under the same ARN; last, since it is gone for good."""
    kept.set(private="ECC_NIST_P256")
    kept.refuses("its public key is not the one that state.json knows")


def unusable(kept):
    """The other CAs go on; an alert stands until the key is usable again."""
    for state in ("Disabled", "PendingDeletion"):
        kept.set(state=state)
        with kms_story.daemon(kept.build, kept.where, kept.endpoints) as daemon:
            with daemon.connect() as pipe:
                error = ask(pipe, "ssh-user")["error"]
                assert error["code"] == -32002 and state in error["message"], error
                assert "result" in ask(pipe, "ssh-host"), "the host CA fails too"
                text = json.dumps(pipe.result("alerts"))
                assert "ca-key-unusable" in text and state in text, text
        kept.set(state="Enabled")
    with kms_story.daemon(kept.build, kept.where, kept.endpoints) as daemon:
        with daemon.connect() as pipe:
            assert "result" in ask(pipe, "ssh-user")
            assert "ca-key-unusable" not in json.dumps(pipe.result("alerts"))
    print("Disabled, PendingDeletion: an alert, and that CA alone fails")


def another_instance(build, endpoints, kept):
    """Its keys stop the making of ours, and nothing else."""
    theirs = {**kept.tags, "PrivysealInstance": "0" * 32}
    endpoints.do("make_key", spec="ECC_NIST_P256",
                 tags=[{"TagKey": name, "TagValue": value} for name, value in theirs.items()])
    count = len(endpoints.do("keys"))
    where = kms_story.place()
    ended(build, where, endpoints, "another privyseal .*has keys for the cluster example.com")
    assert len(endpoints.do("keys")) == count, "a key was made"
    where.remove()
    with kms_story.daemon(build, kept.where, endpoints) as daemon, daemon.connect() as pipe:
        assert "result" in ask(pipe, "ssh-user")
    print("another instance's keys: none is made, signing goes on")


# ---- killed while the keys are made ----

def accounted_for(where, endpoints):
    """Each key at the endpoints is one of the state's, and each of the state's is there."""
    made = {ARN + key["arn"] for key in endpoints.do("keys")}
    known = set(kms_story.state_keys(where).values())
    assert made == known, f"orphans: {made - known}, unknown: {known - made}"


def certificate(build, where, endpoints):
    with kms_story.daemon(build, where, endpoints) as daemon, daemon.connect() as pipe:
        assert "result" in ask(pipe, "ssh-user")
        assert "result" in ask(pipe, "ssh-host")


def killed_at(build, number, when, visible_after=0):
    """False once the first start is over with fewer requests."""
    where = kms_story.place()
    with rig.endpoints() as endpoints:
        endpoints.do("set", visible_after=visible_after)
        endpoints.do("faults", rows=[{"operation": "*", "kind": "silence", "when": when,
                                      "after": number}])
        daemon = kms_story.daemon(build, where, endpoints)
        daemon.start_unready()
        try:
            story.wait_until("the request, or readiness", lambda: (
                not endpoints.do("faults_left") or daemon.ready_or_dead()))
            struck = not endpoints.do("faults_left")
            if struck:
                broker = child_named(daemon.process.pid, "privyseal-broker")
                os.kill(broker, 9)
                daemon.process.wait(story.DEADLINE)
            else:
                assert daemon.stop() == 0
        finally:
            daemon.kill()
        endpoints.do("faults", rows=[])
        try:
            certificate(build, where, endpoints)
            accounted_for(where, endpoints)
        except BaseException as error:
            raise AssertionError(f"killed {when} request {number}: {error!r}") from error
    where.remove()
    return struck


def child_named(parent, name):
    with open(f"/proc/{parent}/task/{parent}/children") as children:
        for pid in children.read().split():
            with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline") as line:
                if name in line.read():
                    return int(pid)
    raise AssertionError(f"no {name} beneath {parent}")


def killed_anywhere(build):
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        points = 0
        for first in itertools.count(0, AT_ONCE):
            runs = [pool.submit(killed_at, build, number, when)
                    for number in range(first, first + AT_ONCE) for when in ("before", "after")]
            struck = [run.result() for run in runs]
            points += sum(struck)
            if not all(struck):
                break
            assert first < 200, "no end"
        assert points > 30, points
        print(f"killed before and after each of its requests, {points} points: no orphan")
        # CreateKey comes third: account, list, create.
        for run in [pool.submit(killed_at, build, 2, "after", 3),
                    pool.submit(killed_at, build, 3, "before", 3)]:
            assert run.result()
    print("keys that are seen after 3 s only: the same")


def main():
    build = story.build_folder()
    with rig.endpoints("127.0.0.1") as endpoints:
        kept = Kept(build, endpoints)
        refuse_keys(kept)
        refuse_world(kept)
        refuse_roots(kept)
        unusable(kept)
        another_instance(build, endpoints, kept)
        other_keys(kept)
        kept.where.remove()
    killed_anywhere(build)


main()
