#!/usr/bin/python3
"""Starts that go wrong: what does not fit is refused by its name, and a key that AWS can't use
fails its own CA alone."""

import json
import os
import re
import time

import kms_story
import rig
import story

ARN = "awskms:"


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


main()
