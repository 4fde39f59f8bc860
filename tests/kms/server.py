#!/usr/bin/python3
"""A KMS and STS for tests, over TLS with a CA made for the run.

usage: server.py FOLDER

Leaves in FOLDER: ca.pem (to be trusted), port (a number, once it listens), log.jsonl (one
object for each request that was answered or broken off) and control.sock: JSON objects
line by line, each answered by one (rig.py speaks to it).

Faults are rows: {"operation": "Sign", "kind": KIND, "count": N, "after": N, ...}; each
request of the operation ("*": of any) uses up the first row that has a count left, after
`after` requests have passed unharmed. With "attempts": N a row has no count, and strikes
the first N requests that have the same body: a call, and its repetitions.

    latency    ms                 answered so much later
    error      code, status, message, when      instead of an answer: without a code, no JSON;
                                                "when": "after" the work is done
    throttle                      ThrottlingException, with retry_after_ms in its header
    reset      when               the connection ends: before or after the work is done
    half                          the connection ends in the middle of the answer
    silence    when               no answer, the connection stays; before or after the work
    slow       ms, pieces         the answer comes in ten pieces, or more, so far apart
    date       seconds            the Date header is wrong by so much
    garbage                       an answer that is no JSON
    answer     set {member: ...}  members of a good answer are replaced
    flipped                       a bit of the signature is another one
    other_key                     the signature is another key's
    other_digest                  the signature is of another digest
    expired                       ExpiredTokenException
"""

import asyncio
import base64
import contextlib
import datetime
import email.utils
import ipaddress
import json
import os
import signal as signals
import ssl
import sys
import urllib.parse
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import service as services
import signature

DAY = datetime.timedelta(days=1)


def make_certificates(folder):
    """ca.pem, and what the server shows: good for the loopback addresses, and for AWS's own
    names in a region, which a proxy may lead here."""
    now = datetime.datetime.utcnow()

    def build(subject, issuer, key, signer, extensions):
        builder = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY).not_valid_after(now + DAY)
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(signer, hashes.SHA256())

    def name(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca = build(name("test endpoints"), name("test endpoints"), ca_key, ca_key,
               [(x509.BasicConstraints(True, None), True)])
    names = [x509.DNSName(host) for host in (
        "localhost", "kms.us-west-2.amazonaws.com", "sts.us-west-2.amazonaws.com")] + [
        x509.IPAddress(ipaddress.ip_address(address)) for address in (
            "127.0.0.1", "::1", "::ffff:127.0.0.1")]
    leaf = build(name("localhost"), ca.subject, key, ca_key,
                 [(x509.SubjectAlternativeName(names), False),
                  (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)])
    pem = serialization.Encoding.PEM
    with open(os.path.join(folder, "server.pem"), "wb") as out:
        os.fchmod(out.fileno(), 0o600)
        out.write(leaf.public_bytes(pem))
        out.write(key.private_bytes(pem, serialization.PrivateFormat.PKCS8,
                                    serialization.NoEncryption()))
    with open(os.path.join(folder, "ca.pem"), "wb") as out:
        out.write(ca.public_bytes(pem))


def digest_asked(body):
    """In hex; None: it is no request to sign, or a dry run."""
    with contextlib.suppress(ValueError, KeyError):
        parameters = json.loads(body)
        if not parameters.get("DryRun"):
            return base64.b64decode(parameters["Message"]).hex()
    return None


class Faults:
    def __init__(self):
        self.rows = []
        self.seen = {}

    def take(self, operation, body):
        for row in self.rows:
            if row["operation"] not in (operation, "*"):
                continue
            if "attempts" in row:
                self.seen[body] = self.seen.get(body, 0) + 1
                if self.seen[body] <= row["attempts"]:
                    return row
                continue
            if row.get("after", 0) > 0:
                row["after"] -= 1
                continue
            if row.get("count", 1) > 0:
                row["count"] = row.get("count", 1) - 1
                return row
        return {}


class Connection(asyncio.Protocol):
    def __init__(self, server):
        self.server = server
        self.received = b""
        self.task = None

    def connection_made(self, transport):
        self.transport = transport
        self.server.connections.add(transport)
        self.server.connections_ever += 1

    def connection_lost(self, error):
        self.server.connections.discard(self.transport)
        if self.task:
            self.task.cancel()

    def data_received(self, data):
        self.received += data
        if self.task is None or self.task.done():
            self.next()

    def next(self):
        head, mark, rest = self.received.partition(b"\r\n\r\n")
        if not mark:
            return
        lines = head.decode("latin-1").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        length = int(headers.get("content-length", "0"))
        if len(rest) < length:
            return
        self.received = rest[length:]
        self.task = asyncio.ensure_future(self.serve(lines[0], headers, rest[:length]))
        self.task.add_done_callback(self.served)

    def served(self, task):
        if not task.cancelled() and task.exception():
            self.server.log({"bug": repr(task.exception())})
            self.transport.abort()
        elif self.received and not task.cancelled():
            self.next()

    async def serve(self, line, headers, body):
        request_id = str(uuid.uuid4())
        entry = {"id": request_id, "agent": headers.get("user-agent"),
                 "time": self.server.service.now().isoformat()}
        operation = headers.get("x-amz-target", "").rpartition(".")[2] or "sts"
        if operation == "Sign":
            entry["digest"] = digest_asked(body)
        fault = self.server.faults.take(operation, body)
        kind = fault.get("kind")
        if kind:
            entry["fault"] = kind
        after = fault.get("when") == "after"
        if kind == "silence" and not after:
            self.server.log({**entry, "operation": operation})
            return
        if kind == "reset" and not after:
            self.server.log({**entry, "operation": operation})
            self.transport.abort()
            return
        status, answer, extra = self.server.answer(line, headers, body, entry, fault)
        payload = json.dumps(answer).encode()
        if kind == "garbage" or answer is None:
            payload = b"<html>"
        self.server.log(entry)
        if kind == "silence":
            return
        if kind == "latency":
            await asyncio.sleep(fault["ms"] / 1000)
        elif self.server.latency:
            await asyncio.sleep(self.server.latency)
        if kind == "reset":
            self.transport.abort()
            return
        date = self.server.service.now() + datetime.timedelta(
            seconds=fault.get("seconds", 0) if kind == "date" else 0)
        head = [f"HTTP/1.1 {status} X", f"x-amzn-RequestId: {request_id}",
                "Content-Type: application/x-amz-json-1.1",
                f"Date: {email.utils.format_datetime(date, usegmt=True)}",
                f"Content-Length: {len(payload)}", *extra]
        whole = "\r\n".join(head).encode() + b"\r\n\r\n" + payload
        if kind == "half":
            self.transport.write(whole[:-len(payload) // 2])
            self.transport.close()
        elif kind == "slow":
            piece = max(1, len(whole) // fault.get("pieces", 10))
            for at in range(0, len(whole), piece):
                self.transport.write(whole[at:at + piece])
                await asyncio.sleep(fault["ms"] / 1000)
        else:
            self.transport.write(whole)


class Server:
    def __init__(self, folder):
        self.folder = folder
        self.service = services.Service()
        self.coming = None  # a policy that is not in force yet
        self.faults = Faults()
        self.latency = 0
        self.connections = set()
        self.connections_ever = self.requests = 0
        self.listener = self.port = self.context = None
        self.log_file = open(os.path.join(folder, "log.jsonl"), "w", buffering=1)

    def log(self, entry):
        self.requests += 1
        self.log_file.write(json.dumps(entry) + "\n")

    def answer(self, line, headers, body, entry, fault):
        """(status, object, more headers); `entry` is filled for the log."""
        kind = fault.get("kind")
        target = headers.get("x-amz-target", "")
        entry["operation"] = target.rpartition(".")[2] or "sts"
        try:
            if kind == "throttle":
                raise signature.Refused("ThrottlingException", "Rate exceeded")
            if kind == "expired":
                raise signature.Refused("ExpiredTokenException", "The token is expired")
            late = kind == "error" and fault.get("when") == "after"
            if kind == "error" and not late:
                self.refuse(fault)
            answer = self.work(line, headers, body, entry, kind)
            if late:
                entry["unsaid"] = True
                self.refuse(fault)
        except signature.Refused as refusal:
            entry["refused"] = refusal.code
            extra = []
            if fault.get("retry_after_ms"):
                extra.append(f"x-amz-retry-after: {fault['retry_after_ms']}")
            if refusal.code is None:
                answer = None
            elif target:
                answer = {"__type": refusal.code, "message": refusal.message}
            else:
                answer = {"Error": {"Type": "Sender", "Code": refusal.code,
                                    "Message": refusal.message}, "RequestId": entry["id"]}
            return refusal.status, answer, extra
        if kind == "answer":
            answer = {**answer, **fault["set"]}
        return 200, answer, []

    def refuse(self, fault):
        raise signature.Refused(
            fault.get("code"), fault.get("message", "a fault"), fault.get("status", 400))

    def work(self, line, headers, body, entry, fault):
        if line != "POST / HTTP/1.1":
            raise signature.Refused("ValidationException", f"not here: {line}")
        target = headers.get("x-amz-target")
        if target is None:
            return self.work_sts(headers, body, entry)
        user = self.who(headers, body, "kms", entry)
        prefix, _, operation = target.partition(".")
        if (prefix, headers.get("content-type")) != (
            "TrentService", "application/x-amz-json-1.1",
        ):
            raise signature.Refused("UnknownOperationException", target)
        try:
            parameters = json.loads(body)
        except ValueError:
            raise signature.Refused("SerializationException", "no JSON") from None
        for name in ("KeyId", "KeySpec", "SigningAlgorithm", "DryRun", "Tags"):
            if name in parameters:
                entry[name] = parameters[name]
        self.pass_moment("before " + operation)
        answer = self.service.kms(operation, parameters, user, fault)
        self.pass_moment("after " + operation)
        if operation == "Sign":
            entry["Message"] = parameters["Message"]
        if operation == "CreateKey":
            entry["KeyId"] = answer["KeyMetadata"]["Arn"]
        return answer

    def who(self, headers, body, service, entry):
        user = signature.check(
            headers, body, self.service.users, self.service.region, service,
            self.service.now())
        entry["user"] = user.name
        return user

    def work_sts(self, headers, body, entry):
        form = dict(urllib.parse.parse_qsl(body.decode(), strict_parsing=True))
        action = form.pop("Action")
        entry["operation"] = action
        if form.pop("Version") != "2011-06-15":
            raise signature.Refused("ValidationError", "Version")
        if headers.get("accept") != "application/json":
            raise signature.Refused("ValidationError", "this server speaks JSON only")
        if action != "AssumeRoleWithWebIdentity":
            user = self.who(headers, body, "sts", entry)
        elif {name for name in headers if name.startswith("x-amz-")} - {"x-amz-date"} or (
                "authorization" in headers):
            raise signature.Refused("ValidationError", "this one is not signed")
        else:
            user = None
        return self.service.sts(action, form, user)

    # ---- control ----

    def control(self, command):
        name = command.pop("do")
        return getattr(self, "control_" + name)(**command)

    def control_user(self, name, key, secret, lives=None, **more):
        """More: token, policy, account."""
        expires = None
        if lives is not None:
            expires = self.service.now() + datetime.timedelta(seconds=lives)
        self.service.add_user(services.User(name, key, secret, expires=expires, **more))

    def control_forget_user(self, key):
        del self.service.users[key]

    def control_role(self, arn, trusts, external_id=None, lives=None):
        """A role that the users (by name) or identity tokens in `trusts` may assume; its
        credentials live so many seconds, or as long as was asked."""
        self.service.roles[arn] = services.Role(arn, trusts, external_id, lives)

    def control_sessions(self, arn):
        return self.service.roles[arn].sessions

    def control_policy(self, key, policy, when=None):
        """At once, or once all moments of `when` have come, in their order: a moment is
        "before" or "after" with the operation of a request."""
        self.coming = (when, key, policy) if when else None
        if not when:
            self.service.users[key].policy = policy

    def pass_moment(self, moment):
        if self.coming and self.coming[0][0] == moment:
            when, key, policy = self.coming
            self.control_policy(key, policy, when[1:])

    def control_faults(self, rows):
        self.faults.rows = rows

    def control_faults_left(self):
        return [row for row in self.faults.rows if row.get("count", 1) > 0]

    def control_set(self, **values):
        """account, region, clock_offset, visible_after, page; latency in seconds."""
        for name, value in values.items():
            setattr(self if name == "latency" else self.service, name, value)

    def control_quota(self, operation, per_second):
        self.service.quotas[operation] = services.Quota(per_second)

    def control_key(self, key, **values):
        """Changes a key: state, usage, origin, spec, tags, visible_at, multi_region,
        created (seconds ago), private (another one of that spec)."""
        one = self.service.keys[key.rpartition("/")[2]]
        if "created" in values:
            values["created"] = self.service.now() - datetime.timedelta(
                seconds=values["created"])
        if "private" in values:
            values["private"] = services.SPECS[values["private"]]()
        for name, value in values.items():
            setattr(one, name, value)

    def control_make_key(self, spec, tags):
        key = services.Key(self.service, spec, tags, 0)
        self.service.keys[key.id] = key
        return key.arn

    def control_keys(self):
        return [{"arn": key.arn, "spec": key.spec, "state": key.state, "signed": key.signed,
                 "tags": {tag["TagKey"]: tag["TagValue"] for tag in key.tags}}
                for key in self.service.keys.values()]

    def control_counts(self):
        return {"connections": len(self.connections), "ever": self.connections_ever,
                "requests": self.requests}

    async def listen(self):
        self.listener = await asyncio.get_running_loop().create_server(
            lambda: Connection(self), "127.0.0.1", self.port or 0, ssl=self.context,
            backlog=256)
        self.port = self.listener.sockets[0].getsockname()[1]

    control_up = listen  # where it was before

    def control_down(self):
        self.listener.close()
        for transport in list(self.connections):
            transport.abort()

    async def serve_control(self, reader, writer):
        while line := await reader.readline():
            try:
                result = self.control(json.loads(line))
                if asyncio.iscoroutine(result):
                    result = await result
                answer = {"result": result}
            except Exception as error:  # whatever it is, the story is told
                answer = {"error": repr(error)}
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        writer.close()


async def main():
    folder = os.path.realpath(sys.argv[1])
    make_certificates(folder)
    server = Server(folder)
    server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.context.load_cert_chain(os.path.join(folder, "server.pem"))
    loop = asyncio.get_running_loop()
    await server.listen()
    await asyncio.start_unix_server(
        server.serve_control, os.path.join(folder, "control.sock"), limit=1 << 24)
    with open(os.path.join(folder, "port.new"), "w") as out:
        out.write(f"{server.port}\n")
    os.rename(os.path.join(folder, "port.new"), os.path.join(folder, "port"))
    stop = asyncio.Event()
    for signal in (signals.SIGTERM, signals.SIGINT):
        loop.add_signal_handler(signal, stop.set)
    await stop.wait()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    asyncio.run(main())
