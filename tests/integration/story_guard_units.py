#!/usr/bin/python3
"""What `make install` puts of the metadata guard where: a program that works from there, and
units of systemd that are sound and keep to themselves."""
import os
import shutil
import subprocess
import tempfile

from guard_net import GUARDED_4, USER, Network
from story import DEADLINE, build_folder, clean_environment

SOURCES = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..")
UNITS = ["privyseal-imds.service", "privyseal-imds-check.service", "privyseal-imds.timer"]

# The installed /usr over the machine's own, for one command alone.
OVERLAID = 'mount -t overlay -o "lowerdir=$1/usr:/usr" none /usr && shift && exec "$@"'


def run(*words):
    return subprocess.run(words, text=True, capture_output=True, timeout=10 * DEADLINE,
                          env=clean_environment())


def installed(root, *words):
    return run("unshare", "--mount", "--propagation=private", "sh", "-c", OVERLAID, "sh", root,
               *words)


def works_from_there(root):
    with Network() as net:
        said = installed(root, "ip", "netns", "exec", net.names["host"], "privyseal-imds",
                         "install")
        assert said.returncode == 0, said
        assert net.get("host", USER, "tcp", GUARDED_4) == "refused"
    path = os.path.join(root, "usr/sbin/privyseal-imds")
    assert os.stat(path).st_mode & 0o777 == 0o755


def units_are_sound(root):
    folder = "/usr/lib/systemd/system/"
    for name in UNITS:
        with open(root + folder + name) as unit:
            text = unit.read()
        assert ".service" not in name or "ExecStart=/usr/sbin/privyseal-imds " in text, text
    said = installed(root, "systemd-analyze", "verify", *(folder + name for name in UNITS))
    assert said.returncode == 0 and not said.stdout + said.stderr, said
    for name in UNITS[:2]:
        said = installed(root, "systemd-analyze", "security", "--offline=true",
                         "--threshold=20", folder + name)
        assert said.returncode == 0, said


def main():
    root = tempfile.mkdtemp(prefix="privyseal-test.")
    try:
        said = run("make", "-s", "-C", SOURCES, f"BUILD={build_folder()}", f"DESTDIR={root}",
                   "install")
        assert said.returncode == 0, said
        works_from_there(root)
        units_are_sound(root)
    finally:
        shutil.rmtree(root)
    said = run("make", "-n", "-C", SOURCES, "DESTDIR=/x", "SBINDIR=/opt/sbin", "install")
    assert "s|/usr/sbin/|/opt/sbin/|" in said.stdout, said


if __name__ == "__main__":
    main()
