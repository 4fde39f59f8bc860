#!/usr/bin/python3
"""While the clock is behind the record's last time nothing is signed, and why is said."""
import glob
import hashlib
import json

from story import Daemon, Place, build_folder, ed25519_key

FUTURE = "2199-01-01T00:00:00.000000Z"


def append_later_line(place):
    """As if the last run had had another clock."""
    segment = sorted(glob.glob(place.state + "/audit/*.jsonl"))[-1]
    with open(segment, "rb") as lines:
        last = lines.read().split(b"\n")[-2]
    entry = {"seq": json.loads(last)["seq"] + 1, "time": FUTURE,
             "prev": hashlib.sha256(last).hexdigest(), "event": "stop", "policy": ""}
    with open(segment, "ab") as lines:
        lines.write(json.dumps(entry, separators=(",", ":")).encode() + b"\n")


def main():
    place, key = Place(), ed25519_key()
    asked = {"public_key": key, "key_id": "a", "ttl": 60, "principals": ["deploy"]}
    with Daemon(build_folder(), place) as daemon, daemon.connect() as pipe:
        pipe.result("ssh-user", **asked)
    append_later_line(place)
    for _ in range(2):  # a start's own line has the earlier time, and changes nothing
        with Daemon(build_folder(), place) as daemon, daemon.connect() as pipe:
            error = pipe.error(-32002, "ssh-user", **asked)
            assert "clock" in error["message"], error
            assert error["data"]["retryable"] is True, error
            for _ in range(20):
                pipe.error(-32002, "ssh-user", **asked)
            assert daemon.admin_report()["counters"]["refused"] == 0
    assert daemon.logged().count("host's clock is") == 2, daemon.logged()
    assert len([e for e in place.record() if e["event"] == "sign"]) == 1
    place.remove()


main()
