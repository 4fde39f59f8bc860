"""KMS and STS as far as a CA's keys need them: keys with states, tags and pages, found
everywhere only after a while, used under IAM policies and request quotas."""

import base64
import datetime
import threading
import time
import uuid

import botocore.loaders
import botocore.model
import botocore.validate
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

import iam
from signature import Refused

UTC = datetime.timezone.utc

HASHES = {"SHA_256": hashes.SHA256(), "SHA_384": hashes.SHA384(), "SHA_512": hashes.SHA512()}
SPECS = {
    "RSA_2048": lambda: rsa.generate_private_key(65537, 2048),
    "RSA_3072": lambda: rsa.generate_private_key(65537, 3072),
    "RSA_4096": lambda: rsa.generate_private_key(65537, 4096),
    "ECC_NIST_P256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ECC_NIST_P384": lambda: ec.generate_private_key(ec.SECP384R1()),
}
ALGORITHMS = {
    "ECC_NIST_P256": ["ECDSA_SHA_256"],
    "ECC_NIST_P384": ["ECDSA_SHA_384"],
}
RSA_ALGORITHMS = [f"RSASSA_{how}_SHA_{bits}" for how in ("PKCS1_V1_5", "PSS")
                  for bits in (256, 384, 512)]
# Parameters that AWS's model has got since the one that Debian's botocore carries.
NEWER = {"Sign": {"DryRun"}}


class User:
    def __init__(self, name, key, secret, token=None, policy=None, expires=None, account=None):
        self.name = name
        self.key = key
        self.secret = secret
        self.token = token
        self.policy = policy or iam.EVERYTHING
        self.expires = expires
        self.account = account  # None: the service's

    def arn(self, account):
        account = self.account or account
        if self.token is None:
            return f"arn:aws:iam::{account}:user/{self.name}"
        return f"arn:aws:sts::{account}:assumed-role/{self.name}/test"


class Role:
    def __init__(self, arn, trusts, external_id, lives):
        self.arn = arn
        self.trusts = trusts
        self.external_id = external_id
        self.lives = lives
        self.sessions = 0


class Key:
    def __init__(self, service, spec, tags, visible_at):
        self.id = str(uuid.uuid4())
        self.arn = f"arn:aws:kms:{service.region}:{service.account}:key/{self.id}"
        self.spec = spec
        self.tags = tags
        self.private = SPECS[spec]()
        self.state = "Enabled"
        self.usage = "SIGN_VERIFY"
        self.multi_region = False
        self.origin = "AWS_KMS"
        self.created = service.now()
        self.deleted = None
        self.visible_at = visible_at
        self.signed = 0

    def algorithms(self):
        return ALGORITHMS.get(self.spec, RSA_ALGORITHMS)

    def public(self):
        return self.private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    def sign(self, algorithm, digest):
        hash = HASHES[algorithm[-7:]]
        chosen = utils.Prehashed(hash)
        if self.spec.startswith("ECC"):
            return self.private.sign(digest, ec.ECDSA(chosen))
        if "PSS" in algorithm:
            pad = padding.PSS(padding.MGF1(hash), hash.digest_size)
            return self.private.sign(digest, pad, chosen)
        return self.private.sign(digest, padding.PKCS1v15(), chosen)

    def metadata(self, account):
        data = {
            "AWSAccountId": account, "Arn": self.arn, "KeyId": self.id,
            "CreationDate": self.created.timestamp(), "Description": "",
            "Enabled": self.state == "Enabled", "KeyManager": "CUSTOMER",
            "KeySpec": self.spec, "CustomerMasterKeySpec": self.spec,
            "KeyState": self.state, "KeyUsage": self.usage, "MultiRegion": self.multi_region,
            "Origin": self.origin, "SigningAlgorithms": self.algorithms(),
        }
        if self.deleted:
            data["DeletionDate"] = self.deleted.timestamp()
        return data


class Quota:
    """So many requests in each second of the clock, as KMS counts them."""

    def __init__(self, per_second):
        self.per_second = per_second
        self.second = 0
        self.used = 0

    def take(self):
        second = int(time.monotonic())
        if second != self.second:
            self.second, self.used = second, 0
        self.used += 1
        return self.used <= self.per_second


class Service:
    def __init__(self, account="123456789012", region="us-west-2"):
        self.account = account
        self.region = region
        self.users = {}
        self.roles = {}
        self.keys = {}
        self.clock_offset = 0  # seconds that our clock is ahead
        self.visible_after = 0  # seconds until a new key is known everywhere
        self.page = 1000
        self.quotas = {"Sign": Quota(1000), "CreateKey": Quota(5)}
        self.lock = threading.Lock()
        loader = botocore.loaders.Loader()
        self.models = {
            name: botocore.model.ServiceModel(loader.load_service_model(name, "service-2"), name)
            for name in ("kms", "sts")}
        self.shapes = {}

    def now(self):
        return datetime.datetime.now(UTC) + datetime.timedelta(seconds=self.clock_offset)

    def add_user(self, user):
        self.users[user.key] = user
        return user

    # ---- KMS ----

    def kms(self, operation, parameters, user, fault=None):
        """`fault`: what the signature will be wrong in."""
        handler = getattr(self, "do_" + operation, None)
        if handler is None:
            raise Refused("UnknownOperationException", operation)
        self.validate(operation, parameters)
        quota = self.quotas.get(operation)
        if quota and not quota.take():
            raise Refused("ThrottlingException", "Rate exceeded")
        answer = handler(parameters, user)
        if fault in ("flipped", "other_key", "other_digest"):
            answer["Signature"] = self.wrong_signature(fault, parameters)
        return answer

    def validate(self, operation, parameters):
        if operation not in self.shapes:
            self.shapes[operation] = (
                self.models["kms"].operation_model(operation).input_shape)
        known = {name: value for name, value in parameters.items()
                 if name not in NEWER.get(operation, ())}
        strange = set(known) - set(self.shapes[operation].members)
        if "Message" in known:
            known["Message"] = base64.b64decode(known["Message"], validate=True)
        report = botocore.validate.ParamValidator().validate(known, self.shapes[operation])
        if strange or report.has_errors():
            raise Refused("ValidationException", f"{strange or ''}{report.generate_report()}")

    def permit(self, user, operation, key=None, request_tags=(), **more):
        context = {f"kms:{name}".lower(): [value] for name, value in more.items()}
        for tag in request_tags:
            context[f"aws:requesttag/{tag['TagKey']}".lower()] = [tag["TagValue"]]
        for tag in key.tags if key else request_tags:
            context[f"aws:resourcetag/{tag['TagKey']}".lower()] = [tag["TagValue"]]
        resource = key.arn if key else f"arn:aws:kms:{self.region}:{self.account}:key/*"
        if not iam.allows(user.policy, f"kms:{operation}", resource, context):
            raise Refused(
                "AccessDeniedException",
                f"User: {user.arn(self.account)} is not authorized to perform: "
                f"kms:{operation} on resource: {resource} because no identity-based "
                f"policy allows the kms:{operation} action",
            )

    def find(self, parameters):
        name = parameters["KeyId"]
        key = self.keys.get(name.rpartition("/")[2])
        if key is None or (name.startswith("arn:") and name != key.arn) or (
            time.monotonic() < key.visible_at
        ):
            raise Refused("NotFoundException", f"Key '{name}' does not exist")
        return key

    def do_CreateKey(self, parameters, user):
        tags = parameters.get("Tags", [])
        self.permit(user, "CreateKey", request_tags=tags)
        if tags:
            self.permit(user, "TagResource", request_tags=tags)
        spec = parameters.get("KeySpec", "SYMMETRIC_DEFAULT")
        if spec not in SPECS or parameters.get("KeyUsage") != "SIGN_VERIFY":
            raise Refused("ValidationException", "only keys that sign are made here")
        key = Key(self, spec, tags, time.monotonic() + self.visible_after)
        with self.lock:
            self.keys[key.id] = key
        return {"KeyMetadata": key.metadata(self.account)}

    def do_TagResource(self, parameters, user):
        key = self.find(parameters)
        self.permit(user, "TagResource", key, parameters["Tags"])
        new = {tag["TagKey"] for tag in parameters["Tags"]}
        key.tags = [tag for tag in key.tags if tag["TagKey"] not in new] + parameters["Tags"]
        return {}

    def do_GetPublicKey(self, parameters, user):
        key = self.find(parameters)
        self.permit(user, "GetPublicKey", key)
        self.usable(key)
        return {
            "KeyId": key.arn, "KeySpec": key.spec, "CustomerMasterKeySpec": key.spec,
            "KeyUsage": key.usage, "SigningAlgorithms": key.algorithms(),
            "PublicKey": base64.b64encode(key.public()).decode(),
        }

    def usable(self, key):
        if key.state == "Disabled":
            raise Refused("DisabledException", f"{key.arn} is disabled.")
        if key.state != "Enabled":
            raise Refused("KMSInvalidStateException", f"{key.arn} is {key.state}.")

    def do_Sign(self, parameters, user):
        key = self.find(parameters)
        algorithm = parameters["SigningAlgorithm"]
        kind = parameters.get("MessageType", "RAW")
        self.permit(user, "Sign", key, SigningAlgorithm=algorithm, MessageType=kind)
        self.usable(key)
        if algorithm not in key.algorithms():
            raise Refused("InvalidKeyUsageException", f"{algorithm} does not fit {key.arn}")
        digest = base64.b64decode(parameters["Message"])
        if kind == "RAW":
            whole = hashes.Hash(HASHES[algorithm[-7:]])
            whole.update(digest)
            digest = whole.finalize()
        if len(digest) != HASHES[algorithm[-7:]].digest_size:
            raise Refused("ValidationException", "Digest is invalid length for algorithm")
        if parameters.get("DryRun"):
            raise Refused("DryRunOperationException",
                          "The request would have succeeded, but the DryRun option is set.")
        signature = key.sign(algorithm, digest)
        key.signed += 1
        return {"KeyId": key.arn, "SigningAlgorithm": algorithm,
                "Signature": base64.b64encode(signature).decode()}

    def wrong_signature(self, fault, parameters):
        key, algorithm = self.find(parameters), parameters["SigningAlgorithm"]
        digest = base64.b64decode(parameters["Message"])
        if fault == "other_key":
            key = Key(self, key.spec, [], 0)
        if fault == "other_digest":
            digest = bytes(reversed(digest))
        signature = bytearray(key.sign(algorithm, digest))
        if fault == "flipped":
            signature[-1] ^= 1
        return base64.b64encode(signature).decode()

    def do_DescribeKey(self, parameters, user):
        key = self.find(parameters)
        self.permit(user, "DescribeKey", key)
        return {"KeyMetadata": key.metadata(self.account)}

    def paged(self, items, parameters, name):
        limit = min(parameters.get("Limit", 100), self.page)
        start = int(parameters.get("Marker", "0"))
        answer = {name: items[start:start + limit], "Truncated": start + limit < len(items)}
        if answer["Truncated"]:
            answer["NextMarker"] = str(start + limit)
        return answer

    def do_ListKeys(self, parameters, user):
        self.permit(user, "ListKeys")
        with self.lock:
            known = [key for key in self.keys.values() if time.monotonic() >= key.visible_at]
        items = [{"KeyArn": key.arn, "KeyId": key.id} for key in known]
        return self.paged(items, parameters, "Keys")

    def do_ListResourceTags(self, parameters, user):
        key = self.find(parameters)
        self.permit(user, "ListResourceTags", key)
        return self.paged(key.tags, parameters, "Tags")

    def do_ScheduleKeyDeletion(self, parameters, user):
        key = self.find(parameters)
        self.permit(user, "ScheduleKeyDeletion", key)
        if key.state == "PendingDeletion":
            raise Refused("KMSInvalidStateException", f"{key.arn} is pending deletion.")
        days = parameters.get("PendingWindowInDays", 30)
        key.state = "PendingDeletion"
        key.deleted = self.now() + datetime.timedelta(days=days)
        return {"KeyId": key.arn, "DeletionDate": key.deleted.timestamp(),
                "KeyState": key.state, "PendingWindowInDays": days}

    # ---- STS ----

    def sts(self, action, parameters, user):
        handler = getattr(self, "sts_" + action, None)
        if handler is None:
            raise Refused("InvalidAction", action)
        if "DurationSeconds" in parameters:
            parameters["DurationSeconds"] = int(parameters["DurationSeconds"])
        shape = self.models["sts"].operation_model(action).input_shape
        report = botocore.validate.ParamValidator().validate(parameters, shape)
        strange = set(parameters) - set(shape.members)
        if strange or report.has_errors():
            raise Refused("ValidationError", f"{strange or ''}{report.generate_report()}")
        return {f"{action}Response": {
            f"{action}Result": handler(parameters, user),
            "ResponseMetadata": {"RequestId": str(uuid.uuid4())},
        }}

    def sts_GetCallerIdentity(self, parameters, user):
        return {"Account": user.account or self.account, "Arn": user.arn(self.account),
                "UserId": user.key}

    def sts_AssumeRole(self, parameters, user):
        return self.session(parameters, user.name, f"User: {user.arn(self.account)}")

    def sts_AssumeRoleWithWebIdentity(self, parameters, user):
        return self.session(parameters, parameters["WebIdentityToken"], "This identity")

    def session(self, parameters, who, called):
        """Credentials of the role, for somebody whom it trusts."""
        role = self.roles.get(parameters["RoleArn"])
        if role is None or who not in role.trusts or (
            role.external_id != parameters.get("ExternalId")
        ):
            raise Refused("AccessDenied", f"{called} is not authorized to perform: "
                          f"sts:AssumeRole on resource: {parameters['RoleArn']}", 403)
        role.sessions += 1
        expires = self.now() + datetime.timedelta(
            seconds=role.lives or parameters.get("DurationSeconds", 3600))
        user = self.add_user(User(
            role.arn.rpartition("/")[2], f"ASIA{uuid.uuid4().hex[:16].upper()}",
            uuid.uuid4().hex, token=uuid.uuid4().hex + "/+=" * 20, expires=expires))
        return {
            "AssumedRoleUser": {"Arn": user.arn(self.account), "AssumedRoleId": "AROA:test"},
            "Credentials": {"AccessKeyId": user.key, "SecretAccessKey": user.secret,
                            "SessionToken": user.token,
                            "Expiration": expires.timestamp()},
        }
