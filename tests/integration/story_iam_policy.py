#!/usr/bin/python3
"""`privyseal iam-policy` permits what the broker does at KMS with keys of its own tags, and
nothing else: evaluated as IAM would, whole and without each of its permissions."""
import copy
import json
import os
import subprocess
import sys

from story import DEADLINE, build_folder, clean_environment

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "kms"))
import iam  # noqa: E402

KEY = "arn:aws:kms:us-west-2:123456789012:key/12345678-1234-1234-1234-123456789012"
NEW = "arn:aws:kms:us-west-2:123456789012:key/*"
OURS = {"TeleportCluster": "example.com", "env": "prod", "PrivysealCA": "user"}
DIGEST = {"kms:messagetype": ["DIGEST"], "kms:signingalgorithm": ["ECDSA_SHA_256"]}
# What the broker does, and the permissions that it takes.
FUNCTIONS = {
    "FindKeys": ["kms:ListKeys"],
    "CreateKeys": ["kms:CreateKey", "kms:TagResource"],
    "ReadTags": ["kms:ListResourceTags"],
    "ReadStates": ["kms:DescribeKey"],
    "ReadPublicKeys": ["kms:GetPublicKey"],
    "SignDigests": ["kms:Sign"],
    "DeleteKeys": ["kms:ScheduleKeyDeletion"],
}


def iam_policy(*words):
    return subprocess.run(
        [os.path.join(build_folder(), "privyseal"), "iam-policy", *words], text=True,
        capture_output=True, timeout=DEADLINE, env=clean_environment(), cwd="/",
        user="nobody")


def tags(kind, which):
    return {f"aws:{kind}tag/{name}".lower(): [value] for name, value in which.items()}


def may(policy, action, key_tags=OURS, request_tags=None, more=None):
    """As the KMS of the tests asks; without one's own tags in the request where a key is
    there already."""
    context = tags("resource", key_tags)
    if request_tags is not None:
        context |= tags("request", request_tags)
    if action == "kms:Sign":
        context |= DIGEST | (more or {})
    resource = KEY if request_tags is None else NEW
    return iam.allows(policy, action, resource, context)


def works(policy, function):
    request = OURS if function == "CreateKeys" else None
    return all(may(policy, action, OURS, request) for action in FUNCTIONS[function])


def permits_its_own(policy):
    for function in FUNCTIONS:
        assert works(policy, function), function
    for algorithm in ("RSASSA_PKCS1_V1_5_SHA_256", "RSASSA_PKCS1_V1_5_SHA_512", "ECDSA_SHA_256",
                      "ECDSA_SHA_384"):
        assert may(policy, "kms:Sign", more={"kms:signingalgorithm": [algorithm]}), algorithm


def refuses_others(policy):
    foreign = (
        OURS | {"TeleportCluster": "other.com"}, OURS | {"TeleportCluster": "example.com.evil"},
        OURS | {"TeleportCluster": "EXAMPLE.com"}, OURS | {"env": "test"},
        {"env": "prod"}, {"TeleportCluster": "example.com"}, {},
    )
    for key in foreign:
        for function, actions in FUNCTIONS.items():
            for action in actions:
                if action in ("kms:ListKeys", "kms:CreateKey", "kms:TagResource"):
                    continue
                assert not may(policy, action, key), (action, key)
        for action in FUNCTIONS["CreateKeys"]:
            assert not may(policy, action, key, key), (action, key)
        # A key of somebody else's can't be made ours by its tags, nor ours another's.
        assert not may(policy, "kms:TagResource", key, OURS), key
        assert not may(policy, "kms:TagResource", OURS, key), key
    for more in ({"kms:messagetype": ["RAW"]}, {"kms:messagetype": []},
                 {"kms:signingalgorithm": ["RSASSA_PSS_SHA_256"]},
                 {"kms:signingalgorithm": ["RSASSA_PKCS1_V1_5_SHA_384"]},
                 {"kms:signingalgorithm": []}):
        assert not may(policy, "kms:Sign", more=more), more
    for action in ("Decrypt", "Encrypt", "CreateGrant", "PutKeyPolicy", "DisableKey",
                   "CancelKeyDeletion", "UntagResource", "CreateAlias", "GenerateDataKey",
                   "ReplicateKey", "UpdatePrimaryRegion", "Verify", "ImportKeyMaterial"):
        assert not may(policy, f"kms:{action}") and not may(policy, f"kms:{action}", OURS, OURS)


def each_permission_is_needed(policy):
    """Without any of them one function of that name fails, and no other."""
    for number, statement in enumerate(policy["Statement"]):
        assert statement["Action"] == FUNCTIONS[statement["Sid"]], statement
        for action in statement["Action"]:
            cut = copy.deepcopy(policy)
            cut["Statement"][number]["Action"].remove(action)
            broken = [function for function in FUNCTIONS if not works(cut, function)]
            assert broken == [statement["Sid"]], (action, broken)
        cut = copy.deepcopy(policy)
        del cut["Statement"][number]
        broken = [function for function in FUNCTIONS if not works(cut, function)]
        assert broken == [statement["Sid"]], broken


def each_condition_is_needed(policy):
    """Without any of them what it keeps from happening is permitted."""
    for number, statement in enumerate(policy["Statement"]):
        for name in statement.get("Condition", {}).get("StringEquals", {}):
            cut = copy.deepcopy(policy)
            del cut["Statement"][number]["Condition"]["StringEquals"][name]
            try:
                refuses_others(cut)
            except AssertionError:
                continue
            raise AssertionError(f"{statement['Sid']}: {name} refuses nothing")


def main():
    said = iam_policy("--cluster", "example.com", "--tag", "env=prod")
    assert said.returncode == 0 and not said.stderr, said
    policy = json.loads(said.stdout)
    permits_its_own(policy)
    refuses_others(policy)
    each_permission_is_needed(policy)
    each_condition_is_needed(policy)

    sids = subprocess.run(["jq", "-er", ".Statement[].Sid"], input=said.stdout, text=True,
                          capture_output=True, check=True).stdout.split()
    assert sids == list(FUNCTIONS), sids
    # Letters of any script are escaped, so that a terminal shows what is there.
    said = iam_policy("--cluster", "z\u00fcrich \u65e5\u672c", "--tag=a:b/c=+-=._:/@ ")
    assert said.stdout.isascii() and "\\u00fc" in said.stdout, said
    equals = json.loads(said.stdout)["Statement"][2]["Condition"]["StringEquals"]
    assert equals == {"aws:ResourceTag/TeleportCluster": "z\u00fcrich \u65e5\u672c",
                      "aws:ResourceTag/a:b/c": "+-=._:/@ "}, equals

    for words in ((), ("--cluster",), ("--cluster", "${aws:username}"), ("--cluster", "a", "b"),
                  ("--cluster=a", "--tag=b"), ("--cluster=a", "--cluster=b")):
        said = iam_policy(*words)
        assert said.returncode == 2 and not said.stdout and "--help" in said.stderr, said
    long = [f"--tag=tag{number}={'v' * 200}" for number in range(20)]
    said = iam_policy("--cluster", "a", *long)
    assert said.returncode == 1 and not said.stdout and "6144" in said.stderr, said


if __name__ == "__main__":
    main()
