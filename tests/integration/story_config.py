#!/usr/bin/python3
"""Teleport's files are accepted as they are; what is bad is refused by name and place, quickly,
and what was taken stays until SIGHUP."""
import os
import signal
import subprocess
import time

from story import (CONFIG, DEADLINE, POLICY, Daemon, Place, build_folder, clean_environment,
                   ed25519_key, wait_until)

HERE = os.path.dirname(os.path.realpath(__file__))
QUICKLY = 5  # seconds for a whole start that ends in a refusal
KMS_POLICY = "cluster example.com\nkeystore aws_kms\naccount {}\nregion {}\n" \
             "permit user ssh-user ttl 8h key-id * principals *\n"
KMS_TAGS = "tag Team infrastructure\ntag CostCentre 0042\n"


def sample(name):
    with open(os.path.join(HERE, "configs", name), encoding="utf-8") as file:
        return file.read()


def aws(text):
    return "auth_service:\n  ca_key_params:\n    aws_kms:\n" + "".join(
        f"      {line}\n" for line in text.split("; "))


def in_privyseal(text):
    return f"privyseal:\n  {text}\n"


def bomb(place):
    """Ten lines that stand for ten to the tenth words."""
    lines = ["a0: &a0 lol"] + [
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 11)]
    indent = "\n  "
    return place + indent + indent.join(lines) + "\n"


BAD = {  # name: (config, what the message must hold)
    "unknown key at the top": ("colour: red\n", ":1:1: ", 'unknown key "colour"'),
    "unknown key of auth_service": (
        "auth_service:\n  clustername: x\n", ":2:3: auth_service: ", '"clustername"'),
    "unknown key of authentication": (
        "auth_service:\n  authentication:\n    suite: x\n",
        ":3:5: auth_service.authentication: ", '"suite"'),
    "unknown key of ca_key_params": (
        "auth_service:\n  ca_key_params:\n    azure: {}\n", ":3:5: auth_service.ca_key_params: "),
    "unknown key of aws_kms": (
        aws("account: 123456789012; region: eu-west-1; key: x"),
        ":6:7: auth_service.ca_key_params.aws_kms: ", '"key"'),
    "unknown key of privyseal": (in_privyseal("colour: red"), ":2:3: privyseal: "),
    "gcp_kms": ("auth_service:\n  ca_key_params:\n    gcp_kms: {keyring: x}\n", ":3:5: ",
                "ca_key_params.gcp_kms: not supported"),
    "pkcs11": ("auth_service:\n  ca_key_params:\n    pkcs11: {module_path: /x}\n", ":3:5: ",
               "ca_key_params.pkcs11: not supported"),
    "multi_region": (aws("account: 123456789012; region: eu-west-1; multi_region: {enabled: true}"),
                     ":6:7: ", "aws_kms.multi_region: not yet supported"),
    "account of 11 digits": (aws("account: 12345678901; region: eu-west-1"), ":4:16: ",
                             "aws_kms.account: "),
    "account in words": (aws("account: my-account; region: eu-west-1"), ":4:16: "),
    "account as octal": (aws("account: 0o12345678; region: eu-west-1"), ":4:16: "),
    "account as a float": (aws("account: 1.23456789e11; region: eu-west-1"), ":4:16: "),
    "no account": (aws("region: eu-west-1"), ":3:5: ", "needs account"),
    "no region": (aws("account: 123456789012"), ":3:5: ", "needs region"),
    "region as a URL": (aws("account: 123456789012; region: https://x"), ":5:15: "),
    "tags as a list": (aws("account: 123456789012; region: eu-west-1; tags: [a]"), ":6:13: "),
    "tag of AWS": (aws("account: 123456789012; region: eu-west-1; tags: {aws:x: y}"), ":6:14: "),
    "tag twice": (aws("account: 123456789012; region: eu-west-1; tags: {a: b, a: c}"), ":6:20: "),
    "unknown suite": (
        "auth_service:\n  authentication:\n    signature_algorithm_suite: md5\n", ":3:32: ", "md5"),
    "suite that KMS has not": (
        aws("account: 123456789012; region: eu-west-1") +
        "  authentication: {signature_algorithm_suite: balanced-v1}\n", ":6:47: ", "aws_kms"),
    "cluster_name as a list": ("auth_service:\n  cluster_name: [a]\n", ":2:17: ", "one value"),
    "cluster_name as a mapping": ("auth_service:\n  cluster_name: {a: b}\n", ":2:17: "),
    "cluster_name with blanks": ("auth_service:\n  cluster_name: a b\n", ":2:17: "),
    "cluster_name too long": ("auth_service:\n  cluster_name: " + "a" * 256 + "\n", ":2:17: "),
    "auth_service as text": ("auth_service: yes\n", ":1:15: ", "mapping"),
    "auth_service as a list": ("auth_service: [a]\n", ":1:15: ", "mapping"),
    "ca_key_params as text": ("auth_service:\n  ca_key_params: aws_kms\n", ":2:18: ", "mapping"),
    "a list at the top": ("- a\n", ":1:1: "),
    "deadline without unit": (in_privyseal("deadline: 5"), ":2:13: ", "duration"),
    "deadline 0": (in_privyseal("deadline: 0s"), ":2:13: "),
    "negative deadline": (in_privyseal("deadline: -1s"), ":2:13: "),
    "too many in flight": (in_privyseal("in_flight: 1000"), ":2:14: "),
    "65 connections to KMS": (in_privyseal("kms_connections: 65"), ":2:20: ", "1 to 64"),
    "no worker": (in_privyseal("workers: 0"), ":2:12: "),
    "half a worker": (in_privyseal("workers: 1.5"), ":2:12: "),
    "number too large for any type": (in_privyseal("workers: " + "9" * 40), ":2:12: "),
    "level that is none": (in_privyseal("log_level: loud"), ":2:14: ", "loud"),
    "proxy that is no URL": (in_privyseal("proxy: socks5://x"), ":2:10: "),
    "duplicate key at the top": ("teleport: {}\nteleport: {}\n", ":2:1: ", "twice"),
    "duplicate key of ours": ("auth_service:\n  cluster_name: a\n  cluster_name: a\n", ":3:3: ",
                              "twice"),
    "duplicate key in privyseal": (in_privyseal("workers: 1\n  workers: 1"), ":3:3: ", "twice"),
    "alias where it concerns us": ("teleport: &x {}\nauth_service: *x\n", ":2:15: ", "alias"),
    "merged keys": ("teleport: &x {}\nauth_service:\n  <<: *x\n", ":3:3: "),
    "anchor where it concerns us": ("privyseal: &x {}\n", ":1:12: ", "anchor"),
    "tag where it concerns us": ("auth_service:\n  cluster_name: !!binary eA==\n", ":2:17: ", "tag"),
    "bomb where it concerns us": (bomb("privyseal:"), ":2:3: "),
    "alias of nothing": ("teleport: *x\nauth_service: *x\n", ":"),
    "deep nesting": ("teleport: " + "[" * 5000, ":1:43: ", "nested"),
    "deep nesting of mappings": ("teleport: " + "{a: " * 5000, "nested"),
    "deep nesting by indentation": (
        "teleport:\n" + "".join(" " * (i + 1) + "a:\n" for i in range(200)), "nested"),
    "deep nesting where it concerns us": ("auth_service: " + "[" * 5000, ":1:15: "),
    "10 MB": (b"#" * 10_000_000, "1 MiB"),
    "10 MB on one line": (b"teleport: " + b"a" * 10_000_000, "1 MiB"),
    "1 MiB of opened brackets": (b"teleport: " + b"[" * 1_000_000, "nested"),
    "1 MiB of one key": (b"teleport: {" + b"a" * 1_000_000, ":"),
    "1 MiB of quotes": (b"teleport: " + b"'" * 999_999, ":"),
    "binary": (bytes(range(256)), ":1:1: "),
    "an executable": (b"\x7fELF\2\1\1\0" + bytes(200), ":"),
    "UTF-16": ("auth_service: {}\n".encode("utf-16"), ":"),
    "Latin-1": ("auth_service:\n  cluster_name: J\u00fcrgen\n".encode("latin-1"), ":", "UTF-8"),
    "NUL in a value": ("auth_service:\n  cluster_name: \"a\\0b\"\n", ":2:17: ", "NUL"),
    "tabs": ("auth_service:\n\tcluster_name: example.com\n", ":2:"),
    "two documents": ("teleport: {}\n---\nteleport: {}\n", ":2:1: ", "second document"),
    "bracket that stays open": ("teleport: [a\n", ":"),
    "quote that stays open": ("teleport: \"a\n", ":"),
    "a key that is a list": ("? [a]\n: b\n", ":1:3: "),
    "another cluster": ("auth_service:\n  cluster_name: example.org\n", "example.org",
                        "example.com"),
    "KMS beside a policy for software": (sample("aws-kms.yaml"), "'aws_kms'", "'software'"),
}


def check(build, place, *extra):
    begin = time.monotonic()
    done = subprocess.run([build + "/privyseald", *place.flags(), *extra], capture_output=True,
                          text=True, timeout=DEADLINE, stdin=subprocess.DEVNULL,
                          env=clean_environment())
    return done, time.monotonic() - begin


def is_parsed_in_the_worker_alone(build):
    """What reads YAML is in no other process's memory, nor what speaks to AWS in the worker's."""
    def linked(name):
        needs = subprocess.run(["readelf", "--dynamic", "--wide", f"{build}/{name}"], check=True,
                               capture_output=True, text=True, env=clean_environment()).stdout
        return {library for library in ("libyaml", "libcurl", "libssl", "libcrypto", "libcjson")
                if f"[{library}" in needs}
    assert linked("privyseal-worker") == {"libyaml", "libcrypto", "libcjson"}
    assert linked("privyseal-broker") == {"libcurl", "libssl", "libcrypto", "libcjson"}
    assert not linked("privyseald") and not linked("privyseal-resolver")


def accepts_teleports_files(build, place):
    for name in ("single-node.yaml", "ha-auth.yaml"):
        place.write("privyseal.yaml", sample(name))
        done, _ = check(build, place, "--check")
        assert done.returncode == 0, (name, done)
    # A bomb in what is skipped is never unfolded.
    place.write("privyseal.yaml", CONFIG + bomb("teleport:"))
    done, took = check(build, place, "--check")
    assert done.returncode == 0 and took < QUICKLY, (done, took)
    assert not os.path.exists(place.state)


def the_policy_pins_what_the_config_says(build, place):
    place.write("privyseal.yaml", sample("aws-kms.yaml"))
    for account, region, tags, *said in (
            ("012345678901", "us-west-2", KMS_TAGS),
            ("012345678901", "us-west-2", "", "Team: infrastructure"),
            ("999999999999", "us-west-2", KMS_TAGS, "012345678901", "999999999999"),
            ("012345678901", "eu-west-1", KMS_TAGS, "us-west-2", "eu-west-1")):
        place.write("policy.conf", KMS_POLICY.format(account, region) + tags)
        done, _ = check(build, place, "--check")
        assert done.returncode == (1 if said else 0), done
        assert all(word in done.stderr for word in said), (said, done)


def refuses_what_is_bad(build, place):
    for name, (config, *words) in BAD.items():
        place.write("privyseal.yaml", config)
        done, took = check(build, place, "--check")
        assert done.returncode == 1, (name, done)
        assert place.config in done.stderr, (name, done)
        for word in words:
            assert word in done.stderr, (name, word, done.stderr)
        assert took < QUICKLY, (name, took)
        for line in done.stderr.splitlines():
            assert line.isprintable() and len(line) < 2048, (name, line)
    assert not os.path.exists(place.state), "a refused config left something"


def the_first_start_needs_a_name(build, place):
    for config in ("auth_service: {}\n", "auth_service:\n  cluster_name: ''\n", ""):
        place.write("privyseal.yaml", config)
        done, _ = check(build, place)
        assert done.returncode == 1 and "cluster_name" in done.stderr, done
        keys = place.state + "/keys"
        assert not os.path.exists(keys) or not os.listdir(keys), "a CA was made"
    place.write("privyseal.yaml", CONFIG)
    with Daemon(build, place):
        pass
    # from then on the state knows it ...
    place.write("privyseal.yaml", "auth_service: {}\n")
    with Daemon(build, place) as daemon, daemon.connect() as pipe:
        assert pipe.result("status")["cluster"] == "example.com"
    # ... and no other is taken, not even with a policy that agrees
    place.write("privyseal.yaml", CONFIG.replace("example.com", "example.org"))
    place.write("policy.conf", POLICY.replace("example.com", "example.org"))
    done, _ = check(build, place)
    assert done.returncode == 1 and "example.org" in done.stderr, done
    assert "example.com" in done.stderr, done
    place.write("policy.conf", POLICY)
    place.write("privyseal.yaml", CONFIG)


def what_was_taken_stays_until_sighup(build, place):
    key = ed25519_key()

    def lasts(daemon):
        """Seconds of a certificate for which no ttl was asked."""
        with daemon.connect() as pipe:
            result = pipe.result("ssh-user", public_key=key, key_id="a", principals=["a"])
            return result["valid_before"] - result["valid_after"] - 60

    with Daemon(build, place) as daemon:
        assert abs(lasts(daemon) - 12 * 3600) <= 2
        place.write("privyseal.yaml", CONFIG + "  authentication: {default_session_ttl: 1h}\n")
        first = daemon.processes()["worker"]
        os.kill(first[0], signal.SIGKILL)

        def served_again():
            try:
                workers = daemon.processes().get("worker", [])
            except AssertionError:  # the killed one is still named
                return False
            return workers and workers != first
        # The file is another, so the next worker either has what the first had, or is refused.
        wait_until("another worker, or word of the other config", lambda: served_again() or
                   "SIGHUP takes a new one" in daemon.logged())
        if served_again() and "SIGHUP takes a new one" not in daemon.logged():
            assert abs(lasts(daemon) - 12 * 3600) <= 2
        os.kill(daemon.process.pid, signal.SIGHUP)

        def is_new():
            try:
                return abs(lasts(daemon) - 3600) <= 2
            except (AssertionError, OSError):
                return False
        wait_until("the new config", is_new)


def main():
    build = build_folder()
    place = Place()
    is_parsed_in_the_worker_alone(build)
    accepts_teleports_files(build, place)
    refuses_what_is_bad(build, place)
    the_policy_pins_what_the_config_says(build, place)
    place.write("policy.conf", POLICY)
    the_first_start_needs_a_name(build, place)
    what_was_taken_stays_until_sighup(build, place)
    place.remove()
    print(f"{len(BAD)} bad configs refused")


main()
