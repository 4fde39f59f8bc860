#!/usr/bin/python3
"""Firewalls that reload, restart, come and go leave the metadata guard in place, or it is back by
itself: at once where systemd has done it, else as soon as the timer's unit has run again. Their
own rules stay as they are. Without the timer this is seen to fail."""
import functools
import sys
import time

from guard_machine import Machine
from guard_net import GUARDED, USER, at_the_same_time
from story import wait_until

# What the timer promises, and a busy machine's time to keep it.
PROMISE = 15 + 1 + 6
# Shorter than what the timer takes, which is off then.
AT_ONCE = 10


class Host(Machine):
    """`with Host(name, mark) as host:` the mark is in the firewall's own rules."""

    def __init__(self, name, mark, backend="nft"):
        super().__init__(backend)
        self.label = name
        self.mark = mark

    def boot_with(self, *units):
        self.enable(*units)
        self.boot()
        wrong = self.is_guarded()
        assert not wrong, (wrong, self.journal())

    def is_open(self):
        return self.get("host", USER, "tcp", GUARDED) == "answer"

    def is_closed(self):
        return self.get("host", USER, "tcp", GUARDED) == "refused"

    def repairs(self):
        return self.journal("--unit=privyseal-imds*").count("the guard was put right")

    def act(self, *words):
        """What somebody does, until the firewall has done with it; the rules that it leaves."""
        self.command(*words)
        if self.is_active("firewalld"):
            self.command("firewall-cmd", "--state")
        return self.theirs()

    def is_back(self, what, seconds, left):
        start = time.monotonic()
        wait_until(f"{self.label}: {what}: the guard", self.is_closed, seconds)
        took = time.monotonic() - start
        wait_until(f"{self.label}: {what}: the whole guard", lambda: not self.is_guarded())
        assert self.theirs() == left, (left, self.theirs())
        assert self.mark in left, left
        print(f"{self.label}: {what}: back after {took:.1f} s")

    # ---- what may happen to the guard ----

    def stays(self, *words):
        self.act(*words)
        wrong = self.is_guarded()
        assert not wrong, (words, wrong)

    def put_right(self, seconds, *words):
        before = self.repairs()
        self.is_back(" ".join(words), seconds, self.act(*words))
        wait_until("the journal of both families", lambda: self.repairs() >= before + 2)

    def put_right_at_once(self, *words):
        self.put_right(AT_ONCE, *words)

    def put_right_by_timer(self, *words):
        # From here on the timer is quiet for 15 seconds.
        self.systemctl("start", "privyseal-imds-check.service")
        self.put_right(PROMISE, *words)

    def without_timer(self):
        self.systemctl("stop", "privyseal-imds.timer")
        self.systemctl("start", "privyseal-imds-check.service")  # that none is under way

    def with_timer(self):
        self.systemctl("start", "privyseal-imds.timer")


def nftables():
    with Host("nftables", "inet theirs") as host:
        host.boot_with("nftables")
        host.without_timer()
        for _ in range(3):
            host.put_right_at_once("systemctl", "reload", "nftables")
        host.put_right_at_once("systemctl", "restart", "nftables")
        for _ in range(12):  # systemd's own limit is 5 in 10 seconds
            host.systemctl("start", "privyseal-imds-check.service")
        host.with_timer()
        host.put_right_by_timer("nft", "-f", "/etc/nftables.conf")
        host.mark = ""
        host.put_right_by_timer("nft", "flush", "ruleset")


def firewalld(backend, mark):
    with Host(f"firewalld ({backend})", mark) as host:
        host.configure_firewalld(backend)
        host.boot_with("firewalld")
        host.without_timer()
        host.put_right_at_once("systemctl", "restart", "firewalld")
        host.put_right_at_once("systemctl", "reload", "firewalld")
        for service in ("firewalld", "dbus"):
            is_not_waited_for_in_vain(host, service)
        host.with_timer()
        host.put_right_by_timer("firewall-cmd", "--reload")
        host.put_right_by_timer("firewall-cmd", "--complete-reload")


def is_not_waited_for_in_vain(host, service):
    """A firewalld that hangs, or a bus on which it can't be asked, keeps nobody from putting
    the guard right."""
    host.systemctl("kill", "--signal=STOP", service)
    for tables in ("iptables", "ip6tables"):
        host.command(tables, "-F")
    assert host.is_open()
    host.systemctl("start", "--no-block", "privyseal-imds-check.service")
    wait_until(f"the guard beside a {service} that hangs", host.is_closed, AT_ONCE)
    assert host.systemctl("show", "--value", "--property=ActiveState",
                          "privyseal-imds-check.service") == "activating"
    host.systemctl("kill", "--signal=CONT", service)
    # So that there is none under way.
    host.systemctl("start", "privyseal-imds-check.service")


UFW = "-A OUTPUT -j ufw-before-output"


def ufw():
    with Host("ufw", UFW) as host:
        host.boot_with("ufw")
        for words in (["--force", "enable"], ["reload"], ["disable"]):
            host.stays("ufw", *words)
        host.configure_ufw("yes")
        host.put_right_by_timer("ufw", "--force", "enable")
        host.put_right_by_timer("ufw", "reload")


def ufw_legacy():
    with Host("ufw (legacy)", UFW, "legacy") as host:
        host.configure_ufw("yes", "yes")
        host.boot_with("ufw")
        host.without_timer()
        host.put_right_at_once("systemctl", "restart", "ufw")
        host.with_timer()
        host.put_right_by_timer("ufw", "reload")
        host.mark = ""
        host.put_right_by_timer("ufw", "disable")


def without_timer():
    with Host("no timer", "") as host:
        host.boot_with()
        host.without_timer()
        left = host.act("nft", "flush", "ruleset")
        try:
            host.is_back("nft flush ruleset", PROMISE, left)
        except AssertionError as error:
            assert f"waited {PROMISE} s for no timer: nft flush ruleset: the guard" in str(error)
            assert host.is_open()
            return
        sys.exit("the guard is back, nobody knows how")


if __name__ == "__main__":
    at_the_same_time({
        "nftables": nftables,
        "firewalld": functools.partial(firewalld, "nftables", "inet firewalld"),
        "firewalld with iptables": functools.partial(firewalld, "iptables", "FWD_public"),
        "ufw": ufw,
        "ufw, legacy": ufw_legacy,
        "without the timer": without_timer,
    })
