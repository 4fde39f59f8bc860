#!/usr/bin/python3
"""The permissions that `privyseal iam-policy` prints, enforced by AWS's part: with them all
that the broker does works; without any of them exactly one of its functions is refused, and
whoever needed it reads which permission is missing."""

import copy
import json
import os
import subprocess

import kms_story
import rig
import story

# Without a permission: what fails of what people do.
FAILS = {
    "kms:ListKeys": {"first start", "keys list", "keys delete-unused"},
    "kms:CreateKey": {"first start"},
    "kms:TagResource": {"first start"},
    "kms:ListResourceTags": {"restart", "keys list", "keys delete-unused"},
    "kms:DescribeKey": {"restart", "keys list", "keys delete-unused"},
    "kms:GetPublicKey": {"first start", "restart"},
    "kms:Sign": {"first start", "restart", "certificate"},
    "kms:ScheduleKeyDeletion": {"keys delete-unused"},
}


def generated(build):
    done = subprocess.run(
        [os.path.join(build, "privyseal"), "iam-policy", "--cluster", "example.com",
         "--tag", "team=pki"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def without(policy, action):
    """The policy, and the name of the statement that lost the action."""
    cut = copy.deepcopy(policy)
    statement, = (one for one in cut["Statement"] if action in one["Action"])
    statement["Action"].remove(action)
    return cut, statement["Sid"]


class World:
    def __init__(self, build, endpoints, policy):
        self.build = build
        self.endpoints = endpoints
        self.policy = policy
        self.where = kms_story.place()
        self.daemon = kms_story.daemon(build, self.where, endpoints)

    def permit(self, policy):
        self.endpoints.do("policy", key=rig.KEY, policy=policy)

    def refused(self, since):
        """The operations that were, of the log from there on."""
        return {entry["operation"] for entry in self.endpoints.log()[since:]
                if entry.get("refused") == "AccessDeniedException"}

    def start(self, where):
        """None, or what a start that ends says."""
        open(where.log, "w").close()
        daemon = kms_story.daemon(self.build, where, self.endpoints)
        daemon.start_unready()
        try:
            story.wait_until("a start or its end", daemon.ready_or_dead)
            if daemon.process.poll() is not None:
                return daemon.logged()
            assert daemon.stop() == 0
            return None
        finally:
            daemon.kill()

    # ---- what people do: None, or what they are told ----

    def restart(self):
        self.daemon.stop()
        said = self.start(self.where)
        self.permit(self.policy)
        self.daemon.start()
        return said

    def certificate(self):
        with self.daemon.connect() as pipe:
            answer = pipe.call("ssh-user", public_key=story.ed25519_key(), key_id="alice",
                               principals=["alice"], ttl="1h")
        return answer.get("error", {}).get("message")

    def keys(self, *words):
        done = self.daemon.cli("keys", *words)
        return None if done.returncode == 0 else done.stderr + done.stdout

    def keys_list(self):
        return self.keys("list")

    def keys_delete_unused(self):
        orphan = self.endpoints.do("make_key", spec="ECC_NIST_P256", tags=self.tags)
        self.endpoints.do("key", key=orphan, created=3600)
        said = self.keys("delete-unused", "--yes")
        state, = (key["state"] for key in self.endpoints.do("keys") if key["arn"] == orphan)
        assert (state == "PendingDeletion") == (said is None), (state, said)
        self.endpoints.do("key", key=orphan, state="PendingDeletion")
        return said

    def remember_tags(self):
        """Those of the openssh CA's key, so that more can be made that look like it."""
        arn = kms_story.state_keys(self.where)["openssh", "ssh"][len("awskms:"):]
        key, = (key for key in self.endpoints.do("keys") if key["arn"] == arn)
        self.tags = [{"TagKey": name, "TagValue": value}
                     for name, value in key["tags"].items()]


def doings(world):
    return {"certificate": world.certificate, "keys list": world.keys_list,
            "keys delete-unused": world.keys_delete_unused, "restart": world.restart}


def check_cut(world, action):
    cut, function = without(world.policy, action)
    operation = "CreateKey" if function == "CreateKeys" else action.partition(":")[2]
    failed = set()
    for name, do in doings(world).items():
        since = len(world.endpoints.log())
        world.permit(cut)
        said = do()
        world.permit(world.policy)
        refused = world.refused(since)
        assert refused <= {operation}, (action, name, refused)
        if said is not None:
            assert action in said, (action, name, said)
            failed.add(name)
    assert failed == FAILS[action] - {"first start"}, (action, failed)


def check_first_start(build, policy, action):
    """Whatever it takes to make keys and their certificates."""
    with rig.endpoints() as endpoints:
        world = World(build, endpoints, policy)
        world.permit(without(policy, action)[0])
        try:
            said = world.start(world.where)
            assert (said is not None) == ("first start" in FAILS[action]), (action, said)
            assert said is None or action in said, (action, said)
        finally:
            world.where.remove()


def main():
    build = story.build_folder()
    policy = generated(build)
    actions = [action for one in policy["Statement"] for action in one["Action"]]
    assert set(actions) == set(FAILS), actions
    with rig.endpoints() as endpoints:
        world = World(build, endpoints, policy)
        world.permit(policy)
        try:
            with world.daemon:
                world.remember_tags()
                for name, do in doings(world).items():
                    said = do()
                    assert said is None, (name, said)
                assert not world.refused(0), world.refused(0)
                for action in actions:
                    check_cut(world, action)
        finally:
            world.where.remove()
    for action in actions:
        check_first_start(build, policy, action)


if __name__ == "__main__":
    main()
