#!/usr/bin/python3
"""The broker, from the first start on an empty state directory to the stop, and root's
commands: killed before each of their calls that change a file, one run for each, and every
next start finds all that was promised. Opening, which may make a file, has no point of its
own: to be killed after it is to be killed before the call that follows."""
import concurrent.futures
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile

from story import DEADLINE, Daemon, Place, build_folder, ed25519_key, remove_tree, wait_until

CALLS = ("write", "renameat", "fsync", "fdatasync")
RUNS_AT_ONCE = 2
WRAPPER = """\
#!/bin/sh
case $1 in
--probe=*) ;;
*) kill -STOP $$ ;;
esac
exec '{real}' "$@"
"""


def waiting_build(build, folder):
    """The programs, with a broker that waits for its tracer before it begins."""
    for name in ("privyseald", "privyseal-worker", "privyseal-resolver", "privyseal"):
        shutil.copy(os.path.join(build, name), folder)
    real = shutil.copy(os.path.join(build, "privyseal-broker"),
                       os.path.join(folder, "privyseal-broker.real"))
    wrapper = os.path.join(folder, "privyseal-broker")
    with open(wrapper, "w") as out:
        out.write(WRAPPER.format(real=real))
    os.chmod(wrapper, 0o755)
    os.chmod(folder, 0o755)
    return folder


def stopped_child(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        for child in children.read().split():
            with open(f"/proc/{child}/stat") as stat:
                if stat.read().rsplit(")", 1)[1].split()[0] == "T":
                    return int(child)
    return None


def kill_before(call, number):
    """strace counts each call by itself."""
    return ["-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}"]


def trace(pid, call, number, log):
    tracer = subprocess.Popen(
        ["strace", "-p", str(pid), "-o", log, *kill_before(call, number)],
        stderr=subprocess.PIPE, text=True)
    while "attached" not in tracer.stderr.readline():
        assert tracer.poll() is None, "strace could not attach"
    return tracer


def ask(daemon, key, certificates):
    """What the auth service has in hand afterwards; the broker may be gone at any time."""
    for method in ("ssh-user", "ssh-host"):
        try:
            with daemon.connect() as pipe:
                answer = pipe.call(method, public_key=key, key_id="a",
                                   principals=["localhost"])
        except (OSError, AssertionError):
            return
        if "result" in answer:
            certificates.append(answer["result"])


def run(folder, place, key, call, number):
    """True when the run was over before that call; and what was handed out."""
    daemon, certificates = Daemon(folder, place), []
    daemon.start_unready()
    log = place.path + "/strace"
    pid = wait_until("the broker", lambda: stopped_child(daemon.process.pid))
    tracer = trace(pid, call, number, log)
    os.kill(pid, signal.SIGCONT)
    try:
        wait_until("readiness or the end", daemon.ready_or_dead)
        ask(daemon, key, certificates)
        daemon.cli("audit", "compress", "--state-dir", place.state)
        if daemon.process.poll() is None:
            daemon.process.send_signal(signal.SIGTERM)
        daemon.process.wait(timeout=DEADLINE)
    finally:
        daemon.kill()
        tracer.wait(timeout=DEADLINE)
        tracer.stderr.close()
    with open(log) as said:
        return "killed by SIGKILL" not in said.read(), certificates


def describe_signer(certificate):
    return subprocess.run(["ssh-keygen", "-L", "-f", "-"], input=certificate + "\n",
                          capture_output=True, text=True, check=True).stdout


def keys_are_accounted_for(place):
    with open(place.state + "/state.json") as text:
        state = text.read()
    named = set(re.findall(r"software:([0-9a-f]{32})", state))
    there = set(os.listdir(place.state + "/keys"))
    in_use = {name[:-4] for name in there if name.endswith(".pem")}
    assert in_use == named and named, (named, there)
    aside = {name for name in there if not name.endswith(".pem")} - {"abandoned"}
    assert all(re.fullmatch(r"[0-9a-f]{32}\.unused", name) for name in aside), there
    return {name[:-7] for name in aside}


def survives(build, place, key, certificates):
    """A normal start on what is left."""
    with Daemon(build, place) as daemon, daemon.connect() as pipe:
        issued = pipe.result("ssh-user", public_key=key, key_id="b", principals=["deploy"])
        host = pipe.result("ssh-host", public_key=key, principals=["localhost"])
        verified = daemon.cli("audit", "verify", "--state-dir", place.state)
        assert verified.returncode == 0, verified
        aside = keys_are_accounted_for(place)
        shown = daemon.cli("audit", "show", "--state-dir", place.state, "--format", "json")
    record = [json.loads(line) for line in shown.stdout.splitlines()]
    assert aside == {e["key"][9:] for e in record if e["event"] == "key-unused"}, aside
    serials = {e.get("serial") for e in record if e["event"] == "sign"}
    for certificate in certificates:
        # What was given away is on the record, by a CA that is still this one.
        assert certificate["serial"] in serials, certificate
        now = issued if "user certificate" in describe_signer(
            certificate["certificate"]) else host
        assert signer(certificate) == signer(now), (certificate, now)


def signer(result):
    return re.search(r"Signing CA: (.*)", describe_signer(result["certificate"])).group(1)


def one(build, folder, key, call, number):
    place = Place()
    try:
        clean, certificates = run(folder, place, key, call, number)
        survives(build, place, key, certificates)
    except BaseException as error:
        with open(place.log, errors="replace") as log:
            raise AssertionError(f"killed before {call} {number}: {error!r}\n"
                                 f"{log.read()[-3000:]}") from error
    place.remove()
    return clean, len(certificates)


def broker_survives(build, folder, key, call):
    for number in range(1, 500):
        clean, count = one(build, folder, key, call, number)
        if clean:
            assert count == 2, count
            return number - 1
    raise AssertionError(f"{call}: no end")


# ---- the administrator's commands, where no daemon runs ----

COMMAND_CALLS = CALLS + ("unlinkat", "mkdir", "mkdirat")


def divided(build, path):
    """A state directory whose record has three segments."""
    place = Place()
    with Daemon(build, place):
        pass
    segment = place.state + "/audit/audit-000001.jsonl"
    subprocess.run(["chattr", "-a", segment], stderr=subprocess.DEVNULL, check=False)
    with open(segment, "rb") as whole:
        lines = whole.read().splitlines(keepends=True)
    for number, part in ((1, lines[:5]), (2, lines[5:10]), (3, lines[10:])):
        with open(place.state + f"/audit/audit-{number:06}.jsonl", "wb") as out:
            out.write(b"".join(part))
        os.chmod(out.name, 0o600)
    shutil.move(place.state, path)
    place.remove()
    return path


def privyseal(build, *words):
    return subprocess.run([os.path.join(build, "privyseal"), *words], text=True,
                          capture_output=True, timeout=DEADLINE, check=False)


def command_survives(build, template, words, call):
    """Killed before each call; what is left verifies, and the same command finishes it."""
    for number in range(1, 500):
        folder = tempfile.mkdtemp(prefix="privyseal-test.")
        state, log = folder + "/state", folder + "/strace"
        shutil.copytree(template, state)
        killed = subprocess.run(
            ["strace", "-o", log, *kill_before(call, number),
             os.path.join(build, "privyseal"), *words, "--state-dir", state],
            capture_output=True, timeout=DEADLINE, check=False)
        for again in (("audit", "verify"), words, ("audit", "verify")):
            said = privyseal(build, *again, "--state-dir", state)
            assert said.returncode == 0, (words, number, again, said)
        assert not [name for name in os.listdir(state + "/audit") if name.endswith(".new")]
        remove_tree(folder)
        if killed.returncode == 0:
            return number - 1
    raise AssertionError(f"{words} never ended")


def restore_is_all_or_nothing(build, backup, call):
    """What a restore that was killed has left is no state directory yet, and says so."""
    for number in range(1, 500):
        place = Place()
        killed = subprocess.run(
            ["strace", "-o", place.path + "/strace", *kill_before(call, number),
             os.path.join(build, "privyseal"), "restore", "--state-dir", place.state,
             backup],
            capture_output=True, timeout=DEADLINE, check=False)
        done = os.path.exists(place.state + "/state.json")
        if done and (number % 4 == 0 or killed.returncode == 0):
            with Daemon(build, place) as daemon:
                verified = daemon.cli("audit", "verify", "--state-dir", place.state)
                assert verified.returncode == 0, verified
        elif os.path.exists(place.state + "/keys") and os.listdir(place.state + "/keys"):
            said = privyseal(build, "restore", "--state-dir", place.state, backup)
            assert "nothing is overwritten" in said.stderr, (number, said)
        place.remove()
        if killed.returncode == 0:
            assert done
            return number - 1
    raise AssertionError("restore never ended")


def commands(build, pool):
    folder = tempfile.mkdtemp(prefix="privyseal-test.")
    template = divided(build, folder + "/state")
    said = privyseal(build, "backup", "--state-dir", template, folder + "/backup")
    assert said.returncode == 0, said
    compress = ("audit", "compress")
    prune = ("audit", "prune", "--before", "2199-01-01T00:00:00Z", "--yes")
    for name, survives_call in (
            ("compress", lambda call: command_survives(build, template, compress, call)),
            ("prune", lambda call: command_survives(build, template, prune, call)),
            ("restore", lambda call: restore_is_all_or_nothing(
                build, folder + "/backup", call))):
        points = sum(pool.map(survives_call, COMMAND_CALLS))
        print(f"{name}: before each of {points} calls")
    remove_tree(folder)


def main():
    build = build_folder()
    folder = waiting_build(build, tempfile.mkdtemp(prefix="privyseal-test."))
    key = ed25519_key()
    with concurrent.futures.ThreadPoolExecutor(RUNS_AT_ONCE) as pool:
        points = list(pool.map(lambda call: broker_survives(build, folder, key, call), CALLS))
        assert min(points) > 5, f"{points}: is the broker traced at all?"
        print(f"the broker: before each of {sum(points)} calls: {dict(zip(CALLS, points))}")
        commands(build, pool)
    remove_tree(folder)


if __name__ == "__main__":
    main()
