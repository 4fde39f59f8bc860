#!/usr/bin/python3
"""Credentials of the instance metadata service on its real addresses, in networks of the
story's own, with both back ends of the guard: privyseald starts only where root is answered
and the workers' user refused, and says which command makes it so."""

import ctypes
import os

import kms_story
import metadata
import rig
import story
from guard_net import USER, Network, with_each_backend

CLONE_NEWNET = 0x40000000
ADDRESSES = {"IPv4": "169.254.169.254", "IPv6": "fd00:ec2::254"}
CONTAINERS = ("169.254.170.2", "169.254.170.23", "fd00:ec2::23")

ASK = """
import sys, urllib.error, urllib.request
try:
    urllib.request.urlopen(sys.argv[1], timeout=2)
except urllib.error.HTTPError as error:
    print(error.code)
except urllib.error.URLError as error:
    print("refused" if isinstance(error.reason, ConnectionRefusedError) else error)
"""


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
                for address in (*ADDRESSES.values(), *CONTAINERS)]
    enter(f"/run/netns/{net.names['host']}")
    return services


def daemon(build, where, endpoints, mode, more=()):
    environment = story.clean_environment()
    environment.update({
        "AWS_ENDPOINT_URL": endpoints.url, "AWS_CA_BUNDLE": endpoints.ca,
        "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": mode})
    environment.update(more)
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
    assert "generation 1 serves" not in logged and "for what is over" not in logged, logged


def certificate(pipe):
    pipe.result("ssh-user", public_key=story.ed25519_key(), key_id="alice",
                principals=["alice"], ttl="1h")


def check_serves(build, where, endpoints, mode):
    with daemon(build, where, endpoints, mode) as one, one.connect() as pipe:
        certificate(pipe)
        shown = story.json.loads(one.cli("credentials", "--format", "json").stdout)
        assert shown["source"] == "instance metadata service", shown
        assert shown["role"] == metadata.ROLE and shown["usable"], shown


def refused(net, address):
    """The workers' user, and whom the host forwards for; else HTTP answers them."""
    host = f"[{address}]" if ":" in address else address
    said = set()
    for role, user in (("host", USER), ("guest", "root")):
        done = net.inside(role, "setpriv", "--reuid", user, "--clear-groups", "/usr/bin/python3",
                          "-c", ASK, f"http://{host}/", check=False)
        said.add(done.stdout.strip())
    return said


def check_mode(build, net, where, endpoints, mode, backend):
    address = ADDRESSES[mode]
    check_refused(build, where, endpoints, mode, "run `privyseal-imds install`")
    assert refused(net, address) == {"401"}
    net.guard("install", "--backend", backend)
    check_serves(build, where, endpoints, mode)
    assert refused(net, address) == {"refused"}
    # Who is refused, root too, has no credentials from there.
    net.tables(backend, address, "-I", "OUTPUT", "-d", address, "-j", "REJECT")
    check_refused(build, where, endpoints, mode, "root is refused")
    net.tables(backend, address, "-D", "OUTPUT", "-d", address, "-j", "REJECT")
    # What is dropped for the user alone is a time-out, which proves nothing.
    net.guard("remove")
    drop = ("OUTPUT", "-d", address, "-m", "owner", "!", "--uid-owner", "0", "-j", "DROP")
    net.tables(backend, address, "-I", *drop)
    check_refused(build, where, endpoints, mode, "which proves nothing")
    net.tables(backend, address, "-D", *drop)


def check_containers(build, net, where, endpoints, backend):
    """The addresses where ECS and EKS have theirs, which the guard closes as well."""
    for address in CONTAINERS:
        assert refused(net, address) == {"401"}
    net.guard("install", "--backend", backend)
    for address in CONTAINERS:
        host = f"[{address}]" if ":" in address else address
        variables = {"FULL_URI": f"http://{host}{metadata.CONTAINER}"}
        if address == "169.254.170.2":
            variables = {"RELATIVE_URI": metadata.CONTAINER}
        one = daemon(build, where, endpoints, "IPv4", {
            f"AWS_CONTAINER_CREDENTIALS_{name}": value for name, value in variables.items()})
        with one, one.connect() as pipe:
            certificate(pipe)
            shown = story.json.loads(one.cli("credentials", "--format", "json").stdout)
            assert shown["source"] == "container endpoint" and shown["usable"], shown
        assert refused(net, address) == {"refused"}
    net.guard("remove")


def check(build, backend):
    with Provider() as net:
        enter(f"/run/netns/{net.names['host']}")
        with rig.endpoints() as endpoints:
            where = kms_story.place()
            services = serve(net, endpoints)
            try:
                for mode in ADDRESSES:
                    check_mode(build, net, where, endpoints, mode, backend)
                check_containers(build, net, where, endpoints, backend)
                for service in services:
                    service.stop()
                check_refused(build, where, endpoints, "IPv4", "root is refused")
            finally:
                where.remove()


def main():
    build = story.build_folder()
    with_each_backend(lambda backend: check(build, backend))


if __name__ == "__main__":
    main()
