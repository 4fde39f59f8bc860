"""Who sent a request: botocore recomputes its Signature Version 4."""

import datetime
import hmac
from http.client import HTTPMessage

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

TOLERANCE = datetime.timedelta(minutes=5)
DATE = "%Y%m%dT%H%M%SZ"


class Refused(Exception):
    """What AWS would answer: a code, a message and a status."""

    def __init__(self, code, message, status=400):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def parse(authorization):
    algorithm, _, rest = authorization.partition(" ")
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    if algorithm != "AWS4-HMAC-SHA256" or set(parts) != {
        "Credential", "SignedHeaders", "Signature",
    }:
        raise Refused("IncompleteSignature", "the Authorization header is not understood")
    return parts


def check_time(headers, now):
    try:
        sent = datetime.datetime.strptime(headers["x-amz-date"], DATE)
    except (KeyError, ValueError):
        raise Refused("IncompleteSignature", "X-Amz-Date is missing or wrong") from None
    sent = sent.replace(tzinfo=datetime.timezone.utc)
    name = sent.strftime(DATE)
    if sent < now - TOLERANCE:
        limit = (now - TOLERANCE).strftime(DATE)
        raise Refused(
            "InvalidSignatureException",
            f"Signature expired: {name} is now earlier than {limit} "
            f"({now.strftime(DATE)} - 5 min.)",
        )
    if sent > now + TOLERANCE:
        limit = (now + TOLERANCE).strftime(DATE)
        raise Refused(
            "InvalidSignatureException",
            f"Signature not yet current: {name} is still later than {limit} "
            f"({now.strftime(DATE)} + 5 min.)",
        )
    return sent


class _Only(SigV4Auth):
    """Signs with exactly the headers that the client said it had signed."""

    def __init__(self, credentials, service, region, names):
        super().__init__(credentials, service, region)
        self.names = names

    def headers_to_sign(self, request):
        message = HTTPMessage()
        for name in self.names:
            message[name] = request.headers[name]
        return message


def check(headers, body, users, region, service, now):
    """The user whose secret made the signature. `headers` have lower-case names."""
    parts = parse(headers.get("authorization", ""))
    key, date, its_region, its_service, end = parts["Credential"].split("/")
    user = users.get(key)
    if user is None:
        raise Refused("UnrecognizedClientException",
                      "The security token included in the request is invalid.")
    sent = check_time(headers, now)
    if (its_region, its_service, end) != (region, service, "aws4_request"):
        raise Refused("InvalidSignatureException",
                      f"Credential should be scoped to {region}/{service}.")
    if date != sent.strftime("%Y%m%d"):
        raise Refused("InvalidSignatureException", "Date in Credential scope is wrong.")
    names = parts["SignedHeaders"].split(";")
    unsigned = [name for name in headers if name.startswith("x-amz-") and name not in names]
    if "host" not in names or unsigned or names != sorted(names):
        raise Refused("InvalidSignatureException", f"headers are not signed: {unsigned}")
    if headers.get("x-amz-security-token") != user.token:
        raise Refused("UnrecognizedClientException",
                      "The security token included in the request is invalid.")
    if user.expires is not None and now >= user.expires:
        raise Refused("ExpiredTokenException",
                      "The security token included in the request is expired")
    request = AWSRequest(
        method="POST", url=f"https://{headers['host']}/", data=body,
        headers={name: headers[name] for name in names},
    )
    request.context["timestamp"] = headers["x-amz-date"]
    signer = _Only(Credentials(key, user.secret, user.token), service, region, names)
    canonical = signer.canonical_request(request)
    expected = signer.signature(signer.string_to_sign(request, canonical), request)
    if not hmac.compare_digest(expected, parts["Signature"]):
        raise Refused(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided.",
        )
    return user
