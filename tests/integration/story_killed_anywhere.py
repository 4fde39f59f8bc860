#!/usr/bin/python3
"""The broker killed before each of its calls that change a file, from the first start on an
empty state directory to the stop, one run for each: every next start finds all that was
promised. Opening, which makes a file, has no point of its own: to be killed after it is to
be killed before the call that follows."""
import concurrent.futures
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile

from story import DEADLINE, Daemon, Place, build_folder, ed25519_key, remove_tree, wait_until

CALLS = "write,renameat,fsync,fdatasync"
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
    for name in ("privyseald", "privyseal-worker", "privyseal"):
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


def trace(pid, number, log):
    tracer = subprocess.Popen(
        ["strace", "-p", str(pid), "-o", log, "-e", f"trace={CALLS}",
         "-e", f"inject={CALLS}:signal=KILL:when={number}"],
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


def run(folder, place, key, number):
    """True when the run was over before call `number`; and what was handed out."""
    daemon, certificates = Daemon(folder, place), []
    daemon.start_unready()
    log = place.path + "/strace"
    pid = wait_until("the broker", lambda: stopped_child(daemon.process.pid))
    tracer = trace(pid, number, log)
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


def one(build, folder, key, number):
    place = Place()
    try:
        clean, certificates = run(folder, place, key, number)
        survives(build, place, key, certificates)
    except BaseException as error:
        with open(place.log, errors="replace") as log:
            raise AssertionError(f"killed before call {number}: {error!r}\n"
                                 f"{log.read()[-3000:]}") from error
    place.remove()
    return clean, len(certificates)


def main():
    build = build_folder()
    folder = waiting_build(build, tempfile.mkdtemp(prefix="privyseal-test."))
    key = ed25519_key()
    number, over, most = 1, False, 0
    with concurrent.futures.ThreadPoolExecutor(RUNS_AT_ONCE) as pool:
        while not over:
            runs = [pool.submit(one, build, folder, key, number + i)
                    for i in range(RUNS_AT_ONCE)]
            for finished in runs:
                clean, count = finished.result()
                over, most = over or clean, max(most, count)
                number += not over
    assert number > 20, f"only {number - 1} calls: is the broker traced at all?"
    assert most == 2, most
    remove_tree(folder)
    print(f"killed before each of {number - 1} calls")


main()
