#!/usr/bin/python3
"""What can't be started says why, and where; nothing of it is left."""
import os
import shutil
import subprocess

from story import CONFIG, DEADLINE, Daemon, Place, POLICY, build_folder, clean_environment, free_user, remove_tree


def main():
    build = build_folder()

    def run(place, *extra, user=None, flags=None, prefix=()):
        command = [*prefix, build + "/privyseald", *(flags or place.flags()), *extra]
        if user:
            command += ["--user", user]
        return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE,
                              stdin=subprocess.DEVNULL, env=clean_environment())

    def refused(place, *words, status=1, **options):
        for extra in ((), ("--check",)):
            done = run(place, *extra, **options)
            assert done.returncode == status, (extra, done)
            for word in words:
                assert word in done.stderr, (extra, word, done.stderr)
        assert not os.path.exists(place.runtime + "/auth.sock")
        keys = place.state + "/keys"
        assert not os.path.exists(keys) or not os.listdir(keys), "a CA was made"

    place = Place()
    assert run(place, "--check").returncode == 0, run(place, "--check")
    assert not os.path.exists(place.state), "--check made a state"

    # more workers than there is room for
    place.write("privyseal.yaml", CONFIG + "privyseal:\n  workers: 16\n")
    place.write("policy.conf", POLICY + "".join(f"socket s{n} group root\n" for n in range(3)))
    done = run(place, "--check")
    place_of_it = f"{place.config}:{CONFIG.count(chr(10)) + 2}:12: "
    assert done.returncode == 1, done
    assert place_of_it + "privyseal.workers is 16 for each of 3" in done.stderr, done
    assert done.stderr.count("for each of 3") == 1, done
    place.write("policy.conf", POLICY)
    place.write("privyseal.yaml", CONFIG)

    # no file may grow: said, not a death by signal
    done = run(place, "--check", prefix=("prlimit", "--fsize=0"))
    assert done.returncode == 1 and "File too large" in done.stderr, done

    # the policy file
    for number, (policy, words) in enumerate((
            (POLICY + "permit user ssh-user ttl 8x principals a\n", (":6:", "8x")),
            (POLICY + "allow user ssh-user ttl 8h\n", (":6:1", "allow")),
            (POLICY + "permit user ssh-user principals a\n", (":6:", "ttl")),
            (POLICY + "permit host ssh-user ttl 1h\n", (":6:13", "ssh-user")),
            (POLICY + 'permit user ssh-user ttl 1h key-id "a\n', (":6:", '"')),
            ("permit user ssh-user ttl 1h\n", ("cluster",)),
            ("", ("cluster",)),
            (b"\0\1\2", (":1:1",)))):
        place.write("policy.conf", policy)
        refused(place, place.policy, *words)
    place.write("policy.conf", POLICY)
    os.chmod(place.policy, 0o666)
    refused(place, place.policy, "chmod")
    os.chmod(place.policy, 0o644)
    os.chown(place.policy, 65534, 65534)
    refused(place, place.policy, "owner")
    os.unlink(place.policy)
    refused(place, place.policy)
    place.write("policy.conf", POLICY)

    # the config
    for config, words in (
            ("auth_service:\n  cluster_name: [1\n", (":",)),
            ("auth_service:\n  cluster_name: a\n  cluster_name: b\n", (":3:", "cluster_name")),
            ("auth_service:\n  ca_key_params:\n    gcp_kms: {}\n", (":3:", "not supported")),
            ("privyseal:\n  colour: red\n", (":2:3", "colour")),
            ("nonsense: 1\n", (":1:1", "nonsense")),
            ("auth_service:\n  cluster_name: other.org\n", ("other.org", "example.com")),
            (b"\0\xff", (":",)),
            (b"a" * (1 << 20) + b"a", ("1 MiB",))):
        place.write("privyseal.yaml", config)
        refused(place, place.config, *words)
    os.unlink(place.config)
    refused(place, place.config)
    place.write("privyseal.yaml", "auth_service:\n  cluster_name: example.com\n")

    # the state directory
    def start_refused(*words):
        done = run(place)
        assert done.returncode == 1, done
        for word in words:
            assert word in done.stderr, (word, done.stderr)
    remove_tree(place.state)
    os.mkdir(place.state)
    os.chmod(place.state, 0o755)
    start_refused(place.state, "0755", "chmod")
    os.chmod(place.state, 0o700)
    os.chown(place.state, 65534, 65534)
    start_refused(place.state, "owner")
    os.rmdir(place.state)
    place.write("state", "a file")
    start_refused(place.state)
    os.unlink(place.state)
    os.symlink("/nonexistent", place.state)
    start_refused(place.state)
    os.unlink(place.state)

    # who
    flags = place.flags()[:-2]
    refused(place, "no-such-user", flags=flags, user="no-such-user")
    refused(place, "root", flags=flags, user="root")
    folder = place.path + "/bin"  # where an ordinary user may run it from
    shutil.copytree(build, folder, ignore=shutil.ignore_patterns("obj", "tests", "sanitized",
                                                                 "hostile", "*.a"))
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                           folder + "/privyseald", *place.flags()], capture_output=True,
                          text=True, timeout=DEADLINE, env=clean_environment())
    assert done.returncode == 1 and "privyseald must be started by root" in done.stderr, done

    # usage
    for bad in (["--colour"], ["stray"], ["--user"]):
        done = subprocess.run([build + "/privyseald", *bad], capture_output=True, text=True,
                              timeout=DEADLINE, env=clean_environment())
        assert done.returncode == 2 and bad[0] in done.stderr, done
    for program in ("privyseald", "privyseal-broker", "privyseal-worker", "privyseal-resolver",
                    "privyseal"):
        for flag, status in (("--help", 0), ("--version", 0), ("--colour", 2)):
            done = subprocess.run([f"{build}/{program}", flag], capture_output=True, text=True,
                                  timeout=DEADLINE, env=clean_environment())
            assert done.returncode == status, (program, done)
            assert status != 0 or program in done.stdout, (program, done)

    # one instance a state directory
    with Daemon(build, place) as daemon:
        other = Place()
        done = run(other, "--state-dir", place.state)
        assert done.returncode == 1 and str(daemon.process.pid) in done.stderr, done
        other.remove()
        with daemon.connect() as pipe:
            assert pipe.result("ping") == {}
    assert free_user()
    place.remove()


main()
