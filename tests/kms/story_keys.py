#!/usr/bin/python3
"""Root sees every key of the cluster and may delete those that nobody uses: never one
that a CA has, nor one that this installation did not make, nor any when it is not sure."""

import json

import kms_story
import rig
import story


def listed(daemon, *words):
    done = daemon.cli("keys", *words, "--format", "json")
    return done, {key["key"]: key for key in json.loads(done.stdout)["keys"]}


def check_all_in_use(daemon, where):
    done, keys = listed(daemon, "list")
    assert done.returncode == 0, done.stderr
    ours = {identifier[len("awskms:"):]: place
            for place, identifier in kms_story.state_keys(where).items()}
    assert set(keys) == set(ours)
    for arn, place in ours.items():
        assert keys[arn]["use"] == "in use", keys[arn]
        assert (keys[arn]["ca"], keys[arn]["purpose"]) == place
    text = daemon.cli("keys", "list")
    assert text.returncode == 0 and text.stdout.count("in use") == len(ours), text.stdout
    none = daemon.cli("keys", "delete-unused", "--yes")
    assert none.returncode == 0 and "no unused key" in none.stdout, none.stdout


def deletions(endpoints):
    return kms_story.calls(endpoints, "ScheduleKeyDeletion")


def check_deletion(daemon, where, endpoints, orphan):
    done, keys = listed(daemon, "list")
    assert keys[orphan]["use"] == "new", keys[orphan]
    kept = daemon.cli("keys", "delete-unused", "--yes")
    assert kept.returncode == 0 and not deletions(endpoints), kept.stdout
    endpoints.do("key", key=orphan, created=3600)
    shown = daemon.cli("keys", "delete-unused")
    assert shown.returncode == 0 and orphan in shown.stdout, shown
    assert "nothing is deleted without --yes" in shown.stdout and not deletions(endpoints)
    done = daemon.cli("keys", "delete-unused", "--yes")
    assert done.returncode == 0 and "pending deletion, deletion scheduled" in done.stdout, done
    assert [call["KeyId"] for call in deletions(endpoints)] == [orphan]
    states = {key["arn"]: key["state"] for key in endpoints.do("keys")}
    assert [arn for arn in states if states[arn] != "Enabled"] == [orphan], states
    record = list(where.record())
    wish = [entry for entry in record if entry["event"] == "key-delete"]
    assert len(wish) == 1 and wish[0]["key"] == orphan and wish[0]["uid"] == 0, wish
    outcome = [entry for entry in record if entry.get("of") == wish[0]["seq"]]
    assert outcome and outcome[0]["outcome"] == "scheduled", record[-4:]
    assert outcome[0]["kms_request_id"] == deletions(endpoints)[0]["id"]


def check_doubts(daemon, endpoints, orphan):
    """A second orphan is kept as long as anything speaks against it."""
    endpoints.do("key", key=orphan, created=3600)
    tags = {"TeleportCluster": "example.com", "PrivysealInstance": "f" * 32}
    endpoints.do("make_key", spec="ECC_NIST_P256", tags=[
        {"TagKey": name, "TagValue": value} for name, value in tags.items()])
    done = daemon.cli("keys", "delete-unused", "--yes")
    assert done.returncode == 1 and len(deletions(endpoints)) == 1, done
    assert "another privyseal" in done.stderr, done.stderr
    assert daemon.cli("keys", "list").returncode == 0
    alerts = [alert["id"] for alert in daemon.admin_report()["alerts"]]
    assert "other-instance" in alerts, alerts


def check_refused(daemon):
    for words in ((), ("delete",), ("list", "--yes"), ("delete-unused", "--no")):
        done = daemon.cli("keys", *words)
        assert done.returncode == 2 and done.stderr, (words, done)


def main():
    build = story.build_folder()
    with rig.endpoints() as endpoints:
        where = kms_story.place()
        try:
            with kms_story.daemon(build, where, endpoints) as daemon:
                check_all_in_use(daemon, where)
                check_refused(daemon)
            orphans = []
            for ca in ("openssh", "openssh"):
                orphans.append(kms_story.state_keys(where)[(ca, "ssh")][len("awskms:"):])
                kms_story.forget_key(where, ca)
                with kms_story.daemon(build, where, endpoints) as daemon:
                    if len(orphans) == 1:
                        check_deletion(daemon, where, endpoints, orphans[0])
                    else:
                        check_doubts(daemon, endpoints, orphans[1])
        finally:
            where.remove()


main()
