#!/usr/bin/python3
"""Bad requests: a clear error that names the place, nothing signed, nothing restarted."""
import base64

from story import (Daemon, Place, build_folder, ed25519_key, key_line, ssh_string,
                   wait_until)


def rsa_key(bits, exponent=65537):
    modulus = (1 << (bits - 1)) | 1
    raw = modulus.to_bytes((bits + 7) // 8, "big")
    e = exponent.to_bytes((exponent.bit_length() + 8) // 8, "big")
    return key_line("ssh-rsa", e, b"\0" + raw if raw[0] & 0x80 else raw)


def main():
    place = Place()
    with Daemon(build_folder(), place) as daemon, daemon.connect() as pipe:
        key = ed25519_key()
        good = {"public_key": key, "key_id": "alice", "principals": ["deploy"], "ttl": 600}
        pids = sorted(sum(daemon.processes().values(), []))

        def invalid(names, **change):
            error = pipe.error(-32602, "ssh-user", **{**good, **change})
            assert names in error["message"], error

        refusals = [0]

        def refused(fact, rule=None, **change):
            refusals[0] += 1
            error = pipe.error(-32001, "ssh-user", **{**good, **change})
            assert error["data"]["fact"] == fact, error
            assert rule is None or error["data"]["rule"] == rule, error
            return error

        # ttl
        for ttl in (0, -1, "0s", "-5m", 1.5, "1.5h", "8", "", "h", None, "3651d", True,
                    315360001, [600]):
            invalid("ttl", ttl=ttl)
        refused("ttl", ttl="31h")
        assert "result" in pipe.call("ssh-user", **{**good, "ttl": "30h"})

        # principals
        invalid("principals", principals=[])
        invalid("principals", principals="deploy")
        invalid("principals", principals=[7])
        for bad in ("a\nb", "a,b", "*", "a*", "?x", "!x", "a b", "a\tb", "", "\u00e9",
                    "a\x7f"):
            refused("principals", "invariant", principals=["deploy", bad])
        invalid("principals", principals=[f"p{i}" for i in range(257)])
        error = refused("principals", principals=["root"])
        assert error["data"]["rule"] == place.policy + ":3", error
        assert error["data"]["value"] == "root", error

        # subject keys
        refused("subject-key", "invariant", public_key=rsa_key(1024))
        refused("subject-key", "invariant", public_key=rsa_key(2048, 3))
        refused("subject-key", "invariant", public_key=key_line("ssh-ed25519", bytes(32)))
        refused("subject-key", "invariant", public_key=key_line(
            "ecdsa-sha2-nistp256", b"nistp256", b"\x04" + b"\x01" * 64))
        own = pipe.result("authorities", type="user")[0]
        own = base64.b64decode(own["spec"]["active_keys"]["ssh"][0]["public_key"]).decode()
        refused("subject-key", "invariant", public_key=own.strip())
        host = pipe.result("authorities", type="host")[0]
        host = base64.b64decode(host["spec"]["active_keys"]["ssh"][0]["public_key"]).decode()
        refused("subject-key", "invariant", public_key=host.strip())
        certificate = pipe.result("ssh-user", **good)["certificate"]
        blob = base64.b64decode(key.split()[1])
        for bad in ("", "nonsense", "ssh-ed25519", "ssh-ed25519 ????", key + "\n" + key,
                    "ssh-dss " + base64.b64encode(ssh_string(b"ssh-dss")).decode(),
                    "restrict " + key, certificate,
                    "ssh-ed25519 " + base64.b64encode(blob[:-1]).decode(),
                    "ssh-ed25519 " + base64.b64encode(blob + b"x").decode(),
                    "ssh-rsa " + key.split()[1]):
            invalid("public_key", public_key=bad)
        invalid("public_key", public_key=7)
        invalid("public_key", public_key=None)

        # the rest of the params
        invalid("key_id", key_id=7)
        refused("key-id", "invariant", key_id="a\x1b[31mb")
        invalid("colour", colour="red")
        invalid("ca", ca="nobody")
        refused("extensions", extensions={"permit-agent-forwarding": ""})
        refused("extensions", "invariant", extensions={"permit-pty": "yes"})
        refused("critical-options", critical_options={"force-command": "true"})
        for left_out in ("public_key", "key_id", "principals"):
            rest = {name: value for name, value in good.items() if name != left_out}
            error = pipe.error(-32602, "ssh-user", **rest)
            assert left_out in error["message"], error
        refusals[0] += 1
        error = pipe.error(-32001, "ssh-host", public_key=key, principals=["elsewhere.org"])
        assert error["data"] == {**error["data"], "rule": "default", "fact": "principals",
                                 "value": "elsewhere.org"}, error
        pipe.error(-32601, "ssh-nobody")

        # The administrator is told how many were refused, at most once a second.
        def told():
            return [int(line.split("refused: ")[1].split(";")[0])
                    for line in daemon.logged().splitlines()
                    if "requests that the policy refused: " in line]
        wait_until("every refusal to be counted", lambda: sum(told()) == refusals[0])
        assert len(told()) < refusals[0], told()
        assert "the last: default: principals 'elsewhere.org'" in daemon.logged()

        # still the same processes, and they still work
        assert "result" in pipe.call("ssh-user", **good)
        assert sorted(sum(daemon.processes().values(), [])) == pids
    signed = [e for e in place.record() if e["event"] == "sign"]
    assert len(signed) == 3, [e["facts"] for e in signed]
    place.remove()


main()
