#!/usr/bin/python3
"""systemd has the metadata guard in place before the network, whichever firewall starts along
with it: a user who asks without a pause, from the first moment on, is refused by the first word
that comes from the service. Without the order of the units this is seen to fail."""
import functools
import time

from guard_machine import ADDRESSES, Machine
from guard_net import at_the_same_time
from story import wait_until

SCRIPT = "/usr/sbin/privyseal-imds"
UNIT = "/usr/lib/systemd/system/privyseal-imds.service"
# Who is first must not be by chance: a guard that takes its time, and a firewalld with much to
# read before it flushes all rules, when for systemd it has long started.
SLOW = "[Service]\nExecStartPre=/bin/sleep 1\n"
SERVICE = '<?xml version="1.0"?><service><port protocol="tcp" port="9"/></service>'
SERVICES = 2000


def faults(machine):
    """What was not as it should be while the machine booted."""
    found = []
    guard = machine.since_boot("privyseal-imds.service", "ActiveEnter")
    before_network = machine.since_boot("network-pre.target", "ActiveEnter")
    network = machine.since_boot("systemd-networkd.service", "ExecMainStart")
    if not 0 < guard <= before_network <= network:
        found.append("the guard is not before the network")
    for address in ADDRESSES:
        said = heard(machine, address, 1e6 * time.monotonic())
        if "answer" in said:
            found.append("a user is answered")
        elif set(said) != {"refused"}:
            found.append(f"a user hears of {address}: {set(said)}")
    return found


def heard(machine, address, until):
    """What the asker heard, from when the network was there."""
    def look():
        said = [(start, word) for start, asked, word in machine.asked()
                if asked == address and word != "unreachable"]
        return said and said[-1][0] > until and [word for _, word in said]
    return wait_until("the asker", look)


def booted(machine, *units):
    machine.enable("asker", *units)
    machine.boot()
    for unit in units:
        assert machine.is_active(unit), machine.journal()
    if "firewalld" in units:
        assert machine.command("firewall-cmd", "--state").stdout == "running\n"
    assert "cycle" not in machine.journal(), machine.journal()
    return faults(machine)


def slow(machine):
    machine.write(UNIT + ".d/slow.conf", SLOW)


def slow_firewalld(backend, machine):
    machine.configure_firewalld(backend)
    for number in range(SERVICES):
        machine.write(f"/etc/firewalld/services/s{number}.xml", SERVICE)


def ufw(machine):
    machine.configure_ufw("yes", "yes")


def change(machine, path, old, new):
    with open(machine.path(path)) as there:
        text = there.read()
    assert text.count(old) == 1, text
    with open(machine.path(path), "w") as there:
        there.write(text.replace(old, new))


def without_order(machine):
    slow(machine)
    change(machine, UNIT, "Before=network-pre.target ", "Before=")


def without_wait(machine):
    slow_firewalld("nftables", machine)
    change(machine, SCRIPT, "! firewalld_answers 1", "false")


def is_guarded(prepare, *units):
    with Machine() as machine:
        prepare(machine)
        found = booted(machine, *units)
        assert found == [], (found, machine.journal())
        wrong = machine.is_guarded()
        assert not wrong, wrong


def fails(wanted, prepare, *units):
    with Machine() as machine:
        prepare(machine)
        found = booted(machine, *units)
        assert found == wanted, (found, machine.journal())


ANSWERED = ["a user is answered"] * len(ADDRESSES)
BOOTS = {
    "no firewall": (is_guarded, slow),
    "nftables": (is_guarded, slow, "nftables"),
    "firewalld": (is_guarded, functools.partial(slow_firewalld, "nftables"), "firewalld"),
    "firewalld with iptables": (
        is_guarded, lambda machine: machine.configure_firewalld("iptables"), "firewalld"),
    "ufw": (is_guarded, ufw, "ufw"),
    "without order": (
        fails, ["the guard is not before the network"] + ANSWERED, without_order),
    "without the wait for firewalld": (fails, ANSWERED, without_wait, "firewalld"),
}

if __name__ == "__main__":
    at_the_same_time({name: functools.partial(*words) for name, words in BOOTS.items()})
