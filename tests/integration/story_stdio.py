#!/usr/bin/python3
"""--stdio serves the process that spawned it; the next worker takes over when one dies."""
import json
import os
import signal
import subprocess

from story import (DEADLINE, Pipe, Place, admin_report, build_folder, clean_environment,
                   ed25519_key, ended, wait_until)


def spawn(build, place, stdin, stdout):
    with open(place.log, "ab") as log:
        return subprocess.Popen([build + "/privyseald", "--stdio"] + place.flags(),
                                stdin=stdin, stdout=stdout, stderr=log,
                                env=clean_environment())


def main():
    build = build_folder()
    key = ed25519_key()
    params = {"public_key": key, "key_id": "a", "principals": ["deploy"], "ttl": 600}

    # Over two pipes; end of input drains and ends with 0.
    place = Place()
    process = spawn(build, place, subprocess.PIPE, subprocess.PIPE)
    try:
        pipe = Pipe.over_process(process)
        assert pipe.result("ping") == {}
        pipe.result("ssh-user", **params)
        assert not os.path.exists(place.runtime + "/auth.sock")

        # The next worker goes on with the same pipes.
        worker = [p["pid"] for p in admin_report(place)["processes"] if p["role"] == "worker"][0]
        os.kill(worker, signal.SIGSTOP)
        lost = [pipe.send("ssh-user", **params) for _ in range(3)]
        os.kill(worker, signal.SIGKILL)
        wait_until("the worker's end", lambda: ended(worker))
        last = pipe.send("ping")
        answers = {}
        while not answers.keys() >= {*lost, last}:
            answer = pipe.receive()
            # A worker that dies between writing an answer and noting it leaves its
            # successor to write the same once more: better twice than never.
            assert answers.setdefault(answer["id"], answer) == answer, (answers, answer)
        assert answers[last]["result"] == {}, answers
        for number in lost:
            answer = answers[number]
            assert "result" in answer or (answer["error"]["code"] == -32002
                                          and answer["error"]["data"]["retryable"] is True), answer
        pipe.result("ssh-user", **params)
        number = pipe.send("ssh-user", **params)
        process.stdin.close()
        assert pipe.receive()["id"] == number
        assert pipe.receive() is None
        assert process.wait(timeout=DEADLINE) == 0
    finally:
        process.kill()
        process.wait()
    place.record()
    place.remove()

    # From a regular file to a regular file: nothing is lost to the worker's size limit.
    place = Place()
    lines = [json.dumps({"jsonrpc": "2.0", "id": i, "method": "ssh-user", "params": params})
             for i in range(50)]
    place.write("requests", "\n".join(lines) + "\n")
    with open(place.path + "/requests") as stdin, open(place.path + "/answers", "w") as stdout:
        process = spawn(build, place, stdin, stdout)
        try:
            assert process.wait(timeout=DEADLINE) == 0, open(place.log).read()
        finally:
            process.kill()
            process.wait()
    with open(place.path + "/answers") as answers:
        got = {a["id"]: a for a in map(json.loads, answers)}
    assert sorted(got) == list(range(50)) and all("result" in a for a in got.values()), got
    place.remove()


main()
