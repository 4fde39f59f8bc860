#!/usr/bin/python3
"""Ten thousand certificates over one pipe leave every process as large as after one thousand."""
from story import Daemon, Place, build_folder, describe, ed25519_key, own_memory

KIBIBYTE = 1 << 10
LOST = 256 * KIBIBYTE  # less than the smallest allocation for each of 9,000
IN_FLIGHT = 64


def issue(pipe, key, count):
    asked = answered = 0
    while answered < count:
        while asked < count and asked - answered < IN_FLIGHT:
            pipe.send("ssh-user", public_key=key, key_id="steady", principals=["deploy"], ttl=600)
            asked += 1
        answer = pipe.receive()
        assert "result" in answer, answer
        answered += 1
    return answer["result"]["certificate"]


def sizes(daemon):
    return {(role, pid): own_memory(pid)
            for role, pids in daemon.processes().items() for pid in pids}


def main():
    place = Place()
    with Daemon(build_folder(), place) as daemon, daemon.connect() as pipe:
        key = ed25519_key()
        issue(pipe, key, 1000)
        early = sizes(daemon)
        last = issue(pipe, key, 9000)
        late = sizes(daemon)
        assert "user certificate" in describe(last)
        syncs = sum(daemon.admin_report()["record"]["sync"]["buckets"])
        print(f"{syncs} syncs of the record for 10,000 certificates")
        assert 0 < syncs < 5000, "requests do not share their syncs"
        assert early.keys() == late.keys(), (early, late)
        for process, size in sorted(late.items()):
            print(f"{process[0]}: {early[process] // KIBIBYTE} KiB after 1,000, "
                  f"{size // KIBIBYTE} KiB after 10,000")
            assert size - early[process] < LOST, (process, early[process], size)
    record = place.record()
    signs = {e["seq"]: e["serial"] for e in record if e["event"] == "sign"}
    own = {e["seq"] for e in record if e["event"] == "ca-sign"}
    outcomes = {e["of"] for e in record if e["event"] == "outcome" and e["outcome"] == "signed"}
    assert len(signs) == 10000 and outcomes == set(signs) | own, (len(signs), len(outcomes))
    assert len(set(signs.values())) == 10000, "a serial was used twice"
    place.remove()


main()
