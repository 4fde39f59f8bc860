#!/usr/bin/python3
"""`privyseal pipe` is the socket for whoever can only start programs: every answer comes before
its end, and its exit status says whether there was anything left to ask."""
import json
import os
import signal
import subprocess

from story import (DEADLINE, Daemon, Pipe, Place, build_folder, clean_environment, ed25519_key,
                   ended, wait_until)


def spawn(daemon):
    return subprocess.Popen(
        [daemon.build + "/privyseal", "pipe", "--runtime-dir", daemon.place.runtime],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=clean_environment())


def main():
    place, key = Place(), ed25519_key()
    params = {"public_key": key, "key_id": "a", "principals": ["deploy"], "ttl": 600}
    lines = [json.dumps({"jsonrpc": "2.0", "id": i, "method": "ssh-user", "params": params})
             for i in range(300)]
    with Daemon(build_folder(), place) as daemon:
        # All at once, and the input's end with it.
        said = daemon.cli("pipe", input="\n".join(lines))
        assert said.returncode == 0 and said.stderr == "", said
        answers = {answer["id"]: answer for answer in map(json.loads, said.stdout.splitlines())}
        assert answers.keys() == set(range(300)), len(answers)
        codes = {answer["error"]["code"] for answer in answers.values() if "error" in answer}
        assert codes <= {-32005} and "result" in answers[0], codes

        # One after the other, until its worker dies.
        process = spawn(daemon)
        pipe = Pipe.over_process(process)
        assert pipe.result("ping") == {}
        pipe.result("ssh-user", **params)
        worker, = daemon.processes()["worker"]
        os.kill(worker, signal.SIGKILL)
        wait_until("the worker's end", lambda: ended(worker))
        assert pipe.receive() is None
        assert process.wait(timeout=DEADLINE) == 1
        assert b"the worker has ended" in process.stderr.read()
        with spawn(daemon) as next_one:
            assert Pipe.over_process(next_one).result("ping") == {}

        # Descriptors that the caller closed are not taken for others that are opened.
        for closed, status in (("<&-", 0), (">&-", 1), (">/dev/full", 1), ("2>&-", 0),
                               ("<&- 2>&-", 0)):
            said = subprocess.run(
                ["sh", "-c", 'exec "$@" ' + closed, "sh", daemon.build + "/privyseal", "pipe",
                 "--runtime-dir", daemon.place.runtime], input=lines[0].encode() + b"\n",
                capture_output=True, timeout=DEADLINE, env=clean_environment(), check=False)
            assert said.returncode == status, (closed, said)
            assert (b"not all could be written" in said.stderr) == (status == 1), (closed, said)
    said = daemon.cli("pipe", input=lines[0])
    assert said.returncode == 1 and "auth.sock" in said.stderr, said
    place.remove()


main()
