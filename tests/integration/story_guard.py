#!/usr/bin/python3
"""The metadata guard keeps everybody but root, and all that is forwarded, from the addresses
that give out credentials, with iptables-nft and iptables-legacy, and leaves the rest alone.
What it keeps from happening is shown to happen without it, and without each rule of it."""
import json
import os
import subprocess

from guard_net import (
    AT_ONCE, GUARDED, GUARDED_4, GUARDED_6, OPEN, PEER, USER, Network, prefix,
    with_each_backend)
from story import wait_until

FAMILIES = (GUARDED_4, GUARDED_6)


def everybody_gets_answers(net):
    """As it is without a guard: else a refusal would show nothing."""
    for role, user in (("host", "root"), ("host", USER), ("guest", "root")):
        for kind in ("tcp", "udp"):
            assert net.get(role, user, kind, GUARDED + OPEN) == "answer", (role, user, kind)


def root_alone_gets_answers(net):
    assert net.get("host", "root", "tcp", GUARDED) == "answer"
    assert net.get("host", "root", "udp", GUARDED) == "answer"
    for role, user in (("host", USER), ("guest", "root"), ("guest", USER)):
        for kind in ("tcp", "udp"):
            for address, (said, seconds) in net.ask(role, user, kind, GUARDED).items():
                assert said == "refused", (role, user, kind, address, said)
                assert kind == "udp" or seconds < AT_ONCE, (role, user, address, seconds)


def root_of_a_user_namespace_gets_none(net):
    said = net.inside("host", "setpriv", "--reuid", USER, "--clear-groups", "unshare",
                      "--user", "--map-root-user", PEER, "ask", "root", check=False,
                      input=json.dumps([["tcp", address] for address in GUARDED]))
    if said.returncode != 0 and "unshare failed" in said.stderr:
        return  # users may make none here
    assert {what for what, _ in json.loads(said.stdout)} == {"refused"}, said


def neighbours_stay_open(net):
    for role, user in (("host", "root"), ("host", USER), ("guest", "root")):
        for kind in ("tcp", "udp"):
            assert net.get(role, user, kind, OPEN) == "answer", (role, user, kind)


def connections(net):
    """peer -> state, of the service's."""
    said = net.inside("provider", "ss", "-H", "-t", "-a", "-n").stdout.splitlines()
    return {line.split()[4]: line.split()[0] for line in said if line.split()[0] != "LISTEN"}


def closes_cleanly(net, addresses):
    """Whether root's connections are forgotten at the other end, too."""
    before = connections(net)  # of those whom the guard cut

    def left():
        return {state for peer, state in connections(net).items() if peer not in before}

    assert net.get("host", "root", "tcp", addresses) == "answer"
    try:
        wait_until("the service's connections to end", lambda: not left(), 2)
    except AssertionError:
        assert left() == {"LAST-ACK"}, left()
        return False
    return True


def old_connections_are_cut(net, backend):
    """Those of others from before the guard, not root's."""
    with net.hold("host", USER, GUARDED) as users, net.hold("guest", "root", GUARDED) as guests:
        with net.hold("host", "root", GUARDED) as roots:
            assert set(users.again() + guests.again() + roots.again()) == {"answer"}
            net.guard("install", "--backend", backend)
            assert set(users.again()) == {"cut"}
            assert set(guests.again()) == {"cut"}
            assert set(roots.again()) == {"answer"}


# ---- each rule is needed ----


def without(net, backend, address, rule, holds, broken):
    """Takes one rule away, and sees what it was for fail, `check` name it, and a repair."""
    chain, *words = rule.split()
    net.tables(backend, address, "-D", chain, *words)
    assert broken(), rule
    said = net.guard("check", "--quiet", "--backend", backend, check=False)
    assert said.returncode == 1 and f'"-A {rule}" is missing' in said.stderr, said
    said = net.guard("check", "--repair", "--quiet", "--backend", backend)
    assert "the guard was put right" in said.stdout and f'"-A {rule}"' in said.stderr, said
    assert holds(), rule


def cut(net, backend, address):
    """Whether a connection is cut at once when the guard comes."""
    def look():
        rules = net.saved(backend)
        net.guard("remove", "--backend", backend)
        with net.hold("host", USER, [address]) as users:
            names = {"4": "iptables", "6": "ip6tables"}["6" if ":" in address else "4"]
            net.inside("host", f"{names}-{backend}-restore", "--noflush",
                       input=filter_of(rules, address))
            said = users.again()
        return said == ["cut"]
    return look


def filter_of(rules, address):
    """The lines of the filter table of one family, out of those of both."""
    start = [number for number, line in enumerate(rules) if line == "*filter"]
    start = start[-1 if ":" in address else 0]
    end = rules.index("COMMIT", start)
    lines = rules[start:end + 1]
    return "".join((line + " [0:0]" if line[0] == ":" else line) + "\n" for line in lines)


def each_rule_is_needed(net, backend):
    for addresses in FAMILIES:
        some = addresses[0]
        network = "fd00:ec2::/32" if ":" in some else "169.254.0.0/16"
        unreachable = "icmp6-port-unreachable" if ":" in some else "icmp-port-unreachable"

        def user(kind, wanted, which=addresses):
            return lambda: net.get("host", USER, kind, which) == wanted

        def guest(wanted, which=addresses):
            return lambda: net.get("guest", "root", "tcp", which) == wanted

        def root(wanted, which=addresses):
            return lambda: net.get("host", "root", "tcp", which) == wanted

        def try_without(rule, holds, broken):
            without(net, backend, some, rule, holds, broken)

        try_without(f"OUTPUT -d {network} -j PRIVYSEAL-IMDS-OUTPUT",
                    user("tcp", "refused"), user("tcp", "answer"))
        try_without(f"FORWARD -d {network} -j PRIVYSEAL-IMDS",
                    guest("refused"), guest("answer"))
        try_without("PRIVYSEAL-IMDS-OUTPUT -p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN "
                    "-m owner ! --socket-exists -j RETURN",
                    lambda: closes_cleanly(net, addresses),
                    lambda: not closes_cleanly(net, addresses))
        try_without("PRIVYSEAL-IMDS-OUTPUT -m owner --uid-owner 0 -j RETURN",
                    root("answer"), root("refused"))
        try_without("PRIVYSEAL-IMDS-OUTPUT -j PRIVYSEAL-IMDS",
                    user("tcp", "refused"), user("tcp", "answer"))
        for address in addresses:
            general = (f"PRIVYSEAL-IMDS -d {prefix(address)} -j REJECT "
                       f"--reject-with {unreachable}")
            try_without(general, user("udp", "refused", [address]),
                        user("udp", "answer", [address]))
            stream = (f"PRIVYSEAL-IMDS -d {prefix(address)} -p tcp -j REJECT "
                      "--reject-with tcp-reset")
            cut_now = cut(net, backend, address)
            try_without(stream, cut_now, lambda cut_now=cut_now: not cut_now())

            # Without both this address alone is open to users and guests.
            for rule in (general, stream):
                net.tables(backend, address, "-D", *rule.split())
            for role, who in (("host", USER), ("guest", "root")):
                said = net.ask(role, who, "tcp", addresses)
                assert {a for a, (what, _) in said.items() if what == "answer"} == {address}
            net.guard("install", "--backend", backend)


# ---- the rules of others ----


def others_rules(net, backend):
    for address in ("", "::"):
        for words in (
            ["-N", "OTHERS"], ["-A", "OTHERS", "-p", "udp", "--dport", "5", "-j", "DROP"],
            ["-A", "OUTPUT", "-m", "comment", "--comment", "theirs -j PRIVYSEAL-IMDSX", "-j",
             "OTHERS"],
            ["-A", "FORWARD", "-m", "comment", "--comment", "two  blanks \"and\" more", "-j",
             "OTHERS"],
            ["-A", "INPUT", "-p", "tcp", "--dport", "9", "-c", "7", "420", "-j", "ACCEPT"],
            ["-t", "mangle", "-A", "OUTPUT", "-p", "tcp", "--dport", "9", "-j", "MARK",
             "--set-mark", "7"],
            ["-t", "nat", "-A", "POSTROUTING", "-p", "tcp", "--dport", "9", "-j", "MASQUERADE"],
            ["-P", "INPUT", "ACCEPT"],
        ):
            net.tables(backend, address, *words)
    net.inside("host", "nft", "-f", "-", input=(
        "table inet others { chain out { type filter hook output priority 5; "
        "tcp dport 9 counter drop comment \"theirs\"; }; }"))


def counted(net, backend):
    return [line for name in ("iptables", "ip6tables")
            for line in net.inside("host", f"{name}-{backend}-save", "-c").stdout.splitlines()
            if "dport 9" in line]


def leaves_the_rest_alone(net, backend):
    others_rules(net, backend)
    before = net.saved(backend)
    count = counted(net, backend)
    assert any(line.startswith("[7:420]") for line in count), count
    native = net.inside("host", "nft", "list", "table", "inet", "others").stdout
    net.guard("install", "--backend", backend)
    installed = net.saved(backend)
    ours = [line for line in installed if line not in before]
    assert installed != before and len(ours) == 2 * (2 + 2 + 3) + 2 * len(GUARDED), ours
    assert [line for line in installed if line not in ours] == before

    net.guard("install", "--backend", backend)
    assert net.saved(backend) == installed
    net.guard("check", "--repair", "--quiet", "--backend", backend)
    assert net.saved(backend) == installed
    root_alone_gets_answers(net)

    net.guard("remove", "--backend", backend)
    assert net.saved(backend) == before
    net.guard("remove", "--backend", backend)
    assert net.saved(backend) == before
    assert counted(net, backend) == count
    assert net.inside("host", "nft", "list", "table", "inet", "others").stdout == native


def story(backend):
    with Network() as net:
        everybody_gets_answers(net)
        net.guard("install", "--backend", backend)
        root_alone_gets_answers(net)
        root_of_a_user_namespace_gets_none(net)
        neighbours_stay_open(net)
        assert closes_cleanly(net, GUARDED)
        each_rule_is_needed(net, backend)
        net.guard("remove", "--backend", backend)
        everybody_gets_answers(net)
        old_connections_are_cut(net, backend)
        net.guard("remove")
        leaves_the_rest_alone(net, backend)
        everybody_gets_answers(net)
    left = subprocess.run(["ip", "netns"], text=True, capture_output=True, check=True).stdout
    assert f"privyseal-test-{os.getpid()}-" not in left, left


if __name__ == "__main__":
    with_each_backend(story)
