#!/usr/bin/python3
"""The admin socket is root's; what comes there broken costs its sender alone."""
import os
import socket
import stat
import struct
import subprocess
import sys

from story import DEADLINE, Daemon, Place, admin_ops, build_folder, clean_environment

TRY_AS_NOBODY = """
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
try:
    s.connect(sys.argv[1])
except PermissionError:
    sys.exit(0)
sys.exit(1)
"""


def main():
    place = Place()
    with Daemon(build_folder(), place) as daemon:
        path = place.runtime + "/admin.sock"
        status = os.stat(path)
        assert stat.S_IMODE(status.st_mode) == 0o600 and status.st_uid == 0, status
        refused = subprocess.run([sys.executable, "-c", TRY_AS_NOBODY, path],
                                 env=clean_environment(), timeout=DEADLINE)
        assert refused.returncode == 0, "nobody could connect"

        before = daemon.processes()
        ops = admin_ops()
        good = struct.pack(">HHII", ops["OP_ADMIN_STATUS"], 0, 1, 0)
        for bad in (b"", b"\0", good[:11], good + b"x", b"\xff" * 12, bytes(66 * 1024),
                    struct.pack(">HHII", ops["OP_ADMIN_STATUS"], 1, 1, 0),
                    struct.pack(">HHII", ops["OP_ADMIN_STATUS"], 0, 1, 1 << 31),
                    struct.pack(">HHII", ops["OP_STOP"], 0, 1, 0),
                    struct.pack(">HHII", ops["OP_SIGN"], 0, 1, 0)):
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as admin:
                admin.settimeout(DEADLINE)
                admin.connect(path)
                admin.send(bad)
                try:
                    answer = admin.recv(1 << 17)
                except ConnectionResetError:
                    answer = b""
                assert answer == b"", (bad[:16], answer[:64])
        # More than it serves at once, and one who never speaks: others are served.
        silent = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(4)]
        for one in silent:
            one.connect(path)
        assert daemon.processes() == before
        for one in silent:
            one.close()
        with daemon.connect() as pipe:
            assert pipe.result("ping") == {}
    place.remove()


main()
