#!/usr/bin/python3
"""The permissions that `privyseal iam-policy` prints, enforced by AWS's part: with them all
that the broker does works; without any of them exactly one of its functions fails, and says
which permission is missing; without any condition somebody who has stolen the credentials
can do one thing more, which has a name here."""

import copy
import json
import os
import re
import subprocess

import botocore.config
import botocore.exceptions
import botocore.session

import kms_story
import rig
import story

# Each statement is one of the broker's functions.
FUNCTIONS = {
    "FindKeys": {"kms:ListKeys"},
    "CreateKeys": {"kms:CreateKey", "kms:TagResource"},
    "ReadTags": {"kms:ListResourceTags"},
    "ReadStates": {"kms:DescribeKey"},
    "ReadPublicKeys": {"kms:GetPublicKey"},
    "SignDigests": {"kms:Sign"},
    "DeleteKeys": {"kms:ScheduleKeyDeletion"},
}
ACTIONS = sorted(action for needed in FUNCTIONS.values() for action in needed)
CHECKED = {"kms:DescribeKey", "kms:GetPublicKey", "kms:ListResourceTags", "kms:Sign"}
NEVER_AT_START = {"kms:ScheduleKeyDeletion"}


def generated(build):
    done = subprocess.run(
        [os.path.join(build, "privyseal"), "iam-policy", "--cluster", "example.com",
         "--tag", "team=pki"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def without(policy, *actions):
    cut = copy.deepcopy(policy)
    for statement in cut["Statement"]:
        statement["Action"] = [one for one in statement["Action"] if one not in actions]
    return cut


def named(said):
    """The permissions that an administrator is told to be missing."""
    return set(re.findall(r"(kms:\w+) is not permitted", said))


class World:
    def __init__(self, build, endpoints, policy):
        self.build = build
        self.endpoints = endpoints
        self.policy = policy
        self.where = kms_story.place()
        self.daemon = kms_story.daemon(build, self.where, endpoints)
        self.permit(policy)

    def permit(self, policy, *when):
        self.endpoints.do("policy", key=rig.KEY, policy=policy, when=when)

    def refused(self, since):
        """The operations that were, of the log from there on."""
        return {entry["operation"] for entry in self.endpoints.log()[since:]
                if entry.get("refused") == "AccessDeniedException"}

    def start(self):
        """None, or what a start that ends says."""
        open(self.where.log, "w").close()
        self.daemon.start_unready()
        story.wait_until("a start or its end", self.daemon.ready_or_dead)
        if self.daemon.process.poll() is None:
            return None
        return self.daemon.logged()

    def state_file(self):
        return os.path.join(self.where.state, "state.json")

    def remember(self):
        """The keys of the CAs, and the tags of one, to make others that look like it."""
        self.arns = {arn[len("awskms:"):] for arn in kms_story.state_keys(self.where).values()}
        self.tags = self.tags_of(
            kms_story.state_keys(self.where)["openssh", "ssh"][len("awskms:"):])
        with open(self.state_file()) as file:
            self.state = file.read()

    def tags_of(self, arn):
        key, = (key for key in self.endpoints.do("keys") if key["arn"] == arn)
        return [{"TagKey": name, "TagValue": value} for name, value in key["tags"].items()]

    def orphan(self):
        """A key of our making that no CA has."""
        arn = self.endpoints.do("make_key", spec="ECC_NIST_P256", tags=self.tags)
        self.endpoints.do("key", key=arn, created=3600)
        return arn

    # ---- the functions, each by itself: what came before was permitted all it needs, and
    # ---- from then on the policy is another. None, or what is told.

    def listed(self, cut, *when):
        self.permit(cut, *when)
        done = self.daemon.cli("keys", "list", "--format", "json")
        return json.loads(done.stdout)["keys"], done.stderr

    def find_keys(self, cut):
        keys, said = self.listed(cut)
        return None if self.arns <= {key["key"] for key in keys} else said

    def read_tags(self, cut):
        orphan = self.orphan()
        keys, said = self.listed(cut, "after ListKeys")
        self.endpoints.do("key", key=orphan, state="PendingDeletion")
        found = [key["ca"] for key in keys if key["key"] == orphan]
        return None if found == ["openssh"] else said

    def read_states(self, cut):
        keys, said = self.listed(cut, "after ListKeys", "before DescribeKey")
        states = {key["state"] for key in keys if key["key"] in self.arns}
        return None if states == {"Enabled"} else said

    def sign_digests(self, cut):
        self.permit(cut)
        with self.daemon.connect() as pipe:
            answer = pipe.call("ssh-user", public_key=story.ed25519_key(), key_id="alice",
                               principals=["alice"], ttl="1h")
        if "result" in answer:
            return None
        said = answer["error"]["message"]
        # Who the broker is to AWS, and which key it asks for, is root's alone to know.
        assert "arn:" not in said and "arn:" in self.daemon.logged(), said
        return said

    def delete_keys(self, cut):
        orphan = self.orphan()
        self.permit(cut, "before ScheduleKeyDeletion")
        done = self.daemon.cli("keys", "delete-unused", "--yes")
        state, = (key["state"] for key in self.endpoints.do("keys") if key["arn"] == orphan)
        assert (state == "PendingDeletion") == (done.returncode == 0), (state, done)
        self.endpoints.do("key", key=orphan, state="PendingDeletion")
        return None if done.returncode == 0 else done.stderr + done.stdout

    def make(self, cut, when):
        """The start of an installation whose openssh CA lacks its key."""
        with open(self.state_file(), "w") as file:
            file.write(self.state)
        kms_story.forget_key(self.where, "openssh")
        before = len(self.endpoints.do("keys"))
        self.permit(cut, when)
        said = self.start()
        if said is None:
            assert self.daemon.stop() == 0
        return said, len(self.endpoints.do("keys")) - before

    def create_keys(self, cut):
        said, made = self.make(cut, "before CreateKey")
        logged = "AWS KMS made key" in self.daemon.logged()
        assert made == logged, (made, self.daemon.logged())
        return None if logged else said

    def read_public_keys(self, cut):
        return self.make(cut, "after CreateKey")[0]


def drive(world, function, action):
    """Does it work without this permission? If not, who asked and the log are told so."""
    do = getattr(world, re.sub("(?<=.)(?=[A-Z])", "_", function).lower())
    since = len(world.endpoints.log())
    open(world.where.log, "w").close()
    said = do(without(world.policy, action) if action else world.policy)
    world.permit(world.policy)
    refused = world.refused(since)
    operation = "CreateKey" if action == "kms:TagResource" else (action or ":").split(":")[1]
    assert refused <= {operation}, (function, action, refused)
    if said is not None:
        assert named(said) == {action}, (function, action, said)
        logged = world.daemon.logged()
        for text in (said, logged):
            assert f"({function} of `privyseal iam-policy`)" in text, (function, action, text)
        assert action in named(logged), (function, action, logged)
    return said is None


def check_functions(world):
    """Each function by itself, without each permission."""
    makes = ("CreateKeys", "ReadPublicKeys")
    works = {}
    with world.daemon:
        world.remember()
        assert not world.refused(0), world.refused(0)
        for function in FUNCTIONS:
            if function not in makes:
                for action in (None, *ACTIONS):
                    works[function, action] = drive(world, function, action)
    for function in makes:
        for action in (None, *ACTIONS):
            works[function, action] = drive(world, function, action)
    with open(world.state_file(), "w") as file:
        file.write(world.state)
    print(f"{'without':24}" + "".join(f"{function:>16}" for function in FUNCTIONS))
    for action in (None, *ACTIONS):
        print(f"{action or 'nothing':24}" + "".join(
            f"{'works' if works[function, action] else 'FAILS':>16}" for function in FUNCTIONS))
    for function, needed in FUNCTIONS.items():
        for action in (None, *ACTIONS):
            assert works[function, action] == (action not in needed), (function, action)


def check_restart(world):
    """A start looks at each key, and names every permission that it lacks for that."""
    for lacks in [{action} for action in CHECKED] + [CHECKED]:
        world.permit(without(world.policy, *lacks))
        said = world.start()
        assert said is not None and "`privyseal iam-policy`" in said, said
        assert any(all(action in line for action in lacks) for line in said.splitlines()), said
        assert not any(action in said for action in set(ACTIONS) - lacks), (lacks, said)
    world.permit(world.policy)
    assert world.start() is None
    assert world.daemon.stop() == 0


def check_first_start(build, policy, action):
    """What is missing shows at once: the start ends, or what it has made is looked at."""
    with rig.endpoints() as endpoints:
        world = World(build, endpoints, without(policy, action))
        try:
            said = world.start()
            if action in NEVER_AT_START or action in ("kms:DescribeKey", "kms:ListResourceTags"):
                assert said is None, said
                if action not in NEVER_AT_START:
                    story.wait_until("what is missing", lambda: (
                        named(world.daemon.logged()) == {action}))
                    alerts = [one["id"] for one in world.daemon.admin_report()["alerts"]]
                    assert "keystore-unavailable/aws_kms" in alerts, alerts
                assert world.daemon.stop() == 0
            else:
                assert said is not None and named(said) == {action}, said
        finally:
            world.daemon.kill()
            world.where.remove()


# ---- with stolen credentials ----

CLUSTER, TEAM = "TeleportCluster", "team"
OURS = {CLUSTER: "example.com", TEAM: "pki"}
THEIRS = {CLUSTER: {**OURS, CLUSTER: "other.com"}, TEAM: {**OURS, TEAM: "ops"}}


def as_tags(tags):
    return [{"TagKey": name, "TagValue": value} for name, value in tags.items()]


class Thief:
    """Speaks to KMS by himself."""

    def __init__(self, endpoints):
        self.endpoints = endpoints
        self.kms = botocore.session.get_session().create_client(
            "kms", "us-west-2", endpoint_url=endpoints.url, verify=endpoints.ca,
            aws_access_key_id=rig.KEY, aws_secret_access_key=rig.SECRET,
            config=botocore.config.Config(retries={"max_attempts": 0}))
        self.rsa = self.key(OURS, "RSA_2048")

    def key(self, tags, spec="ECC_NIST_P256"):
        return self.endpoints.do("make_key", spec=spec, tags=as_tags(tags))

    def sign(self, key, kind="DIGEST", algorithm="ECDSA_SHA_256"):
        return self.kms.sign(KeyId=key, Message=bytes(32), MessageType=kind,
                             SigningAlgorithm=algorithm)

    def attacks(self):
        """What each condition keeps him from: (statement, condition) -> an act."""
        acts = {
            # what the broker never hashed, and a signature that its readers do not expect
            ("SignDigests", "kms:MessageType"): lambda: self.sign(self.key(OURS), kind="RAW"),
            ("SignDigests", "kms:SigningAlgorithm"): lambda: self.sign(
                self.rsa, algorithm="RSASSA_PSS_SHA_256"),
        }
        for tag, theirs in THEIRS.items():
            of_key = f"aws:ResourceTag/{tag}"
            for statement, act in {
                "SignDigests": self.sign,
                "ReadTags": lambda key: self.kms.list_resource_tags(KeyId=key),
                "ReadStates": lambda key: self.kms.describe_key(KeyId=key),
                "ReadPublicKeys": lambda key: self.kms.get_public_key(KeyId=key),
                "DeleteKeys": lambda key: self.kms.schedule_key_deletion(KeyId=key),
                # a key of others becomes ours
                "CreateKeys": lambda key: self.kms.tag_resource(KeyId=key, Tags=as_tags(OURS)),
            }.items():
                acts[statement, of_key] = lambda act=act, theirs=theirs: act(self.key(theirs))
            # a key of ours is given away
            acts["CreateKeys", f"aws:RequestTag/{tag}"] = lambda theirs=theirs: (
                self.kms.tag_resource(KeyId=self.key(OURS), Tags=as_tags(theirs)))
        return acts


def succeeds(act):
    try:
        act()
    except botocore.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDeniedException", error
        return False
    return True


def check_conditions(world):
    attacks = Thief(world.endpoints).attacks()
    conditions = {(one["Sid"], name): (number, operator)
                  for number, one in enumerate(world.policy["Statement"])
                  for operator, keys in one.get("Condition", {}).items() for name in keys}
    assert set(attacks) == set(conditions), set(attacks) ^ set(conditions)
    for attack in attacks.values():
        assert not succeeds(attack)
    for condition, (number, operator) in conditions.items():
        cut = copy.deepcopy(world.policy)
        del cut["Statement"][number]["Condition"][operator][condition[1]]
        world.permit(cut)
        passed = {name for name, attack in attacks.items() if succeeds(attack)}
        print(f"without {condition}: {sorted(passed)}")
        assert passed == {condition}, (condition, passed)
    world.permit(world.policy)


def main():
    build = story.build_folder()
    policy = generated(build)
    assert {one["Sid"]: set(one["Action"]) for one in policy["Statement"]} == FUNCTIONS, policy
    with rig.endpoints() as endpoints:
        world = World(build, endpoints, policy)
        try:
            check_functions(world)
            check_restart(world)
            check_conditions(world)
        finally:
            world.daemon.kill()
            world.where.remove()
    for action in ACTIONS:
        check_first_start(build, policy, action)


if __name__ == "__main__":
    main()
