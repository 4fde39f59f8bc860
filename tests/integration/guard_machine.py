"""The guarded host of guard_net as a machine that systemd boots, by systemd-nspawn: its root is
this machine's own with a layer over it, in which the guard is installed and enabled as a package
does it, everything else that would start is left out, and the firewalls are as delivered. Nothing
of it is left: the layer and the mounts are in a mount namespace of the story's process."""
import contextlib
import ctypes
import os
import shutil
import subprocess
import tempfile

from guard_net import GUARDED, HERE, USER, Network, run
from story import build_folder, clean_environment, wait_until

SOURCES = os.path.join(HERE, "..", "..")
PROGRAMS = ("systemd-nspawn", "/usr/lib/systemd/systemd-networkd", "busctl", "firewalld", "ufw",
            "nft", "iptables-nft", "iptables-legacy")
CLONE_NEWNS = 0x20000
# The network of guard_net's host; systemd-networkd sets it up when the machine boots.
NETWORK = """\
[Match]
Name=to-provider
[Link]
RequiredForOnline=no
[Network]
LinkLocalAddressing=no
IPv6AcceptRA=no
Address=10.77.1.1/24
[Address]
Address=fd77:1::1/64
DuplicateAddressDetection=none
[Route]
Destination=169.254.0.0/16
Scope=link
[Route]
Destination=fd00:ec2::/32
"""
ADDRESSES = ("169.254.169.254", "fd00:ec2::254")
# Somebody who can't wait for the network.
ASKER = f"""\
[Unit]
DefaultDependencies=no
[Service]
ExecStart=/usr/bin/python3 -B /story/guard_peer.py keep-asking {USER} {" ".join(ADDRESSES)}
StandardOutput=append:/out/asked
[Install]
WantedBy=sysinit.target
"""
NFTABLES = """\
flush ruleset
table inet theirs {
	chain output {
		type filter hook output priority 5;
		tcp dport 9 drop
	}
}
"""
FIREWALLD = "DefaultZone=public\nFirewallBackend={backend}\n"
UFW = """\
IPV6=yes
DEFAULT_INPUT_POLICY="DROP"
DEFAULT_OUTPUT_POLICY="ACCEPT"
DEFAULT_FORWARD_POLICY="DROP"
DEFAULT_APPLICATION_POLICY="SKIP"
MANAGE_BUILTINS={manage}
IPT_SYSCTL=/etc/ufw/sysctl.conf
IPT_MODULES=""
"""


def mount(*words):
    run("mount", *words)


def cgroups():
    """The tree in which a machine has its own."""
    with open("/proc/self/mounts") as mounts:
        places = [line.split()[1] for line in mounts if line.split()[2] == "cgroup2"]
    assert places, "no cgroup2 is mounted here, and systemd boots in nothing else"
    return places[0]


class Machine(Network):
    """`with Machine() as machine:` has its files; boot() starts it."""

    def __init__(self, backend="nft"):
        super().__init__()
        missing = [name for name in PROGRAMS if not shutil.which(name)]
        assert not missing, f"missing here: {missing}; `packaging/needs check` installs them"
        self.backend = backend
        self.name = f"privyseal-test-{os.getpid()}"
        self.cgroup = os.path.join(cgroups(), self.name)
        self.folder = self.process = self.leader = None

    def __enter__(self):
        super().__enter__()
        try:
            self.lay()
            self.fill()
        except BaseException:
            self.remove()
            raise
        return self

    def remove(self):
        self.cut_power()
        if self.folder:
            run("umount", "-R", "-l", self.folder, check=False)
            os.rmdir(self.folder)
            self.folder = None
        super().remove()

    def make(self):
        super().make()
        self.ip("host", "address", "flush", "dev", "to-provider")
        self.ip("host", "link", "set", "to-provider", "down")

    # ---- its files ----

    def lay(self):
        """The layer over /, and over what is mounted under it."""
        os.makedirs("/run/systemd", exist_ok=True)
        self.folder = tempfile.mkdtemp(prefix="privyseal-test.")
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.unshare(CLONE_NEWNS) == 0, os.strerror(ctypes.get_errno())
        mount("--make-rprivate", "/")
        mount("-t", "tmpfs", "-o", "mode=755", "none", self.folder)
        mount("-t", "tmpfs", "none", "/run/systemd")
        for place in ("/", "/usr", "/etc", "/var"):
            if os.path.ismount(place):
                name = place.strip("/")
                for part in ("upper", "work"):
                    os.makedirs(f"{self.folder}/{part}-{name}")
                os.makedirs(self.path(place), exist_ok=True)
                mount("-t", "overlay", "-o", f"lowerdir={place},upperdir={self.folder}/upper-"
                      f"{name},workdir={self.folder}/work-{name}", "none", self.path(place))
        os.makedirs(self.folder + "/out")

    def path(self, place):
        return self.folder + "/root" + place

    def write(self, place, text):
        os.makedirs(os.path.dirname(self.path(place)), exist_ok=True)
        with open(self.path(place), "w") as out:
            out.write(text)

    def fill(self):
        for place in ("/etc/systemd", "/etc/init.d", "/etc/firewalld"):
            shutil.rmtree(self.path(place), ignore_errors=True)
        for place in ("/etc/fstab", "/etc/machine-id"):
            self.write(place, "")
        generators = "/etc/systemd/system-generators/"
        os.makedirs(self.path(generators))
        for name in os.listdir("/usr/lib/systemd/system-generators"):
            os.symlink("/dev/null", self.path(generators + name))
        for family in ("iptables", "ip6tables"):
            for act in ("", "-save", "-restore"):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self.path(f"/usr/sbin/{family}{act}"))
                os.symlink(f"{family}-{self.backend}{act}", self.path(f"/usr/sbin/{family}{act}"))
        self.write("/etc/systemd/network/provider.network", NETWORK)
        self.write("/etc/systemd/system/asker.service", ASKER)
        self.write("/etc/nftables.conf", NFTABLES)
        self.configure_firewalld("nftables")
        self.configure_ufw("no")
        # Without building anything: others may do this at the same time.
        run("make", "-s", "-o", "all", "-C", SOURCES, f"BUILD={build_folder()}",
            "DESTDIR=" + self.path(""), "install")
        self.enable("systemd-networkd", "privyseal-imds")

    def configure_firewalld(self, backend):
        self.write("/etc/firewalld/firewalld.conf", FIREWALLD.format(backend=backend))

    def configure_ufw(self, manage, enabled="no"):
        self.write("/etc/default/ufw", UFW.format(manage=manage))
        self.write("/etc/ufw/ufw.conf", f"ENABLED={enabled}\nLOGLEVEL=off\n")

    def enable(self, *units):
        for unit in units:
            run("systemctl", "--root=" + self.path(""), "enable", unit + ".service")

    # ---- its life ----

    def boot(self):
        """Until everything that starts has started."""
        os.mkdir(self.cgroup)
        words = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork",
                 "--kill-child", "--mount-proc", "sh", "-ec", """
                 echo 0 >"$1/cgroup.procs"
                 umount -R /sys/fs/cgroup
                 mount -t cgroup2 none /sys/fs/cgroup
                 shift
                 exec systemd-nspawn "$@" """, "sh", self.cgroup,
                 "--directory=" + self.path(""), "--machine=" + self.name, "--boot",
                 "--register=no", "--keep-unit", "--console=pipe", "--link-journal=no",
                 "--resolv-conf=off", "--timezone=off", "--capability=CAP_NET_ADMIN",
                 "--network-namespace-path=/run/netns/" + self.names["host"],
                 f"--bind-ro={HERE}:/story", f"--bind={self.folder}/out:/out"]
        with open(self.folder + "/console", "w") as console:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=console,
                                            stderr=console, env=clean_environment())
        wait_until("systemd to boot", self.booted)

    def booted(self):
        assert self.process.poll() is None, "systemd-nspawn ended: " + self.console()
        with contextlib.suppress(OSError, IndexError):
            with open(self.cgroup + "/payload/init.scope/cgroup.procs") as members:
                self.leader = members.read().split()[0]
            said = self.command("systemctl", "is-system-running", "--wait", check=False)
            return said.stdout.strip() in ("running", "degraded")

    def console(self):
        with open(self.folder + "/console") as console:
            return console.read()

    def cut_power(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None
        wait_until("the machine to be gone", self.gone)

    def gone(self):
        with contextlib.suppress(OSError):  # that there are processes in it
            for folder, _, _ in os.walk(self.cgroup, topdown=False):
                os.rmdir(folder)
        return not os.path.isdir(self.cgroup)

    # ---- in it ----

    def command(self, *words, **options):
        return run("nsenter", "--target", self.leader, "--mount", "--uts", "--ipc", "--net",
                   "--pid", "--cgroup", "--root", "--wd", "env", "-i",
                   "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", *words, **options)

    def systemctl(self, *words):
        return self.command("systemctl", *words).stdout.strip()

    def is_active(self, unit):
        return self.command("systemctl", "is-active", unit, check=False).returncode == 0

    def since_boot(self, unit, moment):
        """When it was, in microseconds; 0 is never."""
        return int(self.systemctl("show", "--value", "--property", moment + "TimestampMonotonic",
                                  unit))

    def journal(self, *words):
        return self.command("journalctl", "--no-pager", "--output=cat", *words).stdout

    def asked(self):
        """[(microseconds, address, what came of it)] of the asker."""
        with open(self.folder + "/out/asked") as lines:
            return [(int(line.split()[0]), *line.split()[1:]) for line in lines
                    if line.endswith("\n")]

    def theirs(self):
        """All rules but the guard's: those of iptables, and nftables' own tables."""
        rules = [line for line in self.saved(self.backend)
                 if line.startswith("-A ") and "PRIVYSEAL-IMDS" not in line]
        tables = self.command("nft", "--stateless", "list", "ruleset").stdout.split("table ")
        return "\n".join(rules + [table.strip() for table in tables if table.startswith("inet ")])

    def is_guarded(self):
        """None when it is; else what is not as it should be."""
        said = self.command("privyseal-imds", "check", "--quiet", check=False)
        if said.returncode != 0:
            return said.stderr
        for role, user, wanted in (("host", "root", "answer"), ("host", USER, "refused"),
                                   ("guest", "root", "refused")):
            got = self.get(role, user, "tcp", GUARDED)
            if got != wanted:
                return f"{user} of {role}: {got}"
