"""What the stories share: a daemon on a temporary state, its pipe, its record.

A story is an executable story_*.py that takes the build folder as its argument, asserts,
and exits non-zero at the first thing that is not as promised. Waiting is always for a
condition, bounded by DEADLINE.
"""

import base64
import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

DEADLINE = 30

CONFIG = """\
version: v3
auth_service:
  enabled: yes
  cluster_name: example.com
"""

POLICY = """\
cluster example.com

deny   user  ssh-user  principals root
permit user  ssh-user  ttl 30h  key-id *  principals *  extensions permit-pty permit-port-forwarding  rate 1000000/s
permit host  ssh-host  ttl 30d  key-id *  principals localhost *.example.com
"""


def build_folder():
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} BUILD")
    return os.path.realpath(sys.argv[1])


def wait_until(what, condition, seconds=DEADLINE):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"waited {seconds} s for {what}")


def free_user():
    """The user that workers run as: the package's own, else nobody."""
    with open("/etc/passwd") as users:
        names = [line.split(":")[0] for line in users]
    return "privyseal" if "privyseal" in names else "nobody"


def clean_environment():
    return {
        "PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
        "LC_ALL": "C",
    }


def remove_tree(path):
    """Root's rm can't remove what is append-only, as the record's files are."""
    subprocess.run(["chattr", "-R", "-f", "-a", path], check=False)
    shutil.rmtree(path)


class Place:
    """A folder with config, policy, state and runtime directories of its own."""

    def __init__(self, config=CONFIG, policy=POLICY):
        self.path = tempfile.mkdtemp(prefix="privyseal-test.")
        os.chmod(self.path, 0o755)
        self.config = self.write("privyseal.yaml", config)
        self.policy = self.write("policy.conf", policy)
        self.state = os.path.join(self.path, "state")
        self.runtime = os.path.join(self.path, "run")
        self.log = os.path.join(self.path, "log")

    def write(self, name, content):
        path = os.path.join(self.path, name)
        with open(path, "wb") as out:
            out.write(content if isinstance(content, bytes) else content.encode())
        os.chmod(path, 0o644)
        return path

    def flags(self):
        return [
            "--config", self.config, "--policy", self.policy, "--state-dir", self.state,
            "--runtime-dir", self.runtime, "--user", free_user(),
        ]

    def remove(self):
        remove_tree(self.path)

    def record(self):
        """Every line of the record, as bytes, after checking the chain."""
        folder = os.path.join(self.state, "audit")
        lines = []
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name), "rb") as segment:
                lines += segment.read().split(b"\n")[:-1]
        previous = "0" * 64
        for number, line in enumerate(lines):
            entry = json.loads(line)
            assert entry["prev"] == previous, f"record line {number + 1}: prev is wrong"
            assert entry["seq"] == number + 1, f"record line {number + 1}: seq is wrong"
            previous = hashlib.sha256(line).hexdigest()
        return [json.loads(line) for line in lines]


class Daemon:
    """A running privyseald; `with Daemon(build, place) as d:` stops it at the end."""

    def __init__(self, build, place, extra=(), environment=None):
        self.build = build
        self.place = place
        self.extra = list(extra)
        self.environment = environment or clean_environment()
        self.process = None

    def start_unready(self):
        with open(self.place.log, "ab") as log:
            self.process = subprocess.Popen(
                [os.path.join(self.build, "privyseald")] + self.place.flags() + self.extra,
                stdin=subprocess.DEVNULL, stderr=log, env=self.environment, cwd="/")

    def start(self):
        self.start_unready()
        try:
            wait_until("readiness", self.ready_or_dead)
            assert self.process.poll() is None, "privyseald ended: " + self.logged()
        except BaseException:
            self.kill()
            raise
        return self

    def ready_or_dead(self):
        if self.process.poll() is not None:
            return True
        with contextlib.suppress(OSError):
            self.connect().close()
            return True
        return False

    def logged(self):
        with open(self.place.log, errors="replace") as log:
            return log.read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=DEADLINE)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        if kind is not None:
            sys.stderr.write(self.logged())
        try:
            if self.process.poll() is None:
                status = self.stop()
                if kind is None:
                    assert status == 0, f"privyseald ended with {status}: {self.logged()}"
        finally:
            self.kill()

    def connect(self):
        return Pipe.over_socket(os.path.join(self.place.runtime, "auth.sock"))

    def admin_report(self):
        return admin_report(self.place)

    def processes(self):
        """role -> list of pids, as the broker says and the kernel confirms."""
        roles = {}
        for process in self.admin_report()["processes"]:
            assert os.path.exists(f"/proc/{process['pid']}"), process
            roles.setdefault(process["role"], []).append(process["pid"])
        return roles

    def cli(self, *arguments, **options):
        return subprocess.run(
            [os.path.join(self.build, "privyseal"), "--runtime-dir", self.place.runtime,
             *arguments],
            capture_output=True, text=True, timeout=DEADLINE, env=clean_environment(),
            **options)


def admin_report(place):
    """Asks the admin socket as the CLI does: one frame, op, id, length, no fields."""
    ops = admin_ops()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as admin:
        admin.settimeout(DEADLINE)
        admin.connect(os.path.join(place.runtime, "admin.sock"))
        admin.send(struct.pack(">HHII", ops["OP_ADMIN_STATUS"], 0, 1, 0))
        answer = admin.recv(1 << 17)
    op, _, number, _, length = struct.unpack(">HHIII", answer[:16])
    assert op == ops["OP_ADMIN_REPORT"] and number == 1, answer[:16]
    return json.loads(answer[16:16 + length])


def admin_ops():
    """The numbers of enum op, read from the page that fixes them."""
    here = os.path.dirname(os.path.realpath(__file__))
    with open(os.path.join(here, "..", "..", "ipc", "ops.h")) as header:
        body = header.read().split("enum op {")[1].split("}")[0]
    names = [word.strip(",") for line in body.splitlines()
             if (word := line.split("/*")[0].strip()).startswith("OP_")]
    return {name: number for number, name in enumerate(names)}


class Pipe:
    """JSON-RPC, a line a message, over a socket or a process's pipes."""

    def __init__(self, reader, writer, close):
        self.reader = reader
        self.writer = writer
        self.close_all = close
        self.next = 0

    @classmethod
    def over_socket(cls, path):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(DEADLINE)
        connection.connect(path)
        stream = connection.makefile("rwb")
        pipe = cls(stream, stream, lambda: (stream.close(), connection.close()))
        pipe.connection = connection
        return pipe

    @classmethod
    def over_process(cls, process):
        return cls(process.stdout, process.stdin, lambda: None)

    def close(self):
        self.close_all()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.close()

    def send_line(self, line):
        self.writer.write(line + b"\n")
        self.writer.flush()

    def receive(self):
        line = self.reader.readline()
        return json.loads(line) if line else None

    def send(self, method, **params):
        self.next += 1
        self.send_line(json.dumps({"jsonrpc": "2.0", "id": self.next, "method": method,
                                   "params": params}).encode())
        return self.next

    def call(self, method, **params):
        number = self.send(method, **params)
        answer = self.receive()
        assert answer is not None, "the pipe was closed"
        assert answer["id"] == number, answer
        return answer

    def result(self, method, **params):
        answer = self.call(method, **params)
        assert "result" in answer, answer
        return answer["result"]

    def error(self, code, method, **params):
        answer = self.call(method, **params)
        assert "error" in answer, f"not refused: {answer}"
        assert answer["error"]["code"] == code, answer
        return answer["error"]


def ssh_string(data):
    return struct.pack(">I", len(data)) + data


def ed25519_key():
    """A fresh, honest Ed25519 public key as an authorized_keys line."""
    with tempfile.TemporaryDirectory(prefix="privyseal-test.") as folder:
        path = os.path.join(folder, "key")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path],
                       check=True)
        with open(path + ".pub") as public:
            return public.read().strip()


def key_line(kind, *fields):
    blob = ssh_string(kind.encode()) + b"".join(ssh_string(field) for field in fields)
    return f"{kind} {base64.b64encode(blob).decode()}"


def describe(certificate):
    """ssh-keygen's reading of a certificate."""
    return subprocess.run(["ssh-keygen", "-L", "-f", "-"], input=certificate + "\n",
                          capture_output=True, text=True, check=True,
                          env=dict(clean_environment(), TZ="UTC")).stdout


def own_memory(pid):
    """What a process has allocated, in bytes: no other one's start or end changes that."""
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status
                    if line.startswith("RssAnon:"))


def ended(pid):
    """True when no such process is left, zombies counted as left by nobody."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True
