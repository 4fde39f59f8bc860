#!/usr/bin/python3
"""User and host certificates come out as asked, and OpenSSH agrees on what they say."""
import base64
import hashlib
import re
import subprocess
import time

from story import Daemon, Place, build_folder, describe, ed25519_key


def main():
    place = Place()
    with Daemon(build_folder(), place) as daemon, daemon.connect() as pipe:
        key = ed25519_key()
        before = int(time.time())
        user = pipe.result("ssh-user", public_key=key + " some comment", key_id="alice",
                           principals=["deploy", "backup"], ttl="8h",
                           extensions={"permit-pty": "", "permit-port-forwarding": ""})
        assert set(user) == {"certificate", "serial", "valid_after", "valid_before"}, user
        assert int(user["serial"]) > 0
        assert before - 61 <= user["valid_after"] <= before - 59 + 5, user
        assert 0 <= user["valid_before"] - 8 * 3600 - before <= 5, user
        text = describe(user["certificate"])
        assert "user certificate" in text and 'Key ID: "alice"' in text, text
        assert f"Serial: {user['serial']}" in text, text
        for word in ("deploy", "backup", "permit-pty", "permit-port-forwarding"):
            assert word in text, text
        assert "source-address" not in text and "permit-agent" not in text

        host = pipe.result("ssh-host", public_key=key, principals=["www.example.com"])
        text = describe(host["certificate"])
        assert "host certificate" in text and "www.example.com" in text, text

        # Without a ttl: the config's default session of 12 hours, cut to the line's own.
        short = pipe.result("ssh-user", public_key=key, key_id="a", principals=["deploy"])
        assert abs(short["valid_before"] - int(time.time()) - 12 * 3600) <= 5, short

        # Each serial is the broker's, and new.
        again = pipe.result("ssh-user", public_key=key, key_id="alice", principals=["deploy"])
        assert again["serial"] != user["serial"]

        # Every kind of sound subject key, as ssh-keygen makes it.
        for kind, bits in (("ecdsa", 256), ("ecdsa", 384), ("ecdsa", 521), ("rsa", 2048)):
            path = place.path + f"/{kind}{bits}"
            subprocess.run(["ssh-keygen", "-q", "-t", kind, "-b", str(bits), "-N", "", "-f",
                            path], check=True)
            with open(path + ".pub") as public:
                made = pipe.result("ssh-user", public_key=public.read().strip(), key_id="k",
                                   principals=["deploy"], ttl=600)
            assert "user certificate" in describe(made["certificate"])

        authorities = {a["spec"]["type"]: a for a in pipe.result("authorities")}
        assert {"user", "host"} <= set(authorities), authorities
        for kind in ("user", "host"):
            one = authorities[kind]
            assert one["kind"] == "cert_authority" and one["version"] == "v2", one
            assert one["metadata"]["name"] == "example.com"
            keys = one["spec"]["active_keys"]["ssh"]
            line = base64.b64decode(keys[0]["public_key"]).decode()
            assert line.startswith("ssh-ed25519 ") and line.endswith("\n"), line
            assert "private_key" not in keys[0], "a secret came out"

        status = pipe.result("status")
        assert status["ready"] is True and status["cluster"] == "example.com"
        assert status["rpc"] == 1
        assert status.keys() == {"version", "rpc", "limits", "cluster", "ready", "ca_pins",
                                 "authorities"}, status
        assert status["limits"] == {
            "line_bytes": 65536, "depth": 16, "id_bytes": 128, "requests_per_connection": 256,
            "requests": 4096, "connections": 2000, "deadline": 5}, status
        assert pipe.result("ping") == {}

    record = place.record()
    # The log bears witness of the record's end.
    said = re.findall(r"record: sequence (\d+), hash ([0-9a-f]{64})", daemon.logged())
    assert len(said) >= 2, daemon.logged()
    with open(place.state + "/audit/audit-000001.jsonl", "rb") as segment:
        lines = segment.read().splitlines()
    for sequence, digest in said:
        assert hashlib.sha256(lines[int(sequence) - 1]).hexdigest() == digest, sequence
    assert int(said[-1][0]) == len(lines), said
    signed = [e for e in record if e["event"] == "sign"]
    outcomes = [e for e in record if e["event"] == "outcome" and e["of"] in {s["seq"] for s in signed}]
    assert len(signed) == 8 and len(outcomes) == 8, (len(signed), len(outcomes))
    first = signed[0]
    assert first["ca"] == "user" and first["document"] == "ssh-user"
    assert first["client"] == "auth" and first["decision"] == "permit"
    assert first["rule"].endswith("policy.conf:4"), first
    assert first["facts"]["principals"] == ["deploy", "backup"], first
    assert len(first["digest"]) == 64 and len(first["policy"]) == 64
    place.remove()


main()
