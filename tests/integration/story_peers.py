#!/usr/bin/python3
"""Whatever certificate, CRL or SSH certificate our readers accept, the others accept too, and
see the same in it: OpenSSL, Go, GnuTLS, python3-cryptography, ssh-keygen. The documents are
made here: by Go, by OpenSSL, by ssh-keygen, by this story right and subtly wrong, and by
changing our own. No bit of any of them is free."""
import concurrent.futures
import datetime
import ipaddress
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from story import build_folder, clean_environment

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "peers"))
from der import content_of, element, integer, oid, sequence, split  # noqa: E402
from der import time as der_time  # noqa: E402

BUILD = build_folder()
RANDOM = random.Random(20260101)
NOW = int(time.time())
SIGNATURE_NAMES = {  # the algorithm's OID as it stands: kind of key, digest
    oid("1.2.840.113549.1.1.11") + b"\x05\0": ("rsa", hashes.SHA256()),
    oid("1.2.840.10045.4.3.2"): ("ec", hashes.SHA256()),
    oid("1.3.101.112"): ("ed25519", None),
}


def tool(*words, data=b""):
    return subprocess.run(words, input=data, capture_output=True, timeout=60,
                          env=dict(clean_environment(), TZ="UTC"))


def ask(program, questions):
    """Answers of facts or go, one for each (kind, bytes)."""
    text = "".join(f"{kind} {data.hex()}\n" for kind, data in questions)
    done = subprocess.run([BUILD + "/peers/" + program], input=text, capture_output=True,
                          text=True, timeout=240, env=clean_environment())
    assert done.returncode == 0, (program, done)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(questions), (program, len(answers), len(questions))
    return answers


# ---- writing ----

def spki(key):
    return key.public_key().public_bytes(serialization.Encoding.DER,
                                         serialization.PublicFormat.SubjectPublicKeyInfo)


KEYS = {
    "rsa": rsa.generate_private_key(65537, 2048), "ec": ec.generate_private_key(ec.SECP256R1()),
    "p384": ec.generate_private_key(ec.SECP384R1()),
    "p521": ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
}
ISSUERS = {"rsa": rsa.generate_private_key(65537, 2048),
           "ec": ec.generate_private_key(ec.SECP256R1()),
           "ed25519": ed25519.Ed25519PrivateKey.generate()}
KINDS = list(ISSUERS)
ALGORITHMS = {kind: sequence(name) for name, (kind, _) in SIGNATURE_NAMES.items()}


def sign(tbs, kind):
    """The document with a signature of this issuer."""
    algorithm = ALGORITHMS[kind]
    _, digest = SIGNATURE_NAMES[content_of(algorithm)]
    key = ISSUERS[kind]
    if kind == "rsa":
        signature = key.sign(tbs, padding.PKCS1v15(), digest)
    elif kind == "ec":
        signature = key.sign(tbs, ec.ECDSA(digest))
    else:
        signature = key.sign(tbs)
    return sequence(tbs, algorithm, element(0x03, b"\0", signature))


PRINTABLE = re.compile(rb"[A-Za-z0-9 '()+,\-./:=?]+\Z")


def attribute(number, value, tag=None):
    if tag is None:
        tag = 0x13 if PRINTABLE.match(value) else 0x0c
    name = f"2.5.4.{number}" if isinstance(number, int) else number
    return sequence(oid(name), element(tag, value))


def name_of(*attributes):
    return sequence(*(element(0x31, one) for one in attributes))


def extension(number, critical, value):
    return sequence(oid(f"2.5.29.{number}"), b"\x01\x01\xff" if critical else b"",
                    element(0x04, value))


CA_SERIAL = 0x4142434445464748494a4b4c4d4e4f50


def ca_name(kind):
    return name_of(attribute(10, b"example.com"), attribute(3, f"{kind}.example.com".encode()),
                   attribute(5, str(CA_SERIAL).encode()))


KEY_ID = b"\x11" * 20


def ca_certificate(kind):
    return sign(sequence(
        element(0xa0, integer(2)), integer(CA_SERIAL), ALGORITHMS[kind], ca_name(kind),
        sequence(der_time(NOW - 3600), der_time(NOW + 3650 * 86400)), ca_name(kind),
        spki(ISSUERS[kind]), element(0xa3, sequence(
            extension(15, True, b"\x03\x02\x01\xa6"),
            extension(19, True, b"\x30\x03\x01\x01\xff"),
            extension(14, False, element(0x04, KEY_ID)),
            extension(35, False, sequence(element(0x80, KEY_ID)))))), kind)


USAGES = {"digital": b"\x03\x02\x07\x80", "both": b"\x03\x02\x05\xa0", "agree": b"\x03\x02\x03\x08"}
PURPOSES = [sequence(oid("1.3.6.1.5.5.7.3.1")), sequence(oid("1.3.6.1.5.5.7.3.2")),
            sequence(oid("1.3.6.1.5.5.7.3.1"), oid("1.3.6.1.5.5.7.3.2"))]
ALTERNATIVES = [
    element(0x82, b"web.example.com"), element(0x82, b"*.example.com"),
    element(0x87, bytes([10, 0, 0, 1])),
    element(0x87, bytes.fromhex("20010db8" + "00" * 11 + "01")),
    element(0x86, b"spiffe://example.com/svc"), element(0x86, b"https://example.com/a?b=c"),
    element(0x81, b"alice@example.com"),
]
SUBJECTS = [
    name_of(attribute(3, b"alice")), name_of(attribute(3, "Jürgen Ö".encode())),
    name_of(attribute(10, b"access"), attribute(10, b"editor*"),
            attribute(3, b"alice@example.com")),
    name_of(attribute(10, b"a"), attribute(11, b"usage:kube"), attribute(7, b"root"),
            attribute(9, b"leaf.example.com"), attribute(17, b'{"logins":["root"]}'),
            attribute(3, b"bob, (the) builder"), attribute("1.3.9999.1.7", b"example.com"),
            attribute("1.3.9999.3.3", b"credential")),
    sequence(element(0x31, *sorted([attribute(10, b"access"), attribute(10, b"editor"),
                                    attribute(11, b"x y")])),
             element(0x31, attribute(3, b"carol"))),
    sequence(),
]


def leaf_fields(number):
    """The fields of an honest certificate, each of which can be another."""
    kind = KINDS[number % 3]
    subject = SUBJECTS[number % len(SUBJECTS)]
    chosen = [name for name in ALTERNATIVES if RANDOM.random() < 0.4]
    if not content_of(subject):
        chosen = chosen or ALTERNATIVES[:1]
    extensions = []
    if number % 7 != 6:
        extensions.append(extension(15, True, USAGES[("digital", "both", "agree")[number % 3]]))
    if number % 4:
        extensions.append(extension(37, False, PURPOSES[number % 4 - 1]))
    extensions.append(extension(19, True, b"\x30\0"))
    if number % 5 == 1:
        extensions.append(extension(14, False, element(0x04, b"\x22" * 20)))
    if number % 8 != 7:
        extensions.append(extension(35, False, sequence(element(0x80, KEY_ID))))
    if chosen:
        extensions.append(extension(17, not content_of(subject), sequence(*chosen)))
    if number % 9 == 2:
        extensions.append(extension(31, False, sequence(sequence(element(0xa0, element(
            0xa0, element(0x86, b"http://crl.example.com/x")))))))
    end = NOW + RANDOM.choice((3600, 86400 * 365, 86400 * 365 * 30))
    return {
        "version": element(0xa0, integer(2)),
        "serial": integer(RANDOM.getrandbits(RANDOM.choice((8, 64, 126, 158))) + 1),
        "algorithm": ALGORITHMS[kind], "issuer": ca_name(kind),
        "validity": sequence(der_time(NOW - 60), der_time(end)), "subject": subject,
        "key": spki(KEYS[list(KEYS)[number % 5]]),
        "extensions": element(0xa3, sequence(*extensions)),
    }


def wrong_fields():
    """Name, and the fields that are subtly wrong."""
    basic = extension(19, True, b"\x30\0")
    usage = extension(15, True, USAGES["both"])
    alternative = extension(17, False, sequence(ALTERNATIVES[0]))

    def with_extensions(*list_of):
        return {"extensions": element(0xa3, sequence(*list_of))}

    yield "version 1", {"version": b"", "extensions": b""}
    yield "version 2", {"version": element(0xa0, integer(1))}
    yield "version 3 under no tag", {"version": integer(2)}
    yield "serial 0", {"serial": integer(0)}
    yield "negative serial", {"serial": integer(-5)}
    yield "serial not minimal", {"serial": element(2, b"\0\x01")}
    yield "serial of 21 bytes", {"serial": integer(1 << 161)}
    yield "other issuer string", {"issuer": name_of(attribute(10, b"example.com", 0x0c))}
    yield "empty issuer", {"issuer": sequence()}
    yield "teletex subject", {"subject": name_of(attribute(3, b"alice", 0x14))}
    yield "bmp subject", {"subject": name_of(attribute(3, b"\0a", 0x1e))}
    yield "subject under tag 0", {"subject": name_of(attribute(3, b"\x1b[2J", 0))}
    yield "subject with escape", {"subject": name_of(attribute(3, b"a\x1bb", 0x0c))}
    yield "subject no UTF-8", {"subject": name_of(attribute(3, b"a\xff", 0x0c))}
    yield "subject of a country", {"subject": name_of(attribute(6, b"DE"))}
    yield "unsorted RDN", {"subject": sequence(element(0x31, *sorted(
        [attribute(10, b"access"), attribute(10, b"editor")], reverse=True)))}
    yield "repeated in an RDN", {"subject": sequence(element(0x31, attribute(10, b"a"),
                                                             attribute(10, b"a")))}
    yield "GeneralizedTime of 2026", {"validity": sequence(
        element(0x18, b"20260101000000Z"), der_time(NOW))}
    yield "time without seconds", {"validity": sequence(
        element(0x17, b"2601010000Z"), der_time(NOW))}
    yield "time with an offset", {"validity": sequence(
        element(0x17, b"260101000000+0100"), der_time(NOW))}
    yield "time of a 30th February", {"validity": sequence(
        element(0x17, b"260230000000Z"), der_time(NOW))}
    yield "fraction of a second", {"validity": sequence(
        der_time(NOW), element(0x18, b"20600101000000.5Z"))}
    yield "usage not critical", with_extensions(extension(15, False, USAGES["both"]), basic)
    yield "usage not minimal", with_extensions(extension(15, True, b"\x03\x03\x05\xa0\0"), basic)
    yield "usage with unused bits", with_extensions(extension(15, True, b"\x03\x02\x05\xb0"), basic)
    yield "no basic constraints", with_extensions(usage)
    yield "basic constraints first", with_extensions(basic, usage)
    yield "basic constraints twice", with_extensions(usage, basic, basic)
    yield "explicit CA false", with_extensions(usage, extension(19, True, b"\x30\x03\x01\x01\0"))
    yield "CA true as 1", with_extensions(usage, extension(19, True, b"\x30\x03\x01\x01\x01"))
    yield "a leaf that is a CA", with_extensions(
        usage, extension(19, True, b"\x30\x03\x01\x01\xff"))
    yield "critical as 1", with_extensions(sequence(
        oid("2.5.29.15"), b"\x01\x01\x01", element(4, USAGES["both"])), basic)
    yield "explicitly not critical", with_extensions(usage, basic, sequence(
        oid("2.5.29.17"), b"\x01\x01\0", element(4, sequence(ALTERNATIVES[0]))))
    yield "unknown extension", with_extensions(usage, basic, extension(99, False, b"\x05\0"))
    yield "name constraints", with_extensions(usage, basic, extension(30, False, b"\x30\0"))
    yield "no alternative names", with_extensions(usage, basic, extension(17, False, sequence()))
    yield "other name", with_extensions(usage, basic, extension(17, False, sequence(
        element(0xa0, oid("1.3.6.1.4.1.311.20.2.3"), element(0xa0, element(12, b"root"))))))
    yield "address of 5 bytes", with_extensions(
        usage, basic, extension(17, False, sequence(element(0x87, b"12345"))))
    yield "DNS name with NUL", with_extensions(
        usage, basic, extension(17, False, sequence(element(0x82, b"a\0.example.com"))))
    yield "alternative names critical beside a subject", {
        **with_extensions(usage, basic, extension(17, True, sequence(ALTERNATIVES[0]))),
        "subject": SUBJECTS[0]}
    yield "bytes behind a value", with_extensions(
        usage, basic, extension(17, False, sequence(ALTERNATIVES[0]) + b"\0"))
    yield "no extensions", {"extensions": element(0xa3, sequence())}
    yield "no subject, no names", {**with_extensions(usage, basic), "subject": sequence()}
    yield "unique identifier", {"key": spki(KEYS["ec"]) + element(0x81, b"\0\x01")}
    yield "compressed point", {"key": KEYS["ec"].public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)}
    yield "extensions twice", {"extensions": 2 * element(0xa3, sequence(usage, basic, alternative))}
    yield "length in too many bytes", {"subject": b"\x30\x81\x0c" + content_of(
        name_of(attribute(3, b"a")))}


def certificate_corpus():
    """(name, whole certificate, must it be accepted: True, False or None, its CA)"""
    for kind in ISSUERS:
        yield f"CA {kind}", ca_certificate(kind), True, kind
    for number in range(150):
        tbs = sequence(*leaf_fields(number).values())
        kind = KINDS[number % 3]
        yield f"leaf {number}", sign(tbs, kind), True, kind
    for number, (name, changes) in enumerate(wrong_fields()):
        fields = leaf_fields(number)
        fields.update(changes)
        yield name, sign(sequence(*fields.values()), KINDS[number % 3]), False, None
    for number in range(300):
        kind = KINDS[number % 3]
        tbs = mutate(sequence(*leaf_fields(number).values()))
        yield f"mutated {number}", sign(tbs, kind), None, kind
    for number, line in enumerate(tool(BUILD + "/peers/go", "make", "60").stdout.split()):
        yield f"Go {number}", bytes.fromhex(line.decode()), True, "Go"


def mutate(tbs):
    """A byte of one field is another, lengths as they were."""
    fields = split(content_of(tbs))
    place = RANDOM.choice((1, 3, 4, 5, 5, 7, 7, 7))
    field = bytearray(fields[place])
    at = RANDOM.randrange(len(field))
    field[at] = RANDOM.choice((field[at] ^ 1 << RANDOM.randrange(8), RANDOM.randrange(256),
                               RANDOM.randrange(0x20, 0x7f)))
    fields[place] = bytes(field)
    return sequence(*fields)


KEY_SIZES = {91: "ec", 120: "p384", 158: "p521", 44: "ed25519"}  # bytes of DER


def kept_by_the_fuzzer():
    """What our reader accepted of changed documents, with keys that are on their curves and
    a stamped serial."""
    with tempfile.TemporaryDirectory(prefix="privyseal-test.") as folder:
        done = tool(BUILD + "/fuzz/fuzz_x509_certificate", "--inputs", "50000", "--keep", folder)
        assert done.returncode == 0, done
        documents = []
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name), "rb") as kept:
                documents.append(kept.read())
    answers = ask("facts", [("certificate", tbs) for tbs in documents])
    for number, (tbs, facts) in enumerate(zip(documents, answers)):
        if "refused" in facts:
            continue
        fields = split(content_of(tbs))
        fields[6] = spki(KEYS[KEY_SIZES.get(len(bytes.fromhex(facts["key"])), "rsa")])
        if content_of(fields[1]) == bytes(16):
            fields[1] = element(0x02, b"\x41" + RANDOM.randbytes(15))
        yield f"kept {number}", sequence(sequence(*fields), fields[2],
                                         element(0x03, b"\0" * 65))


# ---- comparing ----

def hex_number(text):
    return int(text.replace(":", "").strip() or "0", 16)


def same(name, peer, ours, theirs):
    for fact, value in theirs.items():
        assert ours[fact] == value, f"{name}: {peer} has {fact} {value!r}, we {ours[fact]!r}"


def grouped(names):
    """Go keeps each kind of alternative name in a list of its own."""
    order = ("dns:", "email:", "uri:", "ip:")
    return [name for kind in order for name in names if name.startswith(kind)]


def see_go(name, ours, theirs):
    assert "refused" not in theirs, f"{name}: Go refuses: {theirs}"
    theirs = dict(theirs)
    assert grouped(ours["alt_names"]) == theirs.pop("alt_names"), (name, ours)
    assert hex_number(theirs.pop("serial")) == hex_number(ours["serial"]), name
    same(name, "Go", ours, theirs)


def names_of(general_names):
    kinds = {x509.DNSName: "dns:", x509.RFC822Name: "email:",
             x509.UniformResourceIdentifier: "uri:"}
    return ["ip:" + one.value.packed.hex() if isinstance(one, x509.IPAddress)
            else kinds[type(one)] + one.value for one in general_names]


def seconds(when):
    return int(when.replace(tzinfo=datetime.timezone.utc).timestamp())


def see_cryptography(name, whole, ours):
    theirs = x509.load_der_x509_certificate(whole)
    found = {extension.oid.dotted_string: extension.value for extension in theirs.extensions}
    basic = found["2.5.29.19"]
    alternative = found.get("2.5.29.17")
    for which in ("subject", "issuer"):  # in an RDN of several values it keeps no order
        assert sorted([one.oid.dotted_string, one.value] for one in getattr(theirs, which)) == \
            sorted(ours[which]), name
    same(name, "python3-cryptography", ours, {
        "not_before": seconds(theirs.not_valid_before),
        "not_after": seconds(theirs.not_valid_after), "is_ca": basic.ca,
        "path_length": -1 if basic.path_length is None else basic.path_length,
        "alt_names": names_of(alternative) if alternative else [],
        "subject_key_id": found["2.5.29.14"].digest.hex() if "2.5.29.14" in found else "",
        "authority_key_id":
            found["2.5.29.35"].key_identifier.hex() if "2.5.29.35" in found else "",
    })
    assert theirs.serial_number == hex_number(ours["serial"]), name


USAGE_BITS = {"Digital Signature": 0x80, "Key Encipherment": 0x20, "Key Agreement": 0x08,
              "Certificate Sign": 0x04, "CRL Sign": 0x02}


def text_after(text, title):
    found = re.search(re.escape(title) + r"[^\n]*\n\s*([^\n]*)", text)
    return found.group(1) if found else ""


def see_openssl(name, whole, ours):
    done = tool("openssl", "x509", "-inform", "DER", "-noout", "-text", "-dateopt", "iso_8601",
                "-nameopt", "sep_multiline,utf8,oid", "-serial", "-startdate", "-enddate",
                data=whole)
    assert done.returncode == 0, f"{name}: openssl refuses: {done.stderr!r}"
    text = done.stdout.decode()
    serial = re.search(r"^serial=([0-9A-F]+)$", text, re.M).group(1)
    assert hex_number(serial) == hex_number(ours["serial"]), (name, serial)
    dates = [seconds(datetime.datetime.strptime(date, "%Y-%m-%d %H:%M:%SZ")) for date in
             re.findall(r"^not(?:Before|After)=(.*)$", text, re.M)]
    assert dates == [ours["not_before"], ours["not_after"]], (name, dates)
    usages = text_after(text, "X509v3 Key Usage:")
    assert sum(USAGE_BITS[one] for one in usages.split(", ") if one) == ours["key_usage"], name
    assert ("CA:TRUE" in text_after(text, "X509v3 Basic Constraints:")) == ours["is_ca"], name
    alternative = text_after(text, "X509v3 Subject Alternative Name:")
    assert alternative.count("IP Address:") >= sum(
        one.startswith("ip:") for one in ours["alt_names"]), name
    for one in ours["alt_names"]:
        if not one.startswith("ip:"):
            assert one.split(":", 1)[1] in alternative, (name, one, alternative)
    flat = text.replace("\\", "")
    for attribute_oid, value in ours["subject"]:
        wanted = f"{attribute_oid}={value}".replace("\\", "")
        assert wanted in flat, (name, wanted, text)


def see_gnutls(name, whole, ours):
    done = tool("certtool", "-i", "--inder", data=whole)
    assert done.returncode == 0, f"{name}: certtool refuses: {done.stderr!r}"
    text = done.stdout.decode(errors="replace")
    serial = re.search(r"Serial Number \(hex\): ([0-9a-f]+)", text).group(1)
    assert hex_number(serial) == hex_number(ours["serial"]), (name, serial)
    dates = [seconds(datetime.datetime.strptime(date, "%a %b %d %H:%M:%S UTC %Y")) for date in
             re.findall(r"Not (?:Before|After): (.*)", text)]
    assert dates == [ours["not_before"], ours["not_after"]], (name, dates)
    assert ("Certificate Authority (CA): TRUE" in text) == ours["is_ca"], name
    subject = (re.search(r"^\tSubject: (.*)$", text, re.M) or [""])[0]
    for attribute_oid, value in ours["subject"]:
        if attribute_oid.startswith("2.5.4.") and re.fullmatch("[A-Za-z0-9@.-]+", value):
            assert f"={value}" in subject, (name, value, subject)
    for title, bit in (("Digital signature.", 0x80), ("Key encipherment.", 0x20),
                       ("Key agreement.", 0x08), ("Certificate signing.", 0x04),
                       ("CRL signing.", 0x02)):
        assert (title in text) == bool(ours["key_usage"] & bit), (name, title, text)
    for one in ours["alt_names"]:
        kind, value = one.split(":", 1)
        if kind == "ip":
            value = str(ipaddress.ip_address(bytes.fromhex(value)))
        title = {"dns": "DNSname", "ip": "IPAddress", "uri": "URI", "email": "RFC822Name"}[kind]
        assert f"{title}: {value}" in text, (name, one, text)


def verify(name, whole, facts, ca_path):
    """As a relying party does; strictly where there is the key's identifier, which ours have."""
    strict = ["-x509_strict"] if facts["authority_key_id"] else []
    done = tool("openssl", "verify", "-no_check_time", "-CAfile", ca_path, *strict,
                data=pem(whole))
    assert done.returncode == 0, f"{name}: openssl verify: {done.stdout!r} {done.stderr!r}"


def pem(whole):
    return x509.load_der_x509_certificate(whole).public_bytes(serialization.Encoding.PEM)


NAME_FAULT = re.compile("cannot parse (URI|dnsName|rfc822Name)")


def certificates(folder):
    corpus = list(certificate_corpus())
    corpus += [(name, whole, None, None) for name, whole in kept_by_the_fuzzer()]
    questions = [("certificate", split(content_of(whole))[0]) for _, whole, _, _ in corpus]
    ours = ask("facts", questions)
    go = ask("go", [("certificate", whole) for _, whole, _, _ in corpus])
    cas = {}
    for name, whole, _, kind in corpus:
        if name.startswith("CA ") or name == "Go 0":
            cas[kind] = os.path.join(folder, f"{kind}.pem")
            with open(cas[kind], "wb") as out:
                out.write(pem(whole))
    accepted, senseless = [], 0
    for (name, whole, must, kind), facts, theirs in zip(corpus, ours, go):
        if must is not None:
            assert ("refused" not in facts) == must, (name, facts, whole.hex())
        if "refused" in facts:
            continue
        assert facts.pop("free_bits") == 0, name
        # Whether a name of an allowed kind makes sense the invariants say, not the reader.
        if must is None and NAME_FAULT.search(theirs.get("refused", "")):
            senseless += 1
            continue
        see_go(name, facts, theirs)
        see_cryptography(name, whole, facts)
        accepted.append((name, whole, facts, kind))

    def outside(entry):
        name, whole, facts, kind = entry
        see_openssl(name, whole, facts)
        see_gnutls(name, whole, facts)
        # what was not changed must also be good
        if kind and not name.startswith("mutated"):
            verify(name, whole, facts, cas[kind])
    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        list(threads.map(outside, accepted))
    changed = sum(name.startswith(("mutated", "kept")) for name, *_ in accepted)
    print(f"certificates: {len(corpus)}, {len(accepted)} accepted, of them {changed} changed, "
          f"{senseless} with names that Go finds senseless")
    assert len(accepted) > 300 and changed > 100, (len(accepted), changed)


def crls():
    def crl(kind, revoked, number, version=integer(1)):
        entries = [sequence(integer(serial), der_time(date)) for serial, date in revoked]
        return sign(sequence(
            version, ALGORITHMS[kind], ca_name(kind), der_time(NOW), der_time(NOW + 86400),
            sequence(*entries) if entries else b"", element(0xa0, sequence(
                extension(35, False, sequence(element(0x80, KEY_ID))),
                extension(20, False, integer(number))))), kind)

    good = [crl(kind, [(1 + 300 * i, NOW - 50 + i) for i in range(count)], 1 + count)
            for kind in ISSUERS for count in (0, 1, 3, 40)]
    bad = [crl("ec", [(5, NOW), (3, NOW)], 1), crl("ec", [(5, NOW), (5, NOW)], 1),
           crl("ec", [(0, NOW)], 1), crl("ec", [], -1), crl("ec", [], 1, integer(0))]
    ours = ask("facts", [("crl", split(content_of(whole))[0]) for whole in good + bad])
    go = ask("go", [("crl", whole) for whole in good])
    for whole, facts, theirs in zip(good, ours, go):
        assert "refused" not in facts and facts.pop("free_bits") == 0, facts
        for one in facts["revoked"]:
            one["serial"] = f"{hex_number(one['serial']):x}"
        # Go 1.19 gives the whole extension
        assert theirs.pop("authority_key_id").endswith(facts["authority_key_id"])
        same("CRL", "Go", facts, theirs)
        text = tool("openssl", "crl", "-inform", "DER", "-noout", "-text", data=whole)
        assert text.returncode == 0, text
        assert text.stdout.count(b"Serial Number:") == len(facts["revoked"])
        text = tool("certtool", "--crl-info", "--inder", data=whole)
        assert text.returncode == 0, text
        assert text.stdout.count(b"Serial Number (hex):") == len(facts["revoked"]), text
    assert all("refused" in facts for facts in ours[len(good):]), ours[len(good):]
    print(f"CRLs: {len(good)} accepted, {len(bad)} refused")


# ---- SSH ----

def ssh_tbs(blob):
    """Without the signature, which is the last string."""
    for end in range(len(blob) - 5, 0, -1):
        if end + 4 + int.from_bytes(blob[end:end + 4], "big") == len(blob) and \
                blob[end + 4:end + 8] in (b"\0\0\0\x0b", b"\0\0\0\x13", b"\0\0\0\x0c",
                                          b"\0\0\0\x07"):
            return blob[:end]
    raise AssertionError("no signature")


def ssh_corpus(folder):
    kinds = [("ed25519", 256), ("rsa", 2048), ("ecdsa", 256), ("ecdsa", 384), ("ecdsa", 521)]
    keys = []
    for kind, bits in kinds:
        keys.append(f"{folder}/{kind}{bits}")
        assert tool("ssh-keygen", "-q", "-t", kind, "-b", str(bits), "-N", "", "-C", "", "-f",
                    keys[-1]).returncode == 0
    extra = [[], ["-O", "force-command=/bin/true", "-O", "source-address=10.0.0.0/8"],
             ["-O", "clear"], ["-O", "no-x11-forwarding", "-z", "77"], ["-V", "always:forever"],
             ["-O", "verify-required", "-n", "alice,bob"], ["-O", "extension:login@example.com=x"]]
    number = 0
    for authority in keys:
        for subject in keys:
            options = extra[number % len(extra)]
            host = number % 4 == 3
            words = ["-h", "-n", "web.example.com"] if host else [
                "-n", "alice", *options]
            validity = [] if "-V" in words else ["-V", f"+{1 + number}h"]
            done = tool("ssh-keygen", "-q", "-s", authority, "-I", f"key {number}", *validity,
                        *words, f"{subject}.pub")
            assert done.returncode == 0, done
            with open(f"{subject}-cert.pub", encoding="ascii") as out:
                yield out.read().split()
            number += 1


def see_ssh_keygen(line, facts):
    done = tool("ssh-keygen", "-L", "-f", "-", data=(" ".join(line[:2]) + "\n").encode())
    assert done.returncode == 0, done
    text = done.stdout.decode()
    assert f"Serial: {facts['serial']}\n" in text, (text, facts)
    assert f'Key ID: "{facts["key_id"]}"' in text, (text, facts)
    for word in [*facts["principals"], *facts["critical_options"], *facts["extensions"]]:
        assert f"                {word}" in text, (word, text)
    if facts["valid_before"] == str(2 ** 64 - 1):
        assert "Valid: forever" in text, text
    else:
        end = datetime.datetime.fromtimestamp(int(facts["valid_before"]), datetime.timezone.utc)
        assert f"to {end:%Y-%m-%dT%H:%M:%S}" in text, (text, facts)


def ssh_certificates(folder):
    import base64
    lines = list(ssh_corpus(folder))
    blobs = [base64.b64decode(line[1]) for line in lines]
    ours = ask("facts", [("ssh", ssh_tbs(blob)) for blob in blobs])
    go = ask("go", [("ssh", blob) for blob in blobs])
    for line, facts, theirs in zip(lines, ours, go):
        assert "refused" not in facts, (facts, line)
        assert facts.pop("free_bits") == 0, line
        assert "refused" not in theirs, (theirs, line)
        same("SSH certificate", "Go", facts, theirs)
        see_ssh_keygen(line, facts)
    print(f"SSH certificates: {len(lines)} accepted")
    # the same with bytes changed: what we accept, Go accepts, and sees the same
    questions = []
    for blob in blobs * 20:
        tbs = bytearray(ssh_tbs(blob))
        tail = blob[len(tbs):]
        # behind the key, and before the signature's key
        tbs[RANDOM.randrange(len(tbs) * 2 // 3)] = RANDOM.randrange(256)
        questions.append((bytes(tbs), bytes(tbs) + tail))
    ours = ask("facts", [("ssh", tbs) for tbs, _ in questions])
    go = ask("go", [("ssh", whole) for _, whole in questions])
    accepted = 0
    for facts, theirs, (_, whole) in zip(ours, go, questions):
        if "refused" in facts:
            continue
        assert facts.pop("free_bits") == 0
        # Go looks whether the point is on its curve; so does the broker, not the reader
        if "refused" in theirs and "curve" in theirs["refused"]:
            continue
        assert "refused" not in theirs, (facts, theirs, whole.hex())
        same("changed SSH certificate", "Go", facts, theirs)
        accepted += 1
    print(f"changed SSH certificates: {len(questions)}, {accepted} accepted")
    assert accepted > 100, accepted


def main():
    for program in ("openssl", "certtool", "ssh-keygen"):
        assert shutil.which(program), f"{program} is missing (packaging/needs check)"
    with tempfile.TemporaryDirectory(prefix="privyseal-test.") as folder:
        ssh_certificates(folder)
        crls()
        certificates(folder)


main()
