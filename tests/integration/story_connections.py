#!/usr/bin/python3
"""2000 clients on one socket; one user's many keep no other user out, and whoever never
reads costs only itself."""
import contextlib
import grp
import subprocess
import sys
import time

from story import POLICY, Daemon, Place, build_folder, ed25519_key, own_memory, wait_until

# Another user's process: so many connections, a word for each step that it is told.
CROWD = """\
import socket, sys
path, count = sys.argv[1], int(sys.argv[2])
crowd = []
def join():
    one = socket.socket(socket.AF_UNIX)
    one.settimeout(20)
    one.connect(path)
    one.sendall(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\\n')
    assert one.recv(4096).endswith(b"\\n")
    crowd.append(one)
for line in sys.stdin:
    if line == "join\\n":
        for _ in range(count):
            join()
    elif line == "again\\n":
        join()
    else:
        closed = 0
        for one in crowd:
            one.setblocking(False)
            try:
                closed += one.recv(1) == b""
            except BlockingIOError:
                pass
        count = closed
    print(count, flush=True)
"""


@contextlib.contextmanager
def crowd(place, count):
    process = subprocess.Popen(
        ["prlimit", "--nofile=4096", sys.executable, "-c", CROWD, place.runtime + "/auth.sock",
         str(count)], user=65534, group=grp.getgrnam("daemon").gr_gid, extra_groups=[],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def tell(word):
        process.stdin.write(word + "\n")
        process.stdin.flush()
        return int(process.stdout.readline())
    try:
        yield tell
    finally:
        process.stdin.close()
        process.wait()


def check_newcomers(daemon, place, key):
    with crowd(place, 2000) as tell:
        assert tell("join") == 2000
        # Every place is another user's: each newcomer costs that user its oldest.
        with contextlib.ExitStack() as stack:
            pipes = [stack.enter_context(daemon.connect()) for _ in range(20)]
            for pipe in pipes:
                assert pipe.result("ping") == {}
            assert "result" in pipes[0].call("ssh-user", public_key=key, key_id="a",
                                             principals=["deploy"], ttl=60)
            assert tell("closed") == 20
            # Its own newcomer costs it one more, and us none.
            tell("again")
            assert tell("closed") == 21
            for pipe in pipes:
                assert pipe.result("ping") == {}
    wait_until("the line that tells it", lambda: "gave way" in daemon.logged())


def check_who_never_reads(daemon, key):
    """Each sends until nobody takes more; others are served as ever."""
    worker, = daemon.processes()["worker"]
    line = (b'{"jsonrpc":"2.0","id":%d,"method":"status"}\n' % 1) * 200
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            pipe = stack.enter_context(daemon.connect())
            pipe.connection.setblocking(False)
            end = time.monotonic() + 20
            idle = 0
            while idle < 20 and time.monotonic() < end:
                try:
                    pipe.connection.send(line)
                    idle = 0
                except BlockingIOError:
                    idle += 1
                    time.sleep(0.002)
                except (BrokenPipeError, ConnectionResetError):
                    break
            assert idle == 20 or time.monotonic() < end, "it is read from without end"
        reader = stack.enter_context(daemon.connect())
        began = time.monotonic()
        for _ in range(50):
            assert "result" in reader.call("ssh-user", public_key=key, key_id="a",
                                           principals=["deploy"], ttl=60)
        took = time.monotonic() - began
        assert took < 5, took
        assert own_memory(worker) < 64 << 20, own_memory(worker)
        assert daemon.processes()["worker"] == [worker]
    print(f"50 certificates in {took:.3f} s beside 40 who do not read")


def main():
    place = Place(policy=POLICY + "socket auth group daemon\n")
    key = ed25519_key()
    with Daemon(build_folder(), place) as daemon:
        check_newcomers(daemon, place, key)
        check_who_never_reads(daemon, key)
    place.remove()


main()
