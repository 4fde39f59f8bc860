#!/usr/bin/python3
"""Secret key and session token lie in the arena and nowhere else, once no request is under
way: not in the memory of any process, not in the record, the state or the logs. Without the
wiping of what is freed the same search finds them."""

import os
import re
import shutil
import tempfile

import kms_story
import rig
import story

ARENA = 512  # KiB
BROKER = "networked-broker"


def regions(pid):
    """(readable memory, is it the arena?), a mapping at a time."""
    with open(f"/proc/{pid}/smaps") as smaps:
        parts = re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", smaps.read(), flags=re.M)[1:]
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for part in parts:
            start, end = (int(word, 16) for word in part.split()[0].split("-"))
            locked = re.search(r"^VmFlags:.* lo\b", part, re.M)
            arena = bool(locked) and f"Size: {ARENA:>18} kB" in part
            if part.split()[1][0] != "r":
                continue
            try:
                memory.seek(start)
                yield memory.read(end - start), arena
            except OSError:
                yield b"", arena  # the kernel hides the arena even from root


def count(pid, needle):
    """(outside the arena, in it)."""
    found = [0, 0]
    for region, arena in regions(pid):
        found[arena] += region.count(needle)
    return found


def files(where, secrets):
    """Names of files of the state, the runtime directory and the logs that hold one."""
    found = []
    for folder, _, names in os.walk(where.path):
        for name in names:
            path = os.path.join(folder, name)
            if name != "credentials" and os.path.isfile(path):
                with open(path, "rb") as file:
                    text = file.read()
                found += [path for secret in secrets if secret in text]
    return found


def search(daemon, secrets):
    """Copies outside the arena, by role."""
    found = {}
    for role, pids in daemon.processes().items():
        for pid in pids:
            for secret in secrets:
                outside = count(pid, secret)[0]
                with open(f"/proc/{pid}/environ", "rb") as environ:
                    outside += environ.read().count(secret)
                if outside:
                    found[role] = found.get(role, 0) + outside
    return found


class Secrets:
    def __init__(self, endpoints):
        self.key = "ASIA" + os.urandom(8).hex().upper()
        self.secret = "wJalr" + os.urandom(18).hex()
        self.token = "FwoGZ" + os.urandom(300).hex()
        endpoints.do("user", name="role", key=self.key, secret=self.secret, token=self.token)

    def needles(self):
        """Also parts, since a copy may be cut or overwritten in part."""
        return [self.secret[5:].encode(), self.token[200:232].encode(),
                self.token[500:532].encode()]

    def write(self, path):
        with open(path + ".new", "w") as out:
            os.fchmod(out.fileno(), 0o600)
            out.write(f"[default]\naws_access_key_id = {self.key}\n"
                      f"aws_secret_access_key = {self.secret}\n"
                      f"aws_session_token = {self.token}\n")
        os.rename(path + ".new", path)


def use(daemon, count_of=40):
    """Certificates, some in flight, and all answered."""
    key = story.ed25519_key()
    with daemon.connect() as pipe:
        for _ in range(count_of):
            pipe.send("ssh-user", public_key=key, key_id="a", principals=["a"], ttl="1h")
        for _ in range(count_of):
            answer = pipe.receive()
            assert "result" in answer, answer


def from_environment(build, endpoints):
    where, secrets = kms_story.place(), Secrets(endpoints)
    with kms_story.daemon(build, where, endpoints, key=secrets.key, secret=secrets.secret,
                          token=secrets.token) as daemon:
        use(daemon)
        kind = daemon.admin_report()["secret_memory"]
        broker, = daemon.processes()[BROKER]
        assert count(broker, secrets.key.encode())[0] > 0, "the search finds nothing at all"
        found = search(daemon, secrets.needles())
        if kind == "locked":
            assert count(broker, secrets.needles()[0])[1] > 0, "the arena was not found"
    in_files = files(where, secrets.needles())
    where.remove()
    return found, in_files, kind


def from_file(build, endpoints):
    """Rolled while in use; the old set is as hidden as the new one."""
    where, old, new = kms_story.place(), Secrets(endpoints), Secrets(endpoints)
    path = os.path.join(where.path, "credentials")
    old.write(path)
    environment = dict(story.clean_environment(), AWS_ENDPOINT_URL=endpoints.url,
                       AWS_CA_BUNDLE=endpoints.ca, AWS_SHARED_CREDENTIALS_FILE=path)
    with story.Daemon(build, where, environment=environment) as daemon:
        use(daemon)
        found = [search(daemon, old.needles())]
        new.write(path)
        endpoints.do("forget_user", key=old.key)
        story.wait_until("the new credentials", lambda: works(daemon))
        use(daemon)
        found.append(search(daemon, old.needles() + new.needles()))
        kind = daemon.admin_report()["secret_memory"]
        broker, = daemon.processes()[BROKER]
        if kind == "locked":
            assert count(broker, old.needles()[0]) == [0, 0], "the old set is kept"
    in_files = files(where, old.needles() + new.needles())
    where.remove()
    return found, in_files


def works(daemon):
    with daemon.connect() as pipe:
        return "result" in pipe.call("ssh-user", public_key=story.ed25519_key(),
                                     key_id="a", principals=["a"], ttl="1h")


def without_wiping(build, folder):
    """The programs, with a broker that frees as the C library does."""
    for name in ("privyseald", "privyseal-worker", "privyseal-resolver", "privyseal"):
        shutil.copy(os.path.join(build, name), folder)
    shutil.copy(os.path.join(build, "kms-without-wiping"),
                os.path.join(folder, "privyseal-broker"))
    os.chmod(folder, 0o755)
    return folder


def main():
    build = story.build_folder()
    with rig.endpoints() as endpoints:
        found, in_files, kind = from_environment(build, endpoints)
        assert not found and not in_files, (found, in_files)
        print(f"from the environment: no copy outside the arena ({kind}), in no file")
    with rig.endpoints() as endpoints:
        found, in_files = from_file(build, endpoints)
        assert not any(found) and not in_files, (found, in_files)
        print("from a file, and rolled: no copy of either set, in no file")
    with rig.endpoints() as endpoints, tempfile.TemporaryDirectory() as folder:
        found, in_files, kind = from_environment(without_wiping(build, folder), endpoints)
        assert found.get(BROKER, 0) > 0, "what is freed without wiping was not found"
        assert set(found) == {BROKER} and not in_files, (found, in_files)
        print(f"without the wiping: {found[BROKER]} copies in the broker")


main()
