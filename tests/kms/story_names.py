#!/usr/bin/python3
"""Endpoints by name: a sealed resolver finds their addresses and is replaced when it dies,
while signing goes on with the addresses that are known. A broker with software keys has
no resolver and no network."""

import json
import os
import signal

import kms_story
import rig
import story


def sign(pipe):
    pipe.result("ssh-user", public_key=story.ed25519_key(), key_id="alice",
                principals=["alice"], ttl="1h")


def check_seals(daemon):
    done = daemon.cli("doctor", "--format", "json")
    assert done.returncode == 0, done.stdout
    seen = {process["role"]: process for process in json.loads(done.stdout)["processes"]}
    assert set(seen) == {"supervisor", "networked-broker", "worker", "resolver"}, seen.keys()
    network, = (f for f in seen["resolver"]["findings"] if f["what"] == "network")
    assert network["promised"] == "UDP and TCP, to name servers", network


def check_replacement(daemon, pipe):
    """The second one is started by a supervisor that has sealed itself."""
    for _ in range(3):
        before, = daemon.processes()["resolver"]
        os.kill(before, signal.SIGKILL)
        sign(pipe)
        story.wait_until("another resolver", lambda: daemon.processes().get(
            "resolver", [before]) != [before])
        sign(pipe)
        assert daemon.cli("doctor").returncode == 0


def check_software(build):
    place = story.Place()
    with story.Daemon(build, place) as daemon:
        assert set(daemon.processes()) == {"supervisor", "broker", "worker"}
    place.remove()


class ByName:
    """The endpoints, by another URL."""

    def __init__(self, endpoints, host):
        self.endpoints, self.host = endpoints, host

    def environment(self, **credentials):
        return {**self.endpoints.environment(**credentials),
                "AWS_ENDPOINT_URL": f"https://{self.host}:{self.endpoints.port}"}


def check_address(build):
    """One that is an address already, of IPv6 by its form, has no resolver."""
    with rig.endpoints("[::ffff:127.0.0.1]") as endpoints:
        where = kms_story.place()
        with kms_story.daemon(build, where, endpoints) as daemon, daemon.connect() as pipe:
            sign(pipe)
            assert "resolver" not in daemon.processes()
        where.remove()


def check_unknown_name(build, endpoints):
    """A start that finds no address says whose, and ends."""
    where = kms_story.place()
    environment = story.clean_environment()
    environment.update(ByName(endpoints, "nowhere.invalid").environment())
    done = story.subprocess.run(
        [build + "/privyseald", *where.flags()], capture_output=True, text=True, timeout=90, env=environment)
    assert done.returncode == 1, done
    assert "no address of nowhere.invalid" in done.stderr, done.stderr
    where.remove()


def main():
    build = story.build_folder()
    with rig.endpoints() as endpoints:
        where = kms_story.place()
        with kms_story.daemon(build, where, ByName(endpoints, "localhost")) as daemon:
            with daemon.connect() as pipe:
                sign(pipe)
                check_seals(daemon)
                check_replacement(daemon, pipe)
        lost = [e for e in where.record() if e["event"] == "resolver-lost"]
        assert [e["how"] for e in lost] == ["was killed by SIGKILL"] * 3, lost
        where.remove()
        check_unknown_name(build, endpoints)
    check_address(build)
    check_software(build)


main()
