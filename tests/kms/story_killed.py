#!/usr/bin/python3
"""A broker that is killed while it makes the CAs' keys, at any of its requests or of its calls
that make something durable, leaves no key in AWS KMS that the next start does not find."""

import concurrent.futures
import contextlib
import itertools
import os
import signal
import tempfile

import kms_story
import rig
import story
from story_killed_anywhere import stopped_child, trace, waiting_build

ARN = "awskms:"
AT_ONCE = 16  # they mostly wait: a key that was cut off is looked for ten seconds


def ask(pipe, method):
    return pipe.result(method, public_key=story.ed25519_key(), principals=["localhost"],
                       key_id="a")


def accounted_for(where, endpoints):
    """Each key at the endpoints is one of the state's, and each of the state's is there."""
    made = {ARN + key["arn"] for key in endpoints.do("keys")}
    known = set(kms_story.state_keys(where).values())
    assert made == known, f"orphans: {made - known}, unknown: {known - made}"


def certificate(build, where, endpoints):
    with kms_story.daemon(build, where, endpoints) as daemon, daemon.connect() as pipe:
        ask(pipe, "ssh-user")
        ask(pipe, "ssh-host")


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


def killed_at_call(build, folder, call, number):
    """False once the first start is over with fewer calls that change a file."""
    where = kms_story.place()
    with rig.endpoints("127.0.0.1") as endpoints:
        daemon = kms_story.daemon(folder, where, endpoints)
        daemon.start_unready()
        try:
            pid = story.wait_until("the broker", lambda: stopped_child(daemon.process.pid))
            tracer = trace(pid, call, number, where.path + "/strace")
            os.kill(pid, signal.SIGCONT)
            story.wait_until("readiness or the end", daemon.ready_or_dead)
            if daemon.process.poll() is None:
                daemon.process.send_signal(signal.SIGTERM)
            daemon.process.wait(story.DEADLINE)
        finally:
            daemon.kill()
        tracer.wait(story.DEADLINE)
        tracer.stderr.close()
        with open(where.path + "/strace") as said:
            struck = "killed by SIGKILL" in said.read()
        try:
            certificate(build, where, endpoints)
            accounted_for(where, endpoints)
        except BaseException as error:
            raise AssertionError(f"killed before {call} {number}: {error!r}") from error
    where.remove()
    return struck


def killed_at_any_call(build):
    points = {}
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool, \
            tempfile.TemporaryDirectory() as folder:
        waiting_build(build, folder)
        for call in ("renameat", "fdatasync"):
            for first in itertools.count(1, AT_ONCE):
                runs = [pool.submit(killed_at_call, build, folder, call, number)
                        for number in range(first, first + AT_ONCE)]
                struck = [run.result() for run in runs]
                points[call] = points.get(call, 0) + sum(struck)
                if not all(struck):
                    break
                assert first < 200, "no end"
    assert min(points.values()) > 5, f"{points}: is the broker traced at all?"
    print(f"killed before each call of a kind: {points}: no orphan")


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
        for first in itertools.count(0, AT_ONCE // 2):
            runs = [pool.submit(killed_at, build, number, when)
                    for number in range(first, first + AT_ONCE // 2)
                    for when in ("before", "after")]
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


def made_and_denied(build):
    """AWS has made a key, and says that it could not."""
    for fault in ({"status": 500}, {"status": 504},
                  {"code": "KMSInternalException", "status": 500}):
        where = kms_story.place()
        with rig.endpoints() as endpoints:
            endpoints.do("faults", rows=[
                {"operation": "CreateKey", "kind": "error", "when": "after", **fault}])
            certificate(build, where, endpoints)
            accounted_for(where, endpoints)
        where.remove()
    print("HTTP 500 and 504 after a key was made: it is found, and no other is made")


def main():
    build = story.build_folder()
    made_and_denied(build)
    killed_anywhere(build)
    killed_at_any_call(build)


main()
