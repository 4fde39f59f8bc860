"""An instance metadata service and a container endpoint for stories: plain HTTP, version 2
with its tokens, a role whose credentials roll."""

import contextlib
import datetime
import http.server
import json
import socket
import ssl
import threading
import uuid

ROLE = "signer"
ROLES = "/latest/meta-data/iam/security-credentials/"
CONTAINER = "/container/credentials"


class Metadata:
    """Each set of credentials is made a user of the KMS endpoints."""

    def __init__(self, endpoints, lives, address="127.0.0.1", port=0, extended=False,
                 certificate=None):
        self.endpoints = endpoints
        self.lives = lives
        self.extended = extended  # AWS takes them beyond their end
        self.tokens = set()
        self.status = None  # what everything is answered with, if set
        self.container_token = None
        self.sets = 0
        self.expires = datetime.datetime(2000, 1, 1, tzinfo=datetime.timezone.utc)
        self.document = None
        self.lock = threading.Lock()
        handler = type("Handler", (Handler,), {"metadata": self})
        kind = type("Server", (http.server.ThreadingHTTPServer,), {
            "address_family": socket.AF_INET6 if ":" in address else socket.AF_INET})
        self.server = kind((address, port), handler)
        self.server.daemon_threads = True
        self.url = "http://%s:%d" % self.server.server_address[:2]
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            self.url = "https://localhost:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def credentials(self):
        """The set of now; the next one comes when half of its life is over."""
        now = datetime.datetime.now(datetime.timezone.utc)
        with self.lock:
            if now >= self.expires - datetime.timedelta(seconds=self.lives / 2):
                self.roll(now)
            return self.document

    def roll(self, now):
        self.sets += 1
        self.expires = (now + datetime.timedelta(seconds=self.lives + 1)).replace(
            microsecond=0)
        key, secret, token = (f"ASIA{uuid.uuid4().hex[:16].upper()}", uuid.uuid4().hex,
                              uuid.uuid4().hex)
        left = (self.expires - datetime.datetime.now(datetime.timezone.utc)).total_seconds()
        self.endpoints.do("user", name=ROLE, key=key, secret=secret, token=token,
                          lives=None if self.extended else left)
        self.document = {
            "Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": key,
            "SecretAccessKey": secret, "Token": token,
            "LastUpdated": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "Expiration": self.expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Handler(http.server.BaseHTTPRequestHandler):
    metadata = None

    def answer(self, status, text="", **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def handle(self):
        """Who only wants to know whether we are there goes away early."""
        with contextlib.suppress(ConnectionError):
            super().handle()

    def do_PUT(self):
        lives = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
        if self.metadata.status:
            self.answer(self.metadata.status)
        elif self.path != "/latest/api/token" or not lives.isdigit():
            self.answer(400)
        else:
            token = uuid.uuid4().hex + "=="
            self.metadata.tokens.add(token)
            self.answer(200, token, X_aws_ec2_metadata_token_ttl_seconds=lives)

    def do_GET(self):
        if self.metadata.status:
            self.answer(self.metadata.status)
        elif self.path == CONTAINER:
            wanted = self.metadata.container_token
            if self.headers.get("Authorization") != wanted:
                self.answer(403, json.dumps({"code": "Denied", "message": "not you"}))
            else:
                self.answer(200, json.dumps(self.metadata.credentials()))
        elif self.headers.get("X-aws-ec2-metadata-token") not in self.metadata.tokens:
            self.answer(401)
        elif self.path == ROLES:
            self.answer(200, ROLE)
        elif self.path == ROLES + ROLE:
            self.answer(200, json.dumps(self.metadata.credentials()))
        else:
            self.answer(404)

    def log_message(self, *_):
        pass
