#!/usr/bin/python3
"""`privyseal policy`: a file is checked, explained, and tried on certificates of the daemon
and of others, without a daemon, by root and by nobody."""
import base64
import datetime
import json
import os
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from story import DEADLINE, POLICY, Daemon, Place, build_folder, clean_environment, ed25519_key

SOURCES = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..")


def policy(*words, user=None):
    return subprocess.run(
        [os.path.join(build_folder(), "privyseal"), "policy", *words], text=True,
        capture_output=True, timeout=DEADLINE, env=clean_environment(), user=user, cwd="/")


def says(expected, *words, **options):
    said = policy(*words, **options)
    assert said.stdout == expected + "\n", (expected, words, said)
    assert said.returncode == (0 if expected.startswith("permit") else 1), said
    return said


def keygen(*words):
    subprocess.run(["ssh-keygen", "-q", *words], check=True, stdin=subprocess.DEVNULL)


def check(place):
    shipped = os.path.join(SOURCES, "policy", "policy.conf")
    said = policy("check", shipped)
    assert (said.returncode, said.stdout) == (0, "4 rules, 0 warnings\n"), said

    said = policy("check", place.policy)
    assert said.returncode == 0 and said.stdout.splitlines() == [
        f"{place.policy}:4: warning: principals * permits every name that the deny of line 3 "
        "does not list; list those to be permitted instead",
        f"{place.policy}:5: warning: no rate: only the CA's ceiling limits how many documents",
        "3 rules, 2 warnings"], said
    report = json.loads(policy("check", place.policy, "--format", "json").stdout)
    assert report["good"] and [w["line"] for w in report["warnings"]] == [4, 5], report

    bad = place.write("bad.conf", "cluster example.com\npermit user ssh-user tll 1h\n")
    said = policy("check", bad)
    assert said.returncode == 1 and said.stdout.startswith(f"{bad}:2:22: `tll`: "), said
    for words in (("explain", bad),
                  ("test", "--ca=user", "--document=ssh-user", "--policy", bad, bad)):
        said = policy(*words)
        assert said.returncode == 1 and said.stderr.startswith(f"{bad}:2:22: "), said
        assert said.stdout == "", said

    bad = place.write("none.conf", "# nothing\n")
    said = policy("check", bad)
    assert said.returncode == 1 and said.stdout.startswith(f"{bad}:1:1: no cluster"), said

    bad = place.write("bytes.conf", bytes(range(256)))
    assert policy("check", bad).returncode == 1
    long = place.write("long.conf", "#\n" * 10000 + "cluster x\n")
    assert f"{long}:10001:1: a policy has at most 10000 lines" in policy("check", long).stdout
    said = policy("check", "/dev/zero")
    assert said.returncode == 1 and "is longer than" in said.stderr, said
    said = policy("check", place.path)
    assert said.returncode == 1 and "directory" in said.stderr, said


def explain(place):
    other = Place(policy=POLICY)
    one, two = policy("explain", place.policy), policy("explain", other.policy)
    assert one.returncode == 0 and one.stdout == two.stdout, (one, two)
    assert place.path not in one.stdout
    other.remove()
    rows = one.stdout.split("\n\n")[1].splitlines()
    assert [row.split()[:3] for row in rows[1:]] == [
        ["deny", "user", "ssh-user"], ["permit", "user", "ssh-user"],
        ["permit", "host", "ssh-host"], ["deny", "*", "*"]], rows
    assert rows[1].index("principals root") == rows[2].index("principals *"), rows
    rules = json.loads(policy("explain", "--format=json", place.policy).stdout)["rules"]
    assert [rule["line"] for rule in rules] == [3, 4, 5], rules
    assert rules[1]["words"]["principals"] == ["*"] and rules[1]["ttl"] == 108000, rules


def foreign(place):
    """Certificates that ssh-keygen made, under the policy of this place."""
    path = lambda name: os.path.join(place.path, name)
    ask = lambda *words: ("test", "--ca=user", "--document=ssh-user", "--policy", place.policy,
                          *words)
    keygen("-t", "ed25519", "-N", "", "-f", path("ca"))
    keygen("-t", "ecdsa", "-N", "", "-f", path("other"))
    for kind in ("ed25519", "ecdsa", "rsa"):
        keygen("-t", kind, "-N", "", "-f", path(kind))
        certificate = path(kind + "-cert.pub")

        def certify(*words):
            keygen("-s", path("ca"), "-I", "x", "-z", "9", "-O", "clear", "-V", "-1m:+1h",
                   *words, path(kind + ".pub"))

        certify("-n", "deploy", "-O", "permit-pty")
        says(f"permit {place.policy}:4", *ask(certificate))
        says(f"permit {place.policy}:4", *ask(certificate, "--issuer", path("ca.pub")))
        said = says("refuse invariant issuer user",
                    *ask(certificate, "--issuer", path("other.pub")))
        assert "is not the key" in said.stderr, said
        said = policy(*ask(certificate, "--at", "2000-01-01T00:00:00Z"))
        assert said.stdout.startswith("refuse invariant validity "), said
        with open(certificate) as line:
            whole = base64.b64decode(line.read().split()[1])
        says(f"permit {place.policy}:4", *ask(place.write("whole", whole)))
        says('refuse invariant form ""', *ask(place.write("cut", whole[:-1])))

        certify("-n", "root")
        says(f"refuse {place.policy}:3 principals root", *ask(certificate))
        certify("-n", "deploy", "-O", "permit-agent-forwarding")
        says("refuse default extensions permit-agent-forwarding", *ask(certificate))
        certify("-n", "deploy", "-V", "-1m:+31h")
        assert policy(*ask(certificate)).stdout.startswith("refuse default ttl "), kind
        certify("-n", "deploy", "-h")
        says("refuse invariant form host certificate", *ask(certificate))
        says("refuse invariant ca host", "test", "--ca=host", *ask(certificate)[2:])

    said = says("refuse invariant form x509-svid", "test", "--ca=spiffe",
                "--document=x509-svid", "--policy", place.policy, certificate)
    assert "documents of this kind are not signed by this version" in said.stderr, said
    said = policy(*ask(certificate, "--issuer", certificate))
    assert said.returncode == 1 and "expected a CA's public key" in said.stderr, said
    said = policy(*ask(place.write("long", b"x" * (2 * 65536 + 1))))
    assert said.returncode == 1 and "is longer than 131072 bytes" in said.stderr, said


X509_POLICY = """cluster example.com
permit host x509-host ttl 30d subject *.example.com roles Node dns *.example.com ip 10.0.0.0/8
"""
LEAF = """keyUsage=critical,digitalSignature,keyEncipherment
extendedKeyUsage=serverAuth,clientAuth
basicConstraints=critical,CA:FALSE
authorityKeyIdentifier=keyid
subjectKeyIdentifier=none
subjectAltName={}
"""


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, capture_output=True,
                   stdin=subprocess.DEVNULL)


def foreign_x509(place):
    """Certificates that openssl made, each read as PEM and as DER."""
    path = lambda name: os.path.join(place.path, name)
    rules = place.write("x509.conf", X509_POLICY)
    ask = lambda *words: ("test", "--ca=host", "--document=x509-host", "--policy", rules, *words)
    # Printable strings where they will do, as Go writes them; openssl's default is UTF-8.
    config = place.write("req.conf", "[req]\ndistinguished_name=dn\nstring_mask=default\n[dn]\n")
    ec = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", config)
    for name in ("ca", "other"):
        openssl("req", "-x509", *ec, "-keyout", path(name + ".key"), "-out", path(name + ".pem"),
                "-subj", "/O=example.com/CN=" + name, "-days", "60",
                "-addext", "basicConstraints=critical,CA:TRUE",
                "-addext", "subjectKeyIdentifier=hash")
    openssl("x509", "-in", path("ca.pem"), "-outform", "DER", "-out", path("ca.der"))

    def certify(names, subject="/O=Node/CN=web.example.com", days="29", leaf=LEAF):
        place.write("leaf", leaf.format(names))
        openssl("req", *ec, "-keyout", path("key"), "-out", path("csr"), "-subj", subject)
        openssl("x509", "-req", "-in", path("csr"), "-CA", path("ca.pem"), "-CAkey",
                path("ca.key"), "-days", days, "-extfile", path("leaf"), "-out", path("leaf.pem"))
        openssl("x509", "-in", path("leaf.pem"), "-outform", "DER", "-out", path("leaf.der"))

    def each(expected, *words):
        for form in ("leaf.pem", "leaf.der"):
            said = says(expected, *ask(path(form), *words))
        return said

    certify("DNS:web.example.com,IP:10.1.2.3")
    for issuer in ((), ("--issuer", path("ca.pem")), ("--issuer", path("ca.der"))):
        each(f"permit {rules}:2", *issuer)
    said = each("refuse invariant issuer ca", "--issuer", path("other.pem"))
    assert "is not the subject of this CA's certificate" in said.stderr, said
    each("refuse invariant ca user", "--ca=user")
    said = policy(*ask(path("leaf.pem"), "--issuer", path("key")))
    assert said.returncode == 1 and "expected a CA's certificate" in said.stderr, said
    said = policy(*ask(path("leaf.pem"), "--at", "2000-01-01T00:00:00Z"))
    assert said.stdout.startswith("refuse invariant validity "), said
    certify("DNS:web.example.org")
    each("refuse default dns web.example.org")
    certify("DNS:*.example.com")
    each("refuse default wildcard-dns *.example.com")
    certify("IP:192.0.2.1")
    each("refuse default ip 192.0.2.1")
    certify("DNS:WEB.example.com")
    each("refuse invariant dns WEB.example.com")
    certify("DNS:web.example.com", subject="/CN=web.example.com/O=Proxy")
    each("refuse default roles Proxy")
    certify("DNS:web.example.com", leaf=LEAF.replace("digitalSignature,", ""))
    each("refuse invariant key-usage keyEncipherment")
    certify("DNS:web.example.com", leaf=LEAF.replace("=none", "=hash"))
    said = each('refuse invariant form ""')
    assert "out of order" in said.stderr, said
    certify("DNS:web.example.com", leaf=LEAF.replace("CA:FALSE", "CA:TRUE"))
    each('refuse invariant form ""')


OTHER_ORDER = """subjectAltName=DNS:web.example.com
extendedKeyUsage=clientAuth,serverAuth
authorityKeyIdentifier=keyid
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature,keyEncipherment
subjectKeyIdentifier=none
"""
MEANING = "refuse invariant form"  # ... of what no spelling is


def spelt_by_openssl(place):
    """Its own defaults: UTF8String everywhere, and extensions as they are listed."""
    path = lambda name: os.path.join(place.path, name)
    rules = place.write("x509.conf", X509_POLICY)
    ask = lambda *words: ("test", "--ca=host", "--document=x509-host", "--policy", rules,
                          path("leaf.pem"), *words)
    printable = place.write("ca.conf", "[req]\ndistinguished_name=dn\nstring_mask=default\n[dn]\n")
    utf8 = place.write("req.conf", "[req]\ndistinguished_name=dn\n[dn]\n")
    new = ("req", "-utf8", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config")
    openssl(*new, utf8, "-x509", "-keyout", path("ca.key"), "-out", path("ca.pem"), "-subj",
            "/O=example.com/CN=ca", "-days", "60", "-addext", "subjectKeyIdentifier=hash")
    openssl("req", "-x509", "-key", path("ca.key"), "-config", printable, "-out",
            path("printable.pem"), "-subj", "/O=example.com/CN=ca", "-days", "60",
            "-addext", "subjectKeyIdentifier=hash")

    def certify(leaf=OTHER_ORDER, subject="/O=Node/CN=web.example.com", more=()):
        place.write("leaf", leaf)
        openssl(*new, utf8, "-keyout", path("key"), "-out", path("csr"), "-subj", subject)
        openssl("x509", "-req", "-in", path("csr"), "-CA", path("ca.pem"), "-CAkey",
                path("ca.key"), "-days", "29", "-extfile", path("leaf"), "-out",
                path("leaf.pem"), *more)

    def meant(expected, changed=OTHER_ORDER, **options):
        certify(changed, **options)
        for ca in ("ca.pem", "printable.pem"):
            said = policy(*ask("--issuer", path(ca)))
            assert said.stdout == expected + "\n", (expected, ca, said)
            assert said.returncode == (0 if expected.startswith("permit") else 1), said
            assert all(word in said.stderr for word in ("spelling", "names", "serverAuth before",
                                                        "extensions")), said
            said = policy(*ask("--issuer", path(ca), "--format=json"))
            report = json.loads(said.stdout)
            assert report["decision"] == expected.split()[0] and "spelling" in said.stderr, said
        said = says(MEANING + ' ""', *ask())  # as the broker would say to these bytes
        assert "spelling" not in said.stderr, said

    meant(f"permit {rules}:2")
    meant(f"permit {rules}:2", more=("-set_serial", "0"))
    meant(f"permit {rules}:2", subject="/CN=web.example.com/O=Node")
    meant("refuse default roles Proxy", subject="/O=Proxy/CN=web.example.com")
    meant("refuse default roles N\\xc3\\xb6de", subject="/O=N\u00f6de/CN=web.example.com")
    meant("refuse default dns x.org", OTHER_ORDER.replace("web.example.com", "x.org"))
    meant("refuse invariant key-usage digitalSignature",
          OTHER_ORDER.replace(",keyEncipherment", ""))
    for old, new_text in (("CA:FALSE", "CA:TRUE"), ("keyid", "keyid:always,issuer:always"),
                          ("critical,digital", "digital"),
                          ("subjectKeyIdentifier=none", "1.2.3.4=critical,ASN1:NULL"),
                          ("subjectKeyIdentifier=none", "nsComment=x")):
        meant(MEANING + ' ""', OTHER_ORDER.replace(old, new_text))
    meant(MEANING + ' ""', subject="/C=US/O=Node/CN=web.example.com")
    certify(OTHER_ORDER.replace("=none", "=hash"))
    said = policy(*ask("--issuer", path("ca.pem")))
    assert said.stdout.startswith(MEANING + " ") and "no subject key id" in said.stderr, said
    openssl(*new, utf8, "-x509", "-keyout", path("key"), "-out", path("other.pem"), "-subj",
            "/O=example.com/CN=other", "-addext", "subjectKeyIdentifier=hash")
    certify()
    says("refuse invariant issuer ca", *ask("--issuer", path("other.pem")))


def spelt_by_python(place):
    """As python3-cryptography writes it when nobody asks for more."""
    path = lambda name: os.path.join(place.path, name)
    rules = place.write("x509.conf", X509_POLICY)
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))

    def name(*values):
        return x509.Name([x509.NameAttribute(oid, value) for oid, value in values])

    def write(file, builder):
        signed = builder.serial_number(x509.random_serial_number()).sign(ca_key, hashes.SHA256())
        place.write(file, signed.public_bytes(serialization.Encoding.PEM))

    issuer = name((NameOID.ORGANIZATION_NAME, "example.com"), (NameOID.COMMON_NAME, "ca"))
    identifier = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    dated = x509.CertificateBuilder().issuer_name(issuer).not_valid_before(now)
    write("ca.pem", dated.subject_name(issuer).public_key(ca_key.public_key()).not_valid_after(
        now + datetime.timedelta(days=60)).add_extension(identifier, critical=False))

    def verdict(expected, role="Node", dns="web.example.com", days=29, more=()):
        usage = dict.fromkeys(("content_commitment", "data_encipherment", "key_agreement",
                               "key_cert_sign", "crl_sign", "encipher_only",
                               "decipher_only"), False)
        builder = dated.public_key(key.public_key()).subject_name(
            name((NameOID.COMMON_NAME, "web.example.com"), (NameOID.ORGANIZATION_NAME, role))
        ).not_valid_after(now + datetime.timedelta(days=days))
        for extension, critical in (
                (x509.SubjectAlternativeName([x509.DNSName(dns)]), False),
                (x509.BasicConstraints(ca=False, path_length=None), True),
                (x509.KeyUsage(digital_signature=True, key_encipherment=True, **usage), True),
                (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH,
                                        ExtendedKeyUsageOID.SERVER_AUTH]), False),
                (x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), False),
                *more):
            builder = builder.add_extension(extension, critical)
        write("leaf.pem", builder)
        ask = ("test", "--ca=host", "--document=x509-host", "--policy", rules, path("leaf.pem"))
        said = policy(*ask, "--issuer", path("ca.pem"))
        assert said.stdout.startswith(expected) and "spelling" in said.stderr, (expected, said)
        says(MEANING + ' ""', *ask)

    verdict(f"permit {rules}:2\n")
    verdict("refuse default roles Proxy\n", role="Proxy")
    verdict("refuse default dns example.org\n", dns="example.org")
    verdict("refuse default ttl ", days=31)
    verdict(MEANING, more=((x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"x"),
                            True),))
    verdict(MEANING, more=((identifier, False),))


def own(build, place):
    """What the daemon signs, the command permits by the same line."""
    with Daemon(build, place) as daemon, daemon.connect() as pipe:
        key = ed25519_key()
        signed = pipe.result("ssh-user", public_key=key, key_id="a", principals=["deploy"])
        certificate = place.write("own", signed["certificate"])
    sign = [entry for entry in place.record() if entry["event"] == "sign"][-1]
    assert sign["rule"] == f"{place.policy}:4", sign
    for user in (None, "nobody"):
        says(f"permit {sign['rule']}", "test", "--ca", "user", "--document", "ssh-user",
             "--policy", place.policy, certificate, user=user)


def no_certificate(place):
    """What is expected is said, not what a reader of certificates makes of it."""
    for content in ("", "hello\n", ed25519_key() + "\n", "-----BEGIN PUBLIC KEY-----\n"):
        file = place.write("none", content)
        for document, form in (("ssh-user", "TYPE-cert-v01@openssh.com BASE64"),
                               ("x509-user", "PEM (BEGIN CERTIFICATE) or DER")):
            said = policy("test", "--ca", "user", "--document", document, "--policy",
                          place.policy, file)
            assert said.returncode == 1 and said.stdout == 'refuse invariant form ""\n', said
            assert "expected" in said.stderr and form in said.stderr, said


def full_disk(place):
    """What could not be printed is no answer."""
    for act in ("check", "explain"):
        with open("/dev/full", "w") as full:
            said = subprocess.run([os.path.join(build_folder(), "privyseal"), "policy", act,
                                   place.policy], stdout=full, stderr=subprocess.PIPE, text=True,
                                  timeout=DEADLINE, check=False)
        assert said.returncode == 1 and "standard output" in said.stderr, said


def refuses():
    for words in ((), ("look",), ("check", "a", "b"), ("check", "--ca", "user"),
                  ("test", "file"), ("test", "--ca", "root", "file"),
                  ("test", "--ca=user", "--document=ssh-user", "--at=soon", "file"),
                  ("test", "--ca=user", "--document=ssh-user")):
        said = policy(*words)
        assert said.returncode == 2 and "--help" in said.stderr, said
    said = policy("check", "/nowhere/file")
    assert said.returncode == 1 and "/nowhere/file does not exist" in said.stderr, said


def main():
    build = build_folder()
    place = Place()
    check(place)
    explain(place)
    foreign(place)
    foreign_x509(place)
    spelt_by_openssl(place)
    spelt_by_python(place)
    own(build, place)
    no_certificate(place)
    full_disk(place)
    refuses()
    place.remove()


main()
