#!/usr/bin/python3
"""Where AWS credentials come from: each source in turn lets the same CA sign, is shown by
`privyseal credentials` without a secret, and is renewed while certificates are asked for;
what goes wrong is said where an administrator looks."""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time

import kms_story
import metadata
import rig
import story
import story_throughput
import exposition  # beside the other stories

ROLE = "arn:aws:iam::123456789012:role/"
ROLLS = 3  # sets of credentials that come and go under load
IN_FLIGHT = 200


class World:
    def __init__(self, build, endpoints, where):
        self.build = build
        self.endpoints = endpoints
        self.where = where
        self.key = story.ed25519_key()

    def path(self, name):
        return os.path.join(self.where.path, name)

    def write(self, name, text, mode=0o600):
        """By rename, as tools replace such files."""
        fresh = self.path("fresh")
        with open(fresh, "w") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text)
        os.rename(fresh, self.path(name))
        return self.path(name)

    def daemon(self, **variables):
        environment = story.clean_environment()
        environment.update({
            "AWS_ENDPOINT_URL": self.endpoints.url, "AWS_CA_BUNDLE": self.endpoints.ca,
            "AWS_SHARED_CREDENTIALS_FILE": self.path("credentials"),
            "AWS_CONFIG_FILE": self.path("config"), "AWS_EC2_METADATA_DISABLED": "true"})
        environment.update(variables)
        return story.Daemon(self.build, self.where, environment=environment)

    def sign(self, pipe):
        return pipe.result("ssh-user", public_key=self.key, key_id="alice",
                           principals=["alice"], ttl="1h")

    def keys_of(self, name, **more):
        key, secret = f"AKID{name.upper()}", f"secret/of+{name}"
        self.endpoints.do("user", name=name, key=key, secret=secret, **more)
        return f"aws_access_key_id = {key}\naws_secret_access_key = {secret}\n"


def report(daemon):
    done = daemon.cli("credentials", "--format", "json")
    return json.loads(done.stdout)


def check_watched(daemon, secrets):
    """What root sees of them in `status`, for people, programs and Prometheus, and in
    `doctor`; nobody else sees any of it."""
    shown = report(daemon)
    seen = json.loads(daemon.cli("status", "--format", "json").stdout)["credentials"]
    doctor = json.loads(daemon.cli("doctor", "--format", "json").stdout)
    for name in ("source", "account", "usable", "failures_total"):
        assert seen[name] == shown[name] == doctor["credentials"][name], (name, seen, shown)
    assert not [one for one in doctor["broken"] if "credentials" in one], doctor["broken"]
    people = [daemon.cli("status").stdout, daemon.cli("doctor").stdout]
    prometheus = daemon.cli("status", "--format", "prometheus").stdout
    samples, _ = exposition.read(prometheus)
    value = lambda name, **labels: exposition.value(
        samples, "privyseal_credentials_" + name, source=shown["source"], **labels)
    assert value("usable", account="123456789012") == 1
    assert value("refresh_failures_total") == shown["failures_total"]
    if "expires" in shown:
        assert 0 < value("next_refresh_seconds") <= value("expiry_seconds")
    for text in people:
        assert f"{shown['source']}: good; account 123456789012" in text, text
    for text in (*people, prometheus, json.dumps(seen), json.dumps(doctor)):
        assert not any(secret in text for secret in secrets), text
        assert "access_key_id" not in text, text
    with daemon.connect() as pipe:
        public = pipe.result("status")
    assert "credentials" not in public, public


def check_shown(daemon, secrets, **expected):
    shown = report(daemon)
    for name, value in expected.items():
        assert shown.get(name) == value, (name, value, shown)
    assert shown["usable"] and shown["used"] and shown["keystore"] == "aws_kms", shown
    assert shown["account"] == "123456789012", shown
    done = daemon.cli("credentials")
    assert done.returncode == 0 and expected["source"] in done.stdout, done
    for text in (done.stdout, json.dumps(shown), daemon.logged()):
        for secret in secrets:
            assert secret not in text, f"a secret was shown: {text}"


def check_environment(world):
    variables = {"AWS_ACCESS_KEY_ID": rig.KEY, "AWS_SECRET_ACCESS_KEY": rig.SECRET}
    with world.daemon(**variables) as daemon, daemon.connect() as pipe:
        world.sign(pipe)
        check_shown(daemon, [rig.SECRET], source="environment", access_key_id=rig.KEY,
                    identity="arn:aws:iam::123456789012:user/test", tried=[])
        check_watched(daemon, [rig.SECRET])


def check_shared_file(world):
    """Keys that are replaced and forgotten while certificates are asked for."""
    world.write("credentials", "[default]\n" + world.keys_of("first"))
    with world.daemon() as daemon, daemon.connect() as pipe:
        world.sign(pipe)
        check_shown(daemon, ["secret/of+first"], source="shared credentials file",
                    access_key_id="AKIDFIRST")
        assert [one["source"] for one in report(daemon)["tried"]] == ["environment"]
        world.write("credentials", "[default]\n" + world.keys_of("second"))
        world.endpoints.do("forget_user", key="AKIDFIRST")
        for _ in range(5):
            world.sign(pipe)
        check_shown(daemon, ["secret/of+second"], source="shared credentials file",
                    access_key_id="AKIDSECOND")


def check_handed_over(world):
    """Keys that systemd or a container engine has put into /run."""
    with pod("/run") as volume:
        os.chmod(volume.folder, 0o500)
        path = os.path.join(volume.folder, "aws")
        with open(path, "w") as file:
            os.fchmod(file.fileno(), 0o400)
            file.write("[default]\n" + world.keys_of("handed"))
        with world.daemon(AWS_SHARED_CREDENTIALS_FILE=path) as daemon, daemon.connect() as pipe:
            world.sign(pipe)
            check_shown(daemon, ["secret/of+handed"], source="shared credentials file",
                        access_key_id="AKIDHANDED")


def check_another_account(world):
    """Keys of somebody else's account are asked whose they are, and never anything more."""
    sign = {"public_key": world.key, "key_id": "alice", "principals": ["alice"], "ttl": "1h"}
    world.write("credentials", "[default]\n" + world.keys_of("ours"))
    with world.daemon() as daemon, daemon.connect() as pipe:
        world.sign(pipe)
        world.write("credentials", "[default]\n" + world.keys_of(
            "theirs", account="999999999999"))
        world.endpoints.do("forget_user", key="AKIDOURS")
        error = pipe.error(-32002, "ssh-user", **sign)
        assert error["message"].endswith("no AWS credentials that can be used"), error
        story.wait_until("the alert", lambda: "credentials-of-other-account" in alerts(pipe))
        shown = report(daemon)
        assert not shown["usable"], shown
        assert "are of account 999999999999, not of 123456789012" in shown["why"], shown
        assert shown["account"] == "123456789012", shown
        asked = {entry["operation"] for entry in world.endpoints.log()
                 if entry.get("user") == "theirs"}
        assert asked == {"GetCallerIdentity"}, asked
        world.write("credentials", "[default]\n" + world.keys_of("ours2"))
        story.wait_until("certificates", lambda: "result" in pipe.call("ssh-user", **sign))
        assert "credentials-of-other-account" not in alerts(pipe)


def refused_start(world, **variables):
    """What it says."""
    open(world.where.log, "w").close()
    daemon = world.daemon(**variables)
    daemon.start_unready()
    try:
        assert daemon.process.wait(story.DEADLINE) == 1
    finally:
        daemon.kill()
    return daemon.logged()


def check_refused_files(world):
    """A start that would use a file of others, or an ambiguous one, is refused."""
    good = "[default]\n" + world.keys_of("third")
    cases = [
        (lambda: world.write("credentials", good, 0o644), "chmod 600"),
        (lambda: os.chown(world.write("credentials", good), 12345, 0), "chown root"),
        (lambda: world.write("credentials", "[default]\naws_access_key_id = a\n"),
         "must have both"),
        (lambda: world.write("credentials", "[default]\ncredential_process = /bin/id\n"),
         "starts no programs"),
        (lambda: world.write("credentials", good + "hello\n"), "credentials:4: expected a"),
    ]
    for prepare, said in cases:
        prepare()
        logged = refused_start(world)
        assert said in logged, (said, logged)
    os.unlink(world.path("credentials"))


def check_role(world):
    """A role assumed with another profile's keys, for a few seconds each time."""
    world.endpoints.do("role", arn=ROLE + "signer", trusts=["base"],
                       external_id="a b&c", lives=4)
    world.write("credentials", "[base]\n" + world.keys_of("base"))
    world.write("config", f"[default]\nrole_arn = {ROLE}signer\nsource_profile = base\n"
                "external_id = a b&c\n", 0o644)
    with world.daemon() as daemon, daemon.connect() as pipe:
        roll(daemon, lambda: world.endpoints.do("sessions", arn=ROLE + "signer"))
        check_shown(daemon, ["secret/of+base"], source="shared config file",
                    role_arn=ROLE + "signer",
                    identity="arn:aws:sts::123456789012:assumed-role/signer/test")
        check_watched(daemon, ["secret/of+base"])
    for name in ("credentials", "config"):
        os.unlink(world.path(name))


def roll(daemon, sets):
    """Certificates, so many at a time, until so many sets have come and gone: none fails."""
    load = story_throughput.Load(daemon, IN_FLIGHT)
    try:
        story.wait_until("sets that come and go",
                         lambda: load.failed is not None or sets() > ROLLS)
    finally:
        load.end()
    assert load.answered > IN_FLIGHT, load.answered


class Pod:
    """A token's volume in /run, as Kubernetes fills it: links to a directory that changes,
    and a mode that is 644, with fsGroup 640, with runAsUser 600."""

    def __init__(self, folder, mode):
        self.folder = folder
        self.mode = mode
        self.sets = 0
        os.chmod(folder, 0o1777)
        os.symlink("..data/token", os.path.join(folder, "token"))

    def write(self, text):
        self.sets += 1
        name = f"..set{self.sets}"
        os.mkdir(os.path.join(self.folder, name), 0o755)
        path = os.path.join(self.folder, name, "token")
        with open(path, "w") as file:
            os.fchmod(file.fileno(), self.mode)
            file.write(text)
        os.symlink(name, os.path.join(self.folder, "..data_new"))
        os.rename(os.path.join(self.folder, "..data_new"), os.path.join(self.folder, "..data"))
        return os.path.join(self.folder, "token")


@contextlib.contextmanager
def pod(within, mode=0o644):
    folder = tempfile.mkdtemp(prefix="privyseal-test.", dir=within)
    try:
        yield Pod(folder, mode)
    finally:
        shutil.rmtree(folder)


def check_pod_s_identity(world):
    """The token where Kubernetes has it, renewed by Kubernetes."""
    with pod("/run") as tokens:
        world.endpoints.do("role", arn=ROLE + "pod", trusts=["eyJ.one", "eyJ.two"], lives=4)
        path = tokens.write("eyJ.one")
        with world.daemon(AWS_WEB_IDENTITY_TOKEN_FILE=path,
                          AWS_ROLE_ARN=ROLE + "pod") as daemon, daemon.connect() as pipe:
            world.sign(pipe)
            tokens.write("eyJ.two")
            world.endpoints.do("role", arn=ROLE + "pod", trusts=["eyJ.two"], lives=4)
            roll(daemon, lambda: world.endpoints.do("sessions", arn=ROLE + "pod"))
            check_shown(daemon, ["eyJ."], source="web identity token file",
                        role_arn=ROLE + "pod")


def check_pod_s_profile(world):
    """A token in /run that a profile names: found once the variable names it too."""
    world.endpoints.do("role", arn=ROLE + "profile", trusts=["eyJ.profile"], lives=900)
    with pod("/run", 0o600) as tokens:
        path = tokens.write("eyJ.profile")
        world.write("config", f"[default]\nrole_arn = {ROLE}profile\n"
                    f"web_identity_token_file = {path}\n", 0o644)
        said = refused_start(world)
        assert path in said and "AWS_WEB_IDENTITY_TOKEN_FILE" in said, said
        with world.daemon(AWS_WEB_IDENTITY_TOKEN_FILE=path) as daemon, daemon.connect() as pipe:
            world.sign(pipe)
            check_shown(daemon, ["eyJ."], source="shared config file", role_arn=ROLE + "profile")
    os.unlink(world.path("config"))


def check_pod_s_container(world):
    with metadata.Metadata(world.endpoints, 4) as service, pod("/var/run", 0o640) as tokens:
        service.container_token = "pod one"
        with world.daemon(
            AWS_CONTAINER_CREDENTIALS_FULL_URI=service.url + metadata.CONTAINER,
            AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=tokens.write("pod one"),
        ) as daemon, daemon.connect() as pipe:
            world.sign(pipe)
            service.container_token = "pod two"
            tokens.write("pod two")
            roll(daemon, lambda: service.sets)
            check_shown(daemon, ["pod one", "pod two"], source="container endpoint")


def check_web_identity(world):
    world.endpoints.do("role", arn=ROLE + "web", trusts=["eyJ.one", "eyJ.two"], lives=4)
    token = world.write("token", "eyJ.one\n")
    with world.daemon(AWS_WEB_IDENTITY_TOKEN_FILE=token,
                      AWS_ROLE_ARN=ROLE + "web") as daemon, daemon.connect() as pipe:
        world.sign(pipe)
        world.write("token", "eyJ.two")
        world.endpoints.do("role", arn=ROLE + "web", trusts=["eyJ.two"], lives=4)
        roll(daemon, lambda: world.endpoints.do("sessions", arn=ROLE + "web"))
        check_shown(daemon, ["eyJ."], source="web identity token file",
                    role_arn=ROLE + "web")


def check_container_behind_tls(world):
    """Its certificate has to be one that AWS_CA_BUNDLE vouches for."""
    server = os.path.join(world.endpoints.folder, "server.pem")
    with metadata.Metadata(world.endpoints, 60, certificate=server) as service:
        uri = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": service.url + metadata.CONTAINER}
        with world.daemon(**uri) as daemon, daemon.connect() as pipe:
            world.sign(pipe)
            check_shown(daemon, [service.document["SecretAccessKey"]],
                        source="container endpoint")
        other = metadata.Metadata(world.endpoints, 60, certificate=own_certificate(world))
        with other as service:
            uri["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = service.url + metadata.CONTAINER
            said = refused_start(world, **uri)
            assert "certificate" in said and not service.sets, said


def own_certificate(world):
    """One that nobody vouches for."""
    path = world.path("own.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", path, "-out", path + ".crt", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    with open(path, "a") as out, open(path + ".crt") as certificate:
        out.write(certificate.read())
    return path


def check_container(world):
    with metadata.Metadata(world.endpoints, 4) as service:
        service.container_token = "Bearer one"
        token = world.write("token", "Bearer one")
        with world.daemon(
            AWS_CONTAINER_CREDENTIALS_FULL_URI=service.url + metadata.CONTAINER,
            AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=token,
        ) as daemon, daemon.connect() as pipe:
            world.sign(pipe)
            service.container_token = "Bearer two"
            world.write("token", "Bearer two")
            roll(daemon, lambda: service.sets)
            check_shown(daemon, ["Bearer"], source="container endpoint")


def check_metadata(world):
    """Sets roll under load; then the service forgets its tokens, dies, and is back."""
    with metadata.Metadata(world.endpoints, 4) as service:
        with world.daemon(
            AWS_EC2_METADATA_DISABLED="false",
            AWS_EC2_METADATA_SERVICE_ENDPOINT=service.url,
        ) as daemon, daemon.connect() as pipe:
            roll(daemon, lambda: service.sets)
            check_shown(daemon, [service.document["SecretAccessKey"]],
                        source="instance metadata service", role="signer")
            service.tokens.clear()
            sets = service.sets
            story.wait_until("a set after 401", lambda: service.sets > sets)
            world.sign(pipe)
            check_outage(world, service, daemon, pipe)


def alerts(pipe):
    return [alert["id"] for alert in pipe.result("alerts")]


def passed(service):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()) > service.document["Expiration"]


def check_extended(world):
    """AWS takes what has ended while it can't give out newer ones; so do we, and no request
    fails."""
    with metadata.Metadata(world.endpoints, 4, extended=True) as service:
        with world.daemon(
            AWS_EC2_METADATA_DISABLED="false",
            AWS_EC2_METADATA_SERVICE_ENDPOINT=service.url,
        ) as daemon:
            load = story_throughput.Load(daemon, IN_FLIGHT)
            try:
                story.wait_until("a second set", lambda: service.sets > 1)
                service.status = 503
                story.wait_until("the end of the last set", lambda: passed(service))
                story.wait_until("its use beyond its end", lambda: (
                    report(daemon)["state"] == "expired, used until there are new ones"))
                answered, sets = load.answered, service.sets
                story.wait_until("certificates", lambda: (
                    load.failed or load.answered > answered + IN_FLIGHT))
                service.status = None
                assert service.sets == sets
            finally:
                load.end()


def check_outage(world, service, daemon, pipe):
    service.status = 503
    story.wait_until("the end of the last set",
                     lambda: passed(service))
    # AWS refuses what has ended, so these are not signed; but nothing breaks.
    error = pipe.error(-32002, "ssh-user", public_key=world.key, key_id="alice",
                       principals=["alice"], ttl="1h")
    assert error["data"]["retryable"], error
    shown = report(daemon)
    assert "HTTP 503" in shown["why"] and shown["failures"] > 0, shown
    seen = json.loads(daemon.cli("status", "--format", "json").stdout)["credentials"]
    assert "HTTP 503" in seen["last_failure"], seen
    assert abs(seen["last_failed"] - time.time()) < 60 and seen["failures_total"] > 0, seen
    story.wait_until("the alert", lambda: "credentials-not-renewed" in alerts(pipe))
    for method in ("alerts", "status"):
        told = json.dumps(pipe.result(method))
        assert "HTTP 503" not in told and '"source"' not in told, "root's alone to know"
    service.status = None
    story.wait_until("a set of the service that is back", lambda: report(daemon)["usable"])
    story.wait_until("its end", lambda: "credentials-not-renewed" not in alerts(pipe))
    story.wait_until("certificates", lambda: "result" in pipe.call(
        "ssh-user", public_key=world.key, key_id="alice", principals=["alice"], ttl="1h"))


def check_nothing(world):
    said = refused_start(world)
    assert "no source of AWS credentials" in said, said
    assert "shared config file: " + world.path("config") + " is not there" in said, said
    assert "AWS_WEB_IDENTITY_TOKEN_FILE is not set" in said, said


def check_not_root(build, where):
    done = subprocess.run(
        ["setpriv", "--reuid", story.free_user(), "--clear-groups",
         os.path.join(build, "privyseal"), "--runtime-dir", where.runtime, "credentials"],
        capture_output=True, text=True, timeout=story.DEADLINE,
        env=story.clean_environment())
    assert done.returncode == 1 and "run it as root" in done.stderr, done


def check_software(build):
    where = story.Place()
    try:
        with story.Daemon(build, where) as daemon:
            done = daemon.cli("credentials")
            assert done.returncode == 0, done
            assert done.stdout == (
                "no AWS credentials are used: the keystore is 'software'\n"), done
            check_not_root(build, where)
    finally:
        where.remove()


def main():
    build = story.build_folder()
    check_software(build)
    with rig.endpoints() as endpoints:
        where = kms_story.place(story_throughput.CONFIG.format(64), story_throughput.POLICY)
        endpoints.do("quota", operation="Sign", per_second=100000)
        world = World(build, endpoints, where)
        try:
            for check in (check_environment, check_shared_file, check_handed_over,
                          check_another_account, check_refused_files,
                          check_role, check_web_identity, check_pod_s_identity,
                          check_pod_s_profile, check_pod_s_container, check_container,
                          check_container_behind_tls, check_metadata, check_extended,
                          check_nothing):
                check(world)
        finally:
            where.remove()


if __name__ == "__main__":
    main()
