#!/usr/bin/python3
"""X.509 certificates of users and hosts, from keys and from requests, and both of a user's at
once: OpenSSL verifies them, shows them, and shakes hands with them."""
import base64
import hashlib
import os
import re
import subprocess
import time

from story import Daemon, Place, build_folder, describe, ed25519_key, wait_until

POLICY = """\
cluster example.com

deny   user  x509-user  roles admin
permit user  x509-user  ttl 8h   subject *  roles access editor  principals *  traits team  attributes 1.3.9999.1.7  rate 1000000/s
permit host  x509-host  ttl 30d  subject *.example.com  dns *.example.com localhost  ip 127.0.0.0/8 ::1  rate 1000000/s
permit user  ssh-user   ttl 8h   key-id *  principals *  extensions permit-pty  roles access editor  traits team  rate 1000000/s
"""

LEGACY = """\
version: v3
auth_service:
  enabled: yes
  cluster_name: example.com
  authentication:
    signature_algorithm_suite: legacy
"""

KEYS = {
    "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "p256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "p521": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
    "ed25519": ["-algorithm", "ED25519"],
}


def openssl(*arguments, good=True, **options):
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, timeout=30,
                          **options)
    assert (done.returncode == 0) == good, (arguments, done)
    return done.stdout + done.stderr


class Files:
    def __init__(self, place):
        self.folder = place.path

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w") as out:
            out.write(text)
        return self.path(name)

    def read(self, name):
        with open(self.path(name)) as text:
            return text.read()


def make_keys(files):
    """NAME.key, NAME.pub and a request NAME.csr that names somebody else."""
    for name, how in KEYS.items():
        key = files.path(name + ".key")
        openssl("genpkey", *how, "-out", key)
        openssl("pkey", "-in", key, "-pubout", "-out", files.path(name + ".pub"))
        openssl("req", "-new", "-key", key, "-out", files.path(name + ".csr"), "-subj",
                "/O=admin/CN=mallory", "-addext", "subjectAltName=DNS:evil.example.org")


def verify(files, made, purpose, *extra, good=True):
    """openssl verify, strictly, under the chain that came along."""
    assert set(made) == {"certificate", "chain", "serial", "not_before", "not_after"}, made
    certificate = files.write("certificate.pem", made["certificate"])
    chain = files.write("chain.pem", "".join(made["chain"]))
    text = openssl("verify", "-x509_strict", "-purpose", purpose, "-CAfile", chain, *extra,
                   certificate, good=good)
    assert not good or text.strip().endswith("OK"), text
    return certificate


def look(files, made):
    return openssl("x509", "-in", files.write("certificate.pem", made["certificate"]), "-noout",
                   "-text", "-nameopt", "RFC2253,-dn_rev")


def check_user(files, pipe, key):
    before = int(time.time())
    made = pipe.result("x509-user", ttl="1h", subject={
        "common_name": "Alice Müller", "organization": ["access", "editor"],
        "locality": ["alice"]}, attributes={"1.3.9999.1.7": ["example.com"]}, **key)
    verify(files, made, "sslclient")
    text = look(files, made)
    for words in ("Version: 3 (0x2)", "Subject: O=access,O=editor,L=alice,CN=Alice M",
                  "X509v3 Key Usage: critical\n                Digital Signature, Key Encipher"
                  "ment\n", "TLS Web Server Authentication, TLS Web Client Authentication",
                  "X509v3 Basic Constraints: critical\n                CA:FALSE",
                  "X509v3 Authority Key Identifier"):
        assert words in text, (words, text)
    for word in ("Subject Key Identifier", "Alternative Name", "CRL Distribution", "mallory"):
        assert word not in text, text
    serial = openssl("x509", "-in", files.path("certificate.pem"), "-noout", "-serial")
    assert serial.strip().split("=")[1].lower() == made["serial"], (serial, made["serial"])
    assert re.fullmatch("[0-9a-f]{32}", made["serial"])
    assert before - 61 <= made["not_before"] <= before - 55, made
    assert 0 <= made["not_after"] - 3600 - before <= 5, made
    return made


def check_host(files, pipe, key):
    made = pipe.result("x509-host", subject={"common_name": "web.example.com"},
                       dns=["Web.Example.com", "localhost"], ip=["127.0.0.1", "::1"], **key)
    for good in (["-verify_hostname", "web.example.com"], ["-verify_hostname", "localhost"],
                 ["-verify_ip", "127.0.0.1"], ["-verify_ip", "::1"]):
        verify(files, made, "sslserver", *good)
    for bad in (["-verify_hostname", "www.example.com"], ["-verify_ip", "127.0.0.2"]):
        verify(files, made, "sslserver", *bad, good=False)
    assert "DNS:web.example.com, DNS:localhost, IP Address:127.0.0.1" in look(files, made)
    assert abs(made["not_after"] - int(time.time()) - 12 * 3600) <= 5, made
    return made


def check_authorities(files, pipe, made):
    """The chain is the CA that `authorities` shows, its CRL verifies, its pin is status's."""
    for kind in ("user", "host"):
        entry = pipe.result("authorities", type=kind)[0]["spec"]["active_keys"]["tls"][0]
        certificate = base64.b64decode(entry["cert"]).decode()
        assert made[kind]["chain"] == [certificate], kind
        ca = files.write(kind + "-ca.pem", certificate)
        crl = pipe.result("crl", type=kind)["crl"]
        assert crl.startswith("-----BEGIN X509 CRL-----\n") and crl.endswith("-----\n"), crl
        path = files.write(kind + "-crl.pem", crl)
        assert "verify OK" in openssl("crl", "-in", path, "-CAfile", ca, "-noout", "-verify")
        assert "No Revoked Certificates" in openssl("crl", "-in", path, "-noout", "-text")
        openssl("verify", "-x509_strict", "-crl_check", "-CRLfile", path, "-CAfile", ca,
                files.write("certificate.pem", made[kind]["certificate"]))
    assert "has no CRL" in pipe.error(-32602, "crl", type="openssh")["message"]
    assert "must be one of" in pipe.error(-32602, "crl", type="users")["message"]
    status = pipe.result("status")
    key = subprocess.run(["openssl", "x509", "-in", files.path("host-ca.pem"), "-pubkey",
                          "-noout"], check=True, capture_output=True, timeout=30).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=key,
                         check=True, capture_output=True, timeout=30).stdout
    assert status["ca_pins"] == ["sha256:" + hashlib.sha256(der).hexdigest()], status["ca_pins"]
    rows = {a["type"]: a["keys"] for a in status["authorities"]}
    for kind in ("user", "host"):
        assert rows[kind] == [
            {"protocol": "SSH", "status": "active", "algorithm": "Ed25519",
             "storage": "software"},
            {"protocol": "TLS", "status": "active", "algorithm": "ECDSA P-256",
             "storage": "software"}], rows[kind]


def handshake(files, host, user, name, client_ca="user-ca.pem"):
    """What s_client and s_server say of a connection to that name."""
    server = subprocess.Popen(
        ["openssl", "s_server", "-accept", "127.0.0.1:0", "-naccept", "1", "-cert",
         files.write("host.pem", host["certificate"]), "-key", files.path("p256.key"),
         "-CAfile", files.path(client_ca), "-Verify", "1", "-verify_return_error"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        address = wait_until("s_server's address", lambda: (
            line := server.stdout.readline()).startswith("ACCEPT") and line.split()[1])
        client = subprocess.run(
            ["openssl", "s_client", "-connect", address, "-cert",
             files.write("user.pem", user["certificate"]), "-key", files.path("ed25519.key"),
             "-CAfile", files.path("host-ca.pem"), "-verify_return_error", "-purpose",
             "sslserver", *name],
            input="Q\n", capture_output=True, text=True, timeout=30)
        said, _ = server.communicate(timeout=30)
    finally:
        server.kill()
        server.wait()
    return client.returncode, client.stdout + client.stderr, said


def check_handshakes(files, made):
    for name in (["-verify_hostname", "web.example.com"], ["-verify_ip", "127.0.0.1"]):
        status, client, server = handshake(files, made["host"], made["user"], name)
        assert status == 0 and "Verification: OK" in client, (client, server)
        assert "verify error" not in server and "CN = Alice M" in server, server
    status, client, _ = handshake(files, made["host"], made["user"],
                                  ["-verify_hostname", "www.example.com"])
    assert status != 0 and "hostname mismatch" in client, client
    # A user's certificate is nothing to a server that trusts the host CA alone.
    _, _, server = handshake(files, made["host"], made["user"],
                             ["-verify_hostname", "web.example.com"], client_ca="host-ca.pem")
    assert "verify error" in server, server


def check_refusals(files, pipe):
    key = {"public_key": files.read("p256.pub")}
    alice = {"common_name": "alice"}
    for method, params, fact, value, rule in (
            ("x509-user", {"subject": dict(alice, organization=["access", "admin"])}, "roles",
             "admin", "policy.conf:3"),
            ("x509-user", {"subject": dict(alice, organization=["auditor"])}, "roles",
             "auditor", "default"),
            ("x509-user", {"subject": alice, "dns": ["alice.example.com"]}, "dns",
             "alice.example.com", "default"),
            ("x509-user", {"subject": alice, "ttl": "9h"}, "ttl", "9h", "default"),
            ("x509-host", {"subject": {"common_name": "web.example.org"}}, "subject",
             "web.example.org", "default"),
            ("x509-host", {"subject": {"common_name": "a.example.com"},
                           "dns": ["*.example.com"]}, "wildcard-dns", "*.example.com", "default"),
            ("x509-host", {"subject": {"common_name": "a.example.com"}, "ip": ["10.0.0.1"]},
             "ip", "10.0.0.1", "default")):
        data = pipe.error(-32001, method, **key, **params)["data"]
        assert (data["fact"], data["value"]) == (fact, value), data
        assert data["rule"].endswith(rule), data
    for params, words in (
            ({"subject": dict(alice, country=["DE"])}, 'subject: unknown param "country"'),
            ({"subject": alice, "ip": ["localhost"]}, "ip[0]: must be an IPv4 or IPv6"),
            ({"subject": alice, "csr": files.read("p256.csr")}, "exactly one of the two")):
        assert words in pipe.error(-32602, "x509-user", **key, **params)["message"]
    # The CA's own key can't be had certified.
    ca_key = openssl("x509", "-in", files.path("host-ca.pem"), "-pubkey", "-noout")
    data = pipe.error(-32001, "x509-user", public_key=ca_key, subject=alice)["data"]
    assert data["fact"] == "subject-key" and data["rule"] == "invariant", data


def check_tampered_requests(files, pipe):
    for name in KEYS:
        der = bytearray(base64.b64decode("".join(files.read(name + ".csr").split("\n")[1:-2])))
        for at in (der.find(b"mallory"), len(der) - 3):
            der[at] ^= 1
            text = base64.b64encode(der).decode()
            der[at] ^= 1
            request = ("-----BEGIN CERTIFICATE REQUEST-----\n" + text +
                       "\n-----END CERTIFICATE REQUEST-----\n")
            error = pipe.error(-32602, "x509-user", csr=request, subject={"common_name": "a"})
            assert error["message"] == "csr: its signature is not one of its own key", error


def check_both_of_a_user(files, pipe):
    params = {"username": "alice", "principals": ["alice", "deploy"], "roles": ["access"],
              "traits": {"team": ["a", "b"]}, "ttl": "2h"}
    keys = {"ssh_public_key": ed25519_key(), "tls_public_key": files.read("ed25519.pub")}
    both = pipe.result("user", **params, **keys)
    assert set(both) == {"ssh", "tls"}, both
    verify(files, both["tls"], "sslclient")
    subject = look(files, both["tls"])
    assert "O=access,L=alice,L=deploy,postalCode={\\\"team\\\":[\\\"a\\\"\\,\\\"b\\\"]},CN=alice" in subject, subject
    text = describe(both["ssh"]["certificate"])
    for words in ('Key ID: "alice"', "deploy", "permit-pty", "teleport-roles", "teleport-traits"):
        assert words in text, text
    assert both["ssh"]["valid_before"] - both["tls"]["not_after"] in (-1, 0, 1), both
    assert set(pipe.result("user", **params, ssh_public_key=keys["ssh_public_key"])) == {"ssh"}
    data = pipe.error(-32001, "user", **dict(params, roles=["admin"]), **keys)["data"]
    assert data["fact"] == "roles" and data["value"] == "admin", data
    error = pipe.error(-32602, "user", **params, tls_public_key="x")
    assert error["message"].startswith("tls_public_key: "), error


def check_rsa_authorities():
    """The legacy suite's CAs are of RSA."""
    place = Place(config=LEGACY, policy=POLICY)
    files = Files(place)
    make_keys(files)
    with Daemon(build_folder(), place) as daemon, daemon.connect() as pipe:
        user = check_user(files, pipe, {"public_key": files.read("rsa.pub")})
        check_host(files, pipe, {"csr": files.read("p256.csr")})
        assert "Signature Algorithm: sha256WithRSAEncryption" in look(files, user)
        crl = files.write("crl.pem", pipe.result("crl", type="user")["crl"])
        openssl("crl", "-in", crl, "-CAfile", files.write("ca.pem", user["chain"][0]),
                "-noout", "-verify")
        rows = {a["type"]: a["keys"] for a in pipe.result("status")["authorities"]}
        assert [k["algorithm"] for k in rows["user"]] == ["RSA 2048", "RSA 2048"], rows
    place.remove()


def check_readme():
    """What README says to type gives a host certificate under the shipped policy."""
    here = os.path.dirname(os.path.realpath(__file__))
    with open(os.path.join(here, "..", "..", "policy", "policy.conf")) as shipped:
        place = Place(policy=shipped.read())
    with open(os.path.join(here, "..", "..", "README.md")) as readme:
        blocks = re.findall("(?:^    .*\n)+", readme.read(), re.M)
    commands = [block for block in blocks if "x509-host" in block and "privyseal pipe" in block]
    assert len(commands) == 1, commands
    program = os.path.join(build_folder(), "privyseal")
    with Daemon(build_folder(), place):
        done = subprocess.run(
            ["sh", "-ec", commands[0].replace(
                "privyseal pipe", f"{program} --runtime-dir {place.runtime} pipe")],
            cwd=place.path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout == "web.pem: OK\n", done
    place.remove()


def main():
    check_readme()
    check_rsa_authorities()
    place = Place(policy=POLICY)
    files = Files(place)
    make_keys(files)
    made = {}
    with Daemon(build_folder(), place) as daemon, daemon.connect() as pipe:
        for name in KEYS:
            for key in ({"public_key": files.read(name + ".pub")},
                        {"csr": files.read(name + ".csr")}):
                user = check_user(files, pipe, key)
                host = check_host(files, pipe, key)
            if name == "ed25519":
                made["user"] = user
            elif name == "p256":
                made["host"] = host
        check_authorities(files, pipe, made)
        check_handshakes(files, made)
        pin = pipe.result("status")["ca_pins"][0]
        assert pin in daemon.cli("status").stdout, daemon.cli("status")
        check_refusals(files, pipe)
        check_tampered_requests(files, pipe)
        check_both_of_a_user(files, pipe)

    signed = [e for e in place.record() if e["event"] == "sign"]
    assert [e["document"] for e in signed].count("x509-user") == 9, len(signed)
    assert [e["document"] for e in signed].count("x509-host") == 8
    first = signed[0]
    assert first["ca"] == "user" and first["rule"].endswith("policy.conf:4"), first
    assert "Alice Müller" in str(first["facts"]) and "editor" in str(first["facts"]), first
    # An honest worker refuses by itself: nothing reached the broker that it had to.
    assert not [e for e in place.record() if e["event"] == "refuse"]
    place.remove()


main()
