"""Three network namespaces for the guard's stories: a provider with the real addresses of
AWS's services, a host that is guarded, and a guest that the host forwards for. Nothing is
done in the machine's own network."""
import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import traceback

from story import DEADLINE, clean_environment, free_user

HERE = os.path.dirname(os.path.realpath(__file__))
GUARD = os.path.join(HERE, "..", "..", "iptables", "privyseal-imds")
PEER = os.path.join(HERE, "guard_peer.py")
BACKENDS = ("nft", "legacy")

GUARDED_4 = ["169.254.169.254", "169.254.170.2", "169.254.170.23"]
GUARDED_6 = ["fd00:ec2::254", "fd00:ec2::23"]
GUARDED = GUARDED_4 + GUARDED_6
# Time and DNS, and an address next to a guarded one.
OPEN = ["169.254.169.123", "169.254.169.253", "169.254.170.3", "fd00:ec2::123", "fd00:ec2::253"]
AT_ONCE = 0.5  # seconds


def run(*words, check=True, **options):
    done = subprocess.run(words, text=True, capture_output=True, timeout=DEADLINE,
                          env=clean_environment(), **options)
    assert not check or done.returncode == 0, done
    return done


def prefix(address, host=True):
    return address + ("/128" if ":" in address else "/32") if host else address


class Network:
    """`with Network() as net:` has them, and leaves nothing."""

    def __init__(self):
        self.names = {role: f"privyseal-test-{os.getpid()}-{role}"
                      for role in ("provider", "host", "guest")}
        self.server = None

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))
        try:
            self.make()
            self.serve()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_):
        self.remove()

    def remove(self):
        if self.server:
            self.server.kill()
            self.server.wait()
        for name in self.names.values():
            run("ip", "netns", "del", name, check=False)

    def ip(self, role, *words):
        return run("ip", "-n", self.names[role], *words)

    def inside(self, role, *words, **options):
        return run("ip", "netns", "exec", self.names[role], *words, **options)

    def start(self, role, *words):
        return subprocess.Popen(
            ["ip", "netns", "exec", self.names[role], *words], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=clean_environment())

    def link(self, number, one, other):
        """one has N.1 and other N.2 of the networks between them."""
        self.ip(one, "link", "add", f"to-{other}", "type", "veth", "peer", "name",
                f"to-{one}", "netns", self.names[other])
        for role, end, last in ((one, other, 1), (other, one, 2)):
            self.ip(role, "address", "add", f"10.77.{number}.{last}/24", "dev", f"to-{end}")
            self.ip(role, "address", "add", f"fd77:{number}::{last}/64", "dev", f"to-{end}",
                    "nodad")
            self.ip(role, "link", "set", f"to-{end}", "up")

    def make(self):
        for role, name in self.names.items():
            run("ip", "netns", "add", name)
            self.ip(role, "link", "set", "lo", "up")
        self.link(1, "host", "provider")
        self.link(2, "host", "guest")
        for address in GUARDED + OPEN:
            self.ip("provider", "address", "add", prefix(address), "dev", "to-host",
                    *(["nodad"] if ":" in address else []))
        for network in ("169.254.0.0/16", "fd00:ec2::/32"):
            self.ip("host", "route", "add", network, "dev", "to-provider")
        for number, network in (("1", "0.0.0.0/0"), ("1", "::/0")):
            way = f"10.77.{number}.1" if "." in network else f"fd77:{number}::1"
            self.ip("provider", "route", "add", network, "via", way)
        self.ip("guest", "route", "add", "0.0.0.0/0", "via", "10.77.2.1")
        self.ip("guest", "route", "add", "::/0", "via", "fd77:2::1")
        self.inside("host", "sysctl", "-q", "-w", "net.ipv4.ip_forward=1",
                    "net.ipv6.conf.all.forwarding=1")

    def serve(self):
        self.server = self.start("provider", PEER, "serve", *GUARDED, *OPEN)
        assert self.server.stdout.readline() == "ready\n"

    # ---- who asks ----

    def ask(self, role, user, kind, addresses):
        """address -> (what came of it, in guard_peer's words, seconds)"""
        questions = json.dumps([[kind, address] for address in addresses])
        said = self.inside(role, PEER, "ask", user, input=questions)
        return dict(zip(addresses, map(tuple, json.loads(said.stdout))))

    def get(self, role, user, kind, addresses):
        """What all of them gave, when it is the same; else the whole."""
        said = {what for what, _ in self.ask(role, user, kind, addresses).values()}
        return said.pop() if len(said) == 1 else said

    def hold(self, role, user, addresses):
        return Held(self.start(role, PEER, "hold", user, *addresses))

    # ---- the guard ----

    def guard(self, *words, check=True, within=(), **options):
        return self.inside("host", *within, GUARD, *words, check=check, **options)

    def tables(self, backend, address="", *words):
        """iptables or ip6tables in the host, by the family of the address."""
        name = ("ip6tables-" if ":" in address else "iptables-") + backend
        return self.inside("host", name, "-w", *words)

    def saved(self, backend):
        """Every table of both families, without counters and comments."""
        lines = []
        for name in (f"iptables-{backend}-save", f"ip6tables-{backend}-save"):
            for line in self.inside("host", name).stdout.splitlines():
                if not line.startswith("#"):
                    lines.append(line.rpartition(" [")[0] if line.startswith(":") else line)
        return lines


class Held:
    """Connections that somebody keeps."""

    def __init__(self, process):
        self.process = process
        self.first = self.answers()

    def answers(self):
        line = self.process.stdout.readline()
        assert line, "those who hold the connections are gone"
        return json.loads(line)

    def again(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.answers()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.kill()
        self.process.wait()


def at_the_same_time(acts):
    """Calls each of {name: act}; each has a network of its own."""
    children = {}
    for name, act in acts.items():
        child = os.fork()
        if child == 0:
            status = 1
            try:
                act()
                status = 0
            except BaseException:
                traceback.print_exc()
            sys.stdout.flush()
            os._exit(status)
        children[name] = child
    failed = [name for name, child in children.items() if os.waitpid(child, 0)[1] != 0]
    assert not failed, failed


def with_each_backend(act):
    at_the_same_time({backend: functools.partial(act, backend) for backend in BACKENDS})


USER = free_user()
