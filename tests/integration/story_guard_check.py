#!/usr/bin/python3
"""`privyseal-imds check` names what is missing, misplaced or strange, what it can't see and
which other locks there are; `check --repair` puts it right; a host without IPv6 or without
its tools is told so."""
import os
import re
import subprocess

from guard_net import (
    AT_ONCE, BACKENDS, GUARD, GUARDED, GUARDED_4, GUARDED_6, USER, Network, run, with_each_backend)
from story import build_folder

FAMILIES = (GUARDED_4, GUARDED_6)


def says(said, status, *texts):
    assert said.returncode == status, said
    for text in texts:
        assert text in said.stdout + said.stderr, (text, said)


def user_gets(net, addresses=GUARDED):
    return net.get("host", USER, "tcp", addresses)


def usage(net):
    for words in ((), ("look",), ("check", "install"), ("--repair",), ("install", "--repair"),
                  ("check", "--backend"), ("check", "--backend", "x"), ("check", "--backend=")):
        said = net.guard(*words, check=False)
        says(said, 2, "privyseal-imds: ", "--help")
        assert not said.stdout, said
    says(net.guard("--help"), 0, "install", "remove", "--repair", "Exit status")
    ours = net.guard("--version").stdout
    version = run(os.path.join(build_folder(), "privyseal"), "--version").stdout
    assert ours == version.replace("privyseal", "privyseal-imds"), (ours, version)
    says(net.guard("check", check=False, within=("setpriv", "--reuid", USER, "--clear-groups")),
         1, "only root")


def nothing_there(net, backend):
    assert user_gets(net) == "answer"
    before = net.saved(backend)
    says(net.guard("check", "--backend", backend, check=False), 1,
         f"iptables-{backend}: chain PRIVYSEAL-IMDS is missing",
         f"ip6tables-{backend}: chain PRIVYSEAL-IMDS-OUTPUT is missing",
         "OUTPUT does not jump to the guard", "FORWARD does not jump to the guard",
         "`privyseal-imds check --repair` puts it right")
    assert net.saved(backend) == before
    says(net.guard("check", "--repair", "--backend", backend), 0, "the guard was put right")
    assert user_gets(net) == "refused"


def repaired(net, backend, *texts):
    """check says these, repair does away with them and leaves no more to do."""
    says(net.guard("check", "--quiet", "--backend", backend, check=False), 1, *texts)
    says(net.guard("check", "--repair", "--quiet", "--backend", backend), 0, "was put right")
    said = net.guard("check", "--repair", "--quiet", "--backend", backend)
    assert said.stdout == said.stderr == "", said


def others_come_first(net, backend):
    for addresses in FAMILIES:
        for chain, role, user in (("OUTPUT", "host", USER), ("FORWARD", "guest", "root")):
            net.tables(backend, addresses[0], "-I", chain, "1", "-j", "ACCEPT")
            assert net.get(role, user, "tcp", addresses) == "answer", (backend, chain)
            repaired(net, backend,
                     f'{chain}: "-A {chain} -j ACCEPT" comes before the guard, which must be first')
            assert net.get(role, user, "tcp", addresses) == "refused", (backend, chain)
            # It is somebody's, and stays.
            net.tables(backend, addresses[0], "-D", chain, "-j", "ACCEPT")


def strange_rules(net, backend):
    for addresses in FAMILIES:
        some, network = addresses[0], "fd00:ec2::/32" if ":" in addresses[0] else "169.254.0.0/16"
        net.tables(backend, some, "-I", "PRIVYSEAL-IMDS", "-j", "ACCEPT")
        assert user_gets(net, addresses) == "answer"
        repaired(net, backend, "\"-A PRIVYSEAL-IMDS -j ACCEPT\" is not the guard's")
        assert user_gets(net, addresses) == "refused"

        net.tables(backend, some, "-A", "PRIVYSEAL-IMDS-OUTPUT", "-j", "PRIVYSEAL-IMDS")
        repaired(net, backend,
                 "chain PRIVYSEAL-IMDS-OUTPUT: the rules are in another order, or twice")
        net.tables(backend, some, "-A", "OUTPUT", "-d", network, "-j", "PRIVYSEAL-IMDS-OUTPUT")
        repaired(net, backend, "OUTPUT jumps to the guard 2 times")
        net.tables(backend, some, "-A", "INPUT", "-j", "PRIVYSEAL-IMDS")
        repaired(net, backend, "\"-A INPUT -j PRIVYSEAL-IMDS\" is not the guard's own jump")


def flushed(net, backend):
    if backend == "nft":
        net.inside("host", "nft", "flush", "ruleset")
    else:
        for address in ("", "::"):
            net.tables(backend, address, "-F")
            net.tables(backend, address, "-X")
    assert user_gets(net) == "answer"
    repaired(net, backend, "chain PRIVYSEAL-IMDS is missing")
    assert user_gets(net) == "refused"


def both_back_ends(net, backend):
    other = BACKENDS[1 - BACKENDS.index(backend)]
    assert net.guard("check", "--backend", backend).stdout.count("rules here too") == 0
    net.tables(other, "", "-A", "INPUT", "-p", "tcp", "--dport", "9", "-j", "ACCEPT")
    says(net.guard("check", "--backend", backend), 0,
         f"iptables-{other}: 1 rules here too; these and those of iptables-{backend} are both in "
         "force")
    # One that accepts everything in the other opens nothing.
    net.tables(other, "", "-I", "OUTPUT", "-j", "ACCEPT")
    assert user_gets(net, GUARDED_4) == "refused"
    net.guard("install", "--backend", other)
    says(net.guard("check", "--backend", backend), 0,
         f"iptables-{other}: holds a guard too", f"remove --backend {other}`")
    net.guard("remove", "--backend", other)
    assert not any("PRIVYSEAL" in line for line in net.saved(other))
    assert any("PRIVYSEAL" in line for line in net.saved(backend))
    net.guard("install", "--backend", other)
    net.guard("remove")
    assert not any("PRIVYSEAL" in line for line in net.saved(other) + net.saved(backend))
    net.guard("install", "--backend", backend)


def alternatives(net, backend):
    """Without --backend the rules are where `iptables` is, even where it and ip6tables are
    not the same."""
    net.guard("remove")
    other = BACKENDS[1 - BACKENDS.index(backend)]
    said = in_a_changed_tree(
        net, f"for act in '' -save -restore; do "
        f"ln -sf iptables-{backend}$act /usr/sbin/iptables$act; "
        f"ln -sf ip6tables-{other}$act /usr/sbin/ip6tables$act; done", "install")
    says(said, 0, f"iptables ({backend}): the guard is in place now",
         f"ip6tables ({other}): the guard is in place now")
    four, six = (any("169.254.169.254" in line for line in net.saved(backend)),
                 any("fd00:ec2::254" in line for line in net.saved(other)))
    assert four and six and user_gets(net) == "refused"
    net.guard("remove")
    net.guard("install", "--backend", backend)


# ---- hosts that lack something ----

OVERLAY = """
set -e
mount -t tmpfs none /mnt
mkdir /mnt/upper /mnt/work
mount -t overlay -o lowerdir=/usr/sbin,upperdir=/mnt/upper,workdir=/mnt/work none /usr/sbin
%s
exec "$@"
"""


def in_a_changed_tree(net, change, *words):
    """The guard where /usr/sbin is otherwise, for it alone."""
    return net.guard(*words, check=False, within=(
        "unshare", "--mount", "--propagation=private", "sh", "-c", OVERLAY % change, "sh"))


def without_ip6tables(net):
    net.guard("remove")
    said = in_a_changed_tree(net, "rm -f /usr/sbin/ip6tables*", "install")
    says(said, 1, "iptables (", "the guard is in place now", "there is no ip6tables here",
         "fd00:ec2::254 is open to everybody", "install ip6tables")
    assert user_gets(net, GUARDED_4) == "refused" and user_gets(net, GUARDED_6) == "answer"
    says(in_a_changed_tree(net, "rm -f /usr/sbin/ip6tables*", "check"), 1, "there is no ip6tables")
    said = in_a_changed_tree(net, "rm -f /usr/sbin/ip*tables*", "install")
    says(said, 1, "there is no iptables here: install the package iptables")
    net.guard("remove")


def without_ipv6():
    with Network() as net:
        net.inside("host", "sysctl", "-q", "-w", "net.ipv6.conf.all.disable_ipv6=1")
        remedy = "rm -f /usr/sbin/ip6tables*"
        says(in_a_changed_tree(net, remedy, "install"), 0,
             "IPv6: this host has no address, so nothing is guarded")
        says(in_a_changed_tree(net, remedy, "check"), 0, "IPv6: this host has no address")
        assert user_gets(net, GUARDED_4) == "refused"
        # It comes back: check says that it is open.
        net.inside("host", "sysctl", "-q", "-w", "net.ipv6.conf.all.disable_ipv6=0")
        says(in_a_changed_tree(net, remedy, "check"), 1, "fd00:ec2::254 is open to everybody")


# ---- what it can't see ----


def unseen(net, backend):
    for kind in ("macvlan", "ipvlan"):
        name = f"{kind[0]}v{os.getpid()}"
        assert name not in net.guard("check", "--backend", backend).stdout
        made = run("ip", "-n", net.names["host"], "link", "add", name, "link", "to-provider",
                   "type", kind, check=False)
        if made.returncode != 0:
            assert "Unknown device type" in made.stderr, made
            continue
        says(net.guard("check", "--backend", backend), 0, f"  {kind} {name}",
             "hop limit does not stop them")
        net.ip("host", "link", "set", name, "netns", net.names["guest"])
        says(net.guard("check", "--backend", backend), 0, f"  {kind} {name}")
        # It is true: the guest, refused by way of the host, is past the guard now.
        assert net.get("guest", "root", "tcp", GUARDED_4[:1]) == "refused"
        net.ip("guest", "address", "add", "10.77.1.3/24", "dev", name)
        net.ip("guest", "link", "set", name, "up")
        net.ip("guest", "route", "add", GUARDED_4[0], "dev", name)
        assert net.get("guest", "root", "tcp", GUARDED_4[:1]) == "answer", kind
        net.ip("guest", "link", "del", name)
    says(net.guard("check", "--backend", backend), 0, "one that root made and passed on is root's")
    assert user_gets(net) == "refused"
    assert net.get("host", USER, "passed", GUARDED) == "answer"


def imdsd(net, backend):
    """systemd-imdsd's lock, made as it makes it; the commands that check shows let root by."""
    assert "imdsd" not in net.guard("check", "--backend", backend).stdout
    for number, address in (("-4", GUARDED_4[0]), ("-6", GUARDED_6[0])):
        net.ip("host", number, "route", "add", "prohibit", address)
        net.ip("host", number, "route", "add", address, "dev", "to-provider", "table",
               "2147420181")
        net.ip("host", number, "rule", "add", "fwmark", "0x7FFF0815", "lookup", "2147420181")
        assert net.get("host", "root", "tcp", [address]) == "prohibited"
        said = net.guard("check", "--backend", backend)
        says(said, 0, f"systemd-imdsd's lock is on {address}")
        command = re.search(rf"^    (ip {number} rule add to {address} .*)$", said.stdout, re.M)
        net.inside("host", *command[1].split())
        said = net.guard("check", "--backend", backend)
        assert "uid 0 is let through it" in said.stdout and command[1] not in said.stdout, said
        assert net.get("host", "root", "tcp", [address]) == "answer"
        assert user_gets(net, [address]) == "prohibited"
        net.ip("host", number, "route", "del", "prohibit", address)
        assert user_gets(net, [address]) == "refused"


def at_the_same_time(net, backend):
    """Several of them at once, as a timer and a person may be: one set of rules stays."""
    wanted = net.saved(backend)
    words = ["ip", "netns", "exec", net.names["host"], "sh", "-c",
             f"{GUARD} install --quiet --backend {backend}"]
    net.guard("remove")
    for process in [subprocess.Popen(words) for _ in range(4)]:
        assert process.wait() == 0
    assert net.saved(backend) == wanted


# In a /run of its own, where the lock is made by root as he works by hand.
ROOT_S_LOCK = """
mount -t tmpfs -o mode=755 none /run
umask 022
"$1" check --quiet --repair --backend "$2"
! setpriv --reuid "$3" --clear-groups flock --nonblock /run/privyseal-imds.lock true
"""


def lock_is_roots_alone(net, backend):
    """Else any user could hold it, and the guard would not be put right."""
    said = net.inside("host", "unshare", "--mount", "--propagation=private", "sh", "-ec",
                      ROOT_S_LOCK, "sh", GUARD, backend, USER)
    assert "cannot open lock file" in said.stderr, said


def story(backend):
    with Network() as net:
        usage(net)
        nothing_there(net, backend)
        others_come_first(net, backend)
        strange_rules(net, backend)
        flushed(net, backend)
        at_the_same_time(net, backend)
        lock_is_roots_alone(net, backend)
        both_back_ends(net, backend)
        alternatives(net, backend)
        without_ip6tables(net)
        net.guard("install", "--backend", backend)
        unseen(net, backend)
        imdsd(net, backend)
        for said, seconds in net.ask("host", USER, "tcp", GUARDED).values():
            assert said == "refused" and seconds < AT_ONCE


if __name__ == "__main__":
    with_each_backend(story)
    without_ipv6()
