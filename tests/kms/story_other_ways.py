#!/usr/bin/python3
"""Between the keystores: software keys go on after aws_kms was configured, keys in KMS are
not forgotten when the policy goes back, and a backup of a state with such keys is whole."""

import os

import kms_story
import rig
import story


def certificate(daemon):
    with daemon.connect() as pipe:
        return pipe.result("ssh-user", public_key=story.ed25519_key(), key_id="alice",
                           principals=["alice"], ttl="1h")["certificate"]


def check_software_keys_go_on(build, endpoints):
    where = story.Place()
    try:
        with story.Daemon(build, where) as daemon:
            certificate(daemon)
        before = kms_story.state_keys(where)
        where.write("privyseal.yaml", kms_story.CONFIG)
        where.write("policy.conf", kms_story.POLICY)
        with kms_story.daemon(build, where, endpoints) as daemon:
            certificate(daemon)
            assert "ca-key-types" in daemon.cli("status").stdout
        assert kms_story.state_keys(where) == before
        assert not kms_story.calls(endpoints, "CreateKey"), "a key was made unasked"
        assert not kms_story.calls(endpoints, "Sign"), "a software key was asked for at AWS"
    finally:
        where.remove()


def check_no_way_back(build, endpoints):
    where = kms_story.place()
    try:
        with kms_story.daemon(build, where, endpoints) as daemon:
            certificate(daemon)
            check_backup(build, where, daemon)
        where.write("privyseal.yaml", story.CONFIG)
        where.write("policy.conf", story.POLICY)
        daemon = story.Daemon(build, where)
        daemon.start_unready()
        assert daemon.process.wait(story.DEADLINE) == 1
        assert "but the policy says `keystore software`" in daemon.logged()
    finally:
        where.remove()


def check_backup(build, where, daemon):
    """It has the state, no key (they never leave), and can be restored elsewhere."""
    made = os.path.join(where.path, "backup")
    result = daemon.cli("backup", made, "--state-dir", where.state)
    assert result.returncode == 0, result.stderr
    assert os.listdir(os.path.join(made, "keys")) == []
    elsewhere = os.path.join(where.path, "elsewhere")
    result = daemon.cli("restore", made, "--state-dir", elsewhere)
    assert result.returncode == 0, result.stderr
    with open(os.path.join(elsewhere, "state.json")) as file:
        assert "awskms:arn:" in file.read()


def main():
    build = story.build_folder()
    with rig.endpoints() as endpoints:
        check_software_keys_go_on(build, endpoints)
        check_no_way_back(build, endpoints)


main()
