#!/usr/bin/python3
"""Each socket of the policy has its own group, workers and client's rights; SIGHUP changes
sockets and the number of workers together with the rest, or not at all."""
import contextlib
import grp
import json
import os
import signal
import stat
import subprocess
import sys
import threading

from story import CONFIG, Daemon, Pipe, Place, build_folder, ed25519_key, ended, wait_until

POLICY = """\
cluster example.com
socket  auth    group daemon
socket  deploy  group users
permit user  ssh-user  client auth    ttl 1h  key-id *  principals alice
permit user  ssh-user  client deploy  ttl 1h  key-id *  principals deploy
"""


def path_of(place, name):
    return f"{place.runtime}/{name}.sock"


def is_there(place, name):
    return os.path.exists(path_of(place, name))


def workers(daemon, name):
    return [p["pid"] for p in daemon.admin_report()["processes"]
            if p["role"] == "worker" and p["socket"] == name and p["phase"] == "serve"]


def permitted(place, name, key, principal):
    with Pipe.over_socket(path_of(place, name)) as pipe:
        answer = pipe.call("ssh-user", public_key=key, key_id="k", principals=[principal], ttl=60)
        assert "result" in answer or answer["error"]["code"] == -32001, answer
        return "result" in answer


def can_connect(place, name, group):
    """A process of another user whose only group is this one."""
    code = f"import socket; socket.socket(socket.AF_UNIX).connect({path_of(place, name)!r})"
    return subprocess.run([sys.executable, "-c", code], user=65534, group=group,
                          extra_groups=[], stderr=subprocess.DEVNULL, check=False).returncode == 0


def group_owns(place, name, group):
    status = os.stat(path_of(place, name))
    return (stat.S_IMODE(status.st_mode) == 0o660 and status.st_uid == 0
            and status.st_gid == grp.getgrnam(group).gr_gid)


def check_rights(place, key):
    daemon_group, users = (grp.getgrnam(g).gr_gid for g in ("daemon", "users"))
    assert group_owns(place, "auth", "daemon") and group_owns(place, "deploy", "users")
    assert can_connect(place, "auth", daemon_group) and can_connect(place, "deploy", users)
    assert not can_connect(place, "auth", users) and not can_connect(place, "deploy", daemon_group)
    assert permitted(place, "auth", key, "alice") and permitted(place, "deploy", key, "deploy")
    assert not permitted(place, "auth", key, "deploy")
    assert not permitted(place, "deploy", key, "alice")


def check_death_of_one(daemon, place, key):
    with Pipe.over_socket(path_of(place, "deploy")) as other:
        assert other.result("ping") == {}
        victim, = workers(daemon, "auth")
        bystander = workers(daemon, "deploy")
        os.kill(victim, signal.SIGKILL)
        assert other.result("ping") == {}
        wait_until("another worker", lambda: workers(daemon, "auth") not in ([], [victim]))
        assert permitted(place, "auth", key, "alice")
        assert other.result("ping") == {} and workers(daemon, "deploy") == bystander
    assert "privyseald[worker auth]: " in daemon.logged()


def reload(daemon, place, policy, config, condition):
    place.write("policy.conf", policy)
    place.write("privyseal.yaml", config)
    os.kill(daemon.process.pid, signal.SIGHUP)
    wait_until("the reload", condition)


def check_reloads(daemon, place, key):
    first = workers(daemon, "auth")
    with Pipe.over_socket(path_of(place, "auth")) as waiting:
        # A reload that is refused changes no socket, not even for a moment.
        bad = CONFIG + "privyseal:\n  workers: 17\n"
        added = POLICY + "socket third group daemon\nsocket fourth group users\n"
        reload(daemon, place, added, bad, lambda: "nothing is reloaded" in daemon.logged())
        assert sorted(os.listdir(place.runtime)) == [
            "admin.sock", "auth.sock", "deploy.sock", "lock"], os.listdir(place.runtime)
        assert workers(daemon, "auth") == first and waiting.result("ping") == {}

    # One removed, two added, one with another group, and two workers for each.
    changed = "".join(line + "\n" for line in added.splitlines() if "deploy" not in line)
    changed = changed.replace("auth    group daemon", "auth  group users")
    two = CONFIG + "privyseal:\n  workers: 2\n"
    reload(daemon, place, changed, two, lambda: is_there(place, "fourth"))
    wait_until("the removal", lambda: not is_there(place, "deploy"))
    assert group_owns(place, "auth", "users") and group_owns(place, "third", "daemon")
    assert permitted(place, "auth", key, "alice") and not permitted(place, "third", key, "alice")
    for name in ("auth", "third", "fourth"):
        wait_until("two workers", lambda: len(workers(daemon, name)) == 2)  # noqa: B023
    wait_until("the old workers' end", lambda: all(ended(pid) for pid in first))
    assert not [n for n in os.listdir(place.runtime) if n.startswith(".")]


def check_two_share(daemon, place):
    """Both have a share of the clients, and the death of one costs its own share."""
    with contextlib.ExitStack() as stack:
        pipes = [stack.enter_context(Pipe.over_socket(path_of(place, "auth"))) for _ in range(40)]
        assert all(pipe.result("ping") == {} for pipe in pipes)
        victim, other = workers(daemon, "auth")
        os.kill(victim, signal.SIGKILL)
        wait_until("its end", lambda: ended(victim))
        alive = 0
        for pipe in pipes:
            with contextlib.suppress(OSError, AssertionError):
                alive += pipe.result("ping") == {}
        assert 0 < alive < 40, alive
        wait_until("two again", lambda: len(workers(daemon, "auth")) == 2)
        assert other in workers(daemon, "auth")


def check_no_request_is_lost(daemon, place, key):
    """Reload after reload beside clients that come, ask once and go."""
    stop, served, lost = threading.Event(), [], []

    def client():
        while not stop.is_set():
            try:
                served.append(permitted(place, "auth", key, "alice"))
            except (OSError, AssertionError) as error:
                lost.append(error)
    clients = [threading.Thread(target=client) for _ in range(3)]
    for one in clients:
        one.start()
    try:
        for number in range(12):
            with open(place.policy) as policy:
                lines = [line for line in policy if not line.startswith("socket extra")]
            reload(daemon, place, "".join(lines) + f"socket extra{number} group users\n",
                   CONFIG + "privyseal:\n  workers: 3\n",
                   lambda: is_there(place, f"extra{number}"))  # noqa: B023
    finally:
        stop.set()
        for one in clients:
            one.join()
    assert not lost and all(served) and len(served) > 50, (len(served), lost)


def check_commands(daemon, key):
    """They ask over the socket that they are told to."""
    request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ssh-user", "params": {
        "public_key": key, "key_id": "k", "principals": ["deploy"], "ttl": 60}})
    assert '"result"' in daemon.cli("pipe", "--client", "deploy", input=request).stdout
    assert '"error"' in daemon.cli("pipe", input=request).stdout
    assert daemon.cli("status", "--client=deploy").returncode == 0
    said = daemon.cli("status", "--client", "other")
    assert said.returncode == 1 and "there is no" in said.stderr and "--client" in said.stderr, said


def main():
    place = Place(policy=POLICY)
    key = ed25519_key()
    with Daemon(build_folder(), place) as daemon:
        check_rights(place, key)
        check_commands(daemon, key)
        check_death_of_one(daemon, place, key)
        check_reloads(daemon, place, key)
        check_two_share(daemon, place)
        check_no_request_is_lost(daemon, place, key)
        assert daemon.process.poll() is None
    assert not [n for n in os.listdir(place.runtime) if n.endswith((".sock", ".new"))]
    refused = [e for e in place.record() if e["event"] == "refuse"]
    assert not refused, refused  # an honest worker asks for nothing that is refused
    place.remove()


main()
