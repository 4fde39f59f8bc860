#!/usr/bin/python3
"""Credentials of the instance metadata service on its real addresses, in networks of the
story's own: privyseald starts only where root is answered and the workers' user refused,
and says which command makes it so."""

import ctypes
import os

import kms_story
import metadata
import rig
import story
from guard_net import Network

CLONE_NEWNET = 0x40000000
ADDRESSES = {"IPv4": "169.254.169.254", "IPv6": "fd00:ec2::254"}


class Provider(Network):
    def serve(self):
        """Nothing yet: the story has a service of its own."""


def enter(path):
    libc = ctypes.CDLL(None, use_errno=True)
    with open(path) as namespace:
        assert libc.setns(namespace.fileno(), CLONE_NEWNET) == 0, os.strerror(
            ctypes.get_errno())


def serve(net, endpoints):
    """The service's sockets belong to the provider's network, all else to the host's."""
    enter(f"/run/netns/{net.names['provider']}")
    services = [metadata.Metadata(endpoints, 3600, address, 80)
                for address in ADDRESSES.values()]
    enter(f"/run/netns/{net.names['host']}")
    return services


def daemon(build, where, endpoints, mode):
    environment = story.clean_environment()
    environment.update({
        "AWS_ENDPOINT_URL": endpoints.url, "AWS_CA_BUNDLE": endpoints.ca,
        "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": mode})
    return story.Daemon(build, where, environment=environment)


def check_refused(build, where, endpoints, mode, said):
    before = os.path.getsize(where.log) if os.path.exists(where.log) else 0
    one = daemon(build, where, endpoints, mode)
    one.start_unready()
    try:
        assert one.process.wait(story.DEADLINE) == 1
    finally:
        one.kill()
    logged = one.logged()[before:]
    assert ADDRESSES[mode] in logged and said in logged, logged
    assert "generation 1 serves" not in logged, logged


def check_serves(build, where, endpoints, mode):
    with daemon(build, where, endpoints, mode) as one, one.connect() as pipe:
        pipe.result("ssh-user", public_key=story.ed25519_key(), key_id="alice",
                    principals=["alice"], ttl="1h")
        shown = story.json.loads(one.cli("credentials", "--format", "json").stdout)
        assert shown["source"] == "instance metadata service", shown
        assert shown["role"] == metadata.ROLE and shown["usable"], shown


def check_mode(build, net, where, endpoints, mode):
    address = ADDRESSES[mode]
    check_refused(build, where, endpoints, mode, "run `privyseal-imds install`")
    net.guard("install", "--backend", "nft")
    check_serves(build, where, endpoints, mode)
    # Who is refused, root too, has no credentials from there.
    net.tables("nft", address, "-I", "OUTPUT", "-d", address, "-j", "REJECT")
    check_refused(build, where, endpoints, mode, "root is refused")
    net.tables("nft", address, "-D", "OUTPUT", "-d", address, "-j", "REJECT")
    # What is dropped for the user alone is a time-out, which proves nothing.
    net.guard("remove")
    drop = ("OUTPUT", "-d", address, "-m", "owner", "!", "--uid-owner", "0", "-j", "DROP")
    net.tables("nft", address, "-I", *drop)
    check_refused(build, where, endpoints, mode, "which proves nothing")
    net.tables("nft", address, "-D", *drop)


def main():
    build = story.build_folder()
    with Provider() as net:
        enter(f"/run/netns/{net.names['host']}")
        with rig.endpoints() as endpoints:
            where = kms_story.place()
            services = serve(net, endpoints)
            try:
                for mode in ADDRESSES:
                    check_mode(build, net, where, endpoints, mode)
                for service in services:
                    service.stop()
                check_refused(build, where, endpoints, "IPv4", "root is refused")
            finally:
                where.remove()


if __name__ == "__main__":
    main()
