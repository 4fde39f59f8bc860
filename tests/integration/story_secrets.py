#!/usr/bin/python3
"""No copy of a private key lies in readable memory, logs or command lines; the public one
shows that the search finds what is there."""
import base64
import os
import subprocess

from story import CONFIG, Daemon, Place, build_folder, clean_environment, ed25519_key


def memory_of(pid):
    """Every readable byte of a process, a mapping at a time."""
    with open(f"/proc/{pid}/maps") as maps:
        regions = [line.split()[0].split("-") for line in maps if line.split()[1][0] == "r"]
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for start, end in regions:
            try:
                memory.seek(int(start, 16))
                yield memory.read(int(end, 16) - int(start, 16))
            except OSError:
                yield b""  # the arena, where the kernel hides it even from root


def count(pid, needle):
    return sum(region.count(needle) for region in memory_of(pid))


def private_numbers(path):
    """The bytes that make the key, as OpenSSL prints them."""
    text = subprocess.run(["openssl", "pkey", "-in", path, "-noout", "-text"], check=True,
                          capture_output=True, text=True).stdout
    digits = text.split("priv:")[1].split("pub:")[0]
    return bytes.fromhex("".join(digits.replace(":", "").split()))


def search_environment(build):
    """AWS's variables go to the broker, which has no use for them yet, and nowhere else."""
    secret = b"wJalr" + os.urandom(12).hex().encode()
    place = Place()
    environment = dict(clean_environment(), AWS_SECRET_ACCESS_KEY=secret.decode())
    with Daemon(build, place, environment=environment) as daemon:
        for role, pids in daemon.processes().items():
            for pid in pids:
                with open(f"/proc/{pid}/environ", "rb") as environ:
                    assert secret not in environ.read(), role
                assert count(pid, secret) == 0, role
        supervisor = daemon.processes()["supervisor"][0]
        assert count(supervisor, place.policy.encode()) > 0, "the search finds nothing"
    print("AWS's variables: in no process's memory")
    place.remove()


def search(build, suite):
    place = Place(config=CONFIG + f"  authentication:\n    signature_algorithm_suite: {suite}\n")
    with Daemon(build, place) as daemon, daemon.connect() as pipe:
        key = ed25519_key()
        for _ in range(20):
            pipe.result("ssh-user", public_key=key, key_id="a", principals=["deploy"], ttl=60)
        line = pipe.result("authorities", type="user")[0]
        line = base64.b64decode(line["spec"]["active_keys"]["ssh"][0]["public_key"]).decode()
        public = base64.b64decode(line.split()[1])[-32:]
        report = daemon.admin_report()
        broker = daemon.processes()["broker"][0]
        assert count(broker, public) > 0, "the search finds nothing at all"
        folder = place.state + "/keys"
        hidden = report["secret_memory"] == "memfd_secret"
        for name in os.listdir(folder):
            secret = private_numbers(os.path.join(folder, name)).lstrip(b"\0")
            # The order in which OpenSSL keeps a number's bytes, and the other.
            found = {pid: count(pid, secret) + count(pid, secret[::-1])
                     for pids in daemon.processes().values() for pid in pids}
            # Where the kernel can't hide the arena, root's eye finds one copy there.
            most = 0 if hidden else 1
            assert found.pop(broker) == most, (suite, name, report["secret_memory"])
            assert not any(found.values()), (suite, found)
            assert secret not in daemon.logged().encode()
        print(f"{suite}: {len(os.listdir(folder))} private keys, none outside the arena "
              f"({report['secret_memory']})")
    place.remove()


def main():
    search_environment(build_folder())
    for suite in ("balanced-v1", "hsm-v1"):
        search(build_folder(), suite)


main()
