#!/usr/bin/python3
"""CA keys that never leave AWS KMS: the first start makes and marks them, certificates
are signed there by digest, and the two logs tell the same story."""

import base64
import re

import kms_story
import rig
import story


def check_keys(where, endpoints):
    made = {key["arn"]: key for key in endpoints.do("keys")}
    keys = kms_story.state_keys(where)
    assert set(keys) == {("user", "ssh"), ("user", "tls"), ("host", "ssh"), ("host", "tls"),
                         ("openssh", "ssh")}, keys
    assert len(made) == len(keys), made
    with open(where.state + "/state.json") as file:
        instance = story.json.load(file)["instance"]
    nonces = set()
    for (ca, purpose), identifier in keys.items():
        assert identifier.startswith("awskms:arn:aws:kms:us-west-2:123456789012:key/")
        tags = made[identifier[len("awskms:"):]]["tags"]
        nonces.add(tags.pop("PrivysealIntent"))
        assert tags == {"TeleportCluster": "example.com", "PrivysealCA": ca,
                        "PrivysealPurpose": purpose, "PrivysealInstance": instance,
                        "team": "pki"}, tags
    assert len(nonces) == len(keys), "a nonce was used twice"
    recorded = {entry.get("nonce") for entry in where.record()
                if entry["event"] == "key-create"}
    assert recorded == nonces, "the record does not know the keys' marks"
    assert not story.os.listdir(where.state + "/keys"), "a key lies in a file"


def check_login_certificate(pipe):
    result = pipe.result("ssh-user", public_key=story.ed25519_key(), key_id="alice",
                         principals=["alice"], ttl="1h")
    text = story.describe(result["certificate"])
    assert re.search(r"Signing CA: ECDSA .* \(using ecdsa-sha2-nistp256\)", text), text
    return result


def check_status(daemon, pipe):
    """Whoever looks is told where the keys are, in Teleport's words and numbers."""
    keys = [key for authority in pipe.result("status")["authorities"]
            for key in authority["keys"]]
    assert len(keys) == 5 and {key["storage"] for key in keys} == {"AWS KMS"}, keys
    assert daemon.cli("status").stdout.count("AWS KMS") == len(keys)
    for authority in pipe.result("authorities"):
        active = authority["spec"]["active_keys"]
        assert all(key["private_key_type"] == 3 for key in active["ssh"]), active
        assert all(key["key_type"] == 3 for key in active.get("tls", ())), active


def check_logs_agree(where, endpoints):
    """Each use of a key is in our record and in the endpoints' log, under one request id."""
    record = where.record()
    outcomes = [entry for entry in record
                if entry["event"] == "outcome" and entry["outcome"] == "signed"]
    theirs = {entry["id"]: entry for entry in kms_story.calls(endpoints, "Sign")
              if "refused" not in entry}
    assert {entry["kms_request_id"] for entry in outcomes} == set(theirs)
    by_sequence = {entry["seq"]: entry for entry in record}
    for outcome in outcomes:
        permit = by_sequence[outcome["of"]]
        call = theirs[outcome["kms_request_id"]]
        digest = base64.b64decode(call["Message"]).hex()
        assert permit["digest"] == digest, "AWS signed another digest than was recorded"
        agent = re.fullmatch(r"privyseal/\S+ seq/(\d+) head/([0-9a-f]{16})", call["agent"])
        assert agent and int(agent[1]) >= permit["seq"], call["agent"]


def check_restart(build, where, endpoints):
    before = kms_story.state_keys(where)
    made = len(endpoints.do("keys"))
    with kms_story.daemon(build, where, endpoints) as daemon, daemon.connect() as pipe:
        check_login_certificate(pipe)
    assert kms_story.state_keys(where) == before
    assert len(endpoints.do("keys")) == made, "a restart made keys"


def main():
    build = story.build_folder()
    with rig.endpoints() as endpoints:
        where = kms_story.place()
        try:
            with kms_story.daemon(build, where, endpoints) as daemon:
                with daemon.connect() as pipe:
                    check_login_certificate(pipe)
                    check_status(daemon, pipe)
                check_keys(where, endpoints)
            check_logs_agree(where, endpoints)
            check_restart(build, where, endpoints)
        finally:
            where.remove()


main()
