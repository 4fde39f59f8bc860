"""Starts the test endpoints and speaks to them; for stories and the demo."""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
DEADLINE = 30
KEY = "AKIDTESTTESTTESTTEST"
SECRET = "test/secret+of/the+endpoints/0123456789abcd"


def _end_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Endpoints:
    """KMS and STS of an account, with one user who may do everything."""

    def __init__(self, host="localhost"):
        self.host = host
        self.folder = tempfile.mkdtemp(prefix="privyseal-kms.")
        os.chmod(self.folder, 0o755)
        self.errors = open(os.path.join(self.folder, "errors"), "w")
        self.process = subprocess.Popen(
            ["/usr/bin/python3", os.path.join(HERE, "server.py"), self.folder],
            stderr=self.errors, preexec_fn=_end_with_parent)
        self.control_socket = None
        self.port = self._wait_for_port()
        self.do("user", name="test", key=KEY, secret=SECRET)

    def _wait_for_port(self):
        path = os.path.join(self.folder, "port")
        end = time.monotonic() + DEADLINE
        while not os.path.exists(path):
            assert self.process.poll() is None, self.error_text()
            assert time.monotonic() < end, "the test endpoints do not start"
            time.sleep(0.01)
        with open(path) as file:
            return int(file.read())

    def error_text(self):
        with open(os.path.join(self.folder, "errors")) as file:
            return file.read()

    @property
    def url(self):
        return f"https://{self.host}:{self.port}"

    @property
    def ca(self):
        return os.path.join(self.folder, "ca.pem")

    def environment(self, key=KEY, secret=SECRET, token=None):
        """What privyseald is started with, so that it finds these endpoints."""
        variables = {
            "AWS_ENDPOINT_URL": self.url, "AWS_CA_BUNDLE": self.ca,
            "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret,
        }
        if token is not None:
            variables["AWS_SESSION_TOKEN"] = token
        return variables

    def do(self, act, /, **values):
        if self.control_socket is None:
            self.control_socket = socket.socket(socket.AF_UNIX)
            self.control_socket.connect(os.path.join(self.folder, "control.sock"))
            self.answers = self.control_socket.makefile("r")
        line = json.dumps({"do": act, **values}) + "\n"
        self.control_socket.sendall(line.encode())
        answer = json.loads(self.answers.readline())
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def log(self):
        with open(os.path.join(self.folder, "log.jsonl")) as file:
            entries = [json.loads(line) for line in file if line.endswith("\n")]
        bugs = [entry for entry in entries if "bug" in entry]
        assert not bugs, bugs
        return entries

    def stop(self):
        self.process.terminate()
        self.process.wait(DEADLINE)
        self.errors.close()
        text = self.error_text()
        shutil.rmtree(self.folder)
        assert not text, text


@contextlib.contextmanager
def endpoints(host="localhost"):
    one = Endpoints(host)
    try:
        yield one
    finally:
        one.stop()
