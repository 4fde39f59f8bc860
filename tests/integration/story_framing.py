#!/usr/bin/python3
"""Lines that are no proper requests: answered or dropped as the framing says, never fatal."""
import json

from story import Daemon, Place, build_folder, ed25519_key


def main():
    place = Place()
    with Daemon(build_folder(), place) as daemon, daemon.connect() as pipe:
        def answer_to(line):
            pipe.send_line(line)
            return pipe.receive()

        def code(line, number=None):
            answer = answer_to(line)
            assert answer["id"] == number, answer
            return answer["error"]["code"]

        ping = b'{"jsonrpc":"2.0","id":%s,"method":"ping"}'
        assert answer_to(ping % b"1")["result"] == {}
        assert answer_to(ping % b'"a-b"')["id"] == "a-b"
        assert answer_to(ping % b"9007199254740992")["id"] == 9007199254740992
        assert answer_to(ping % b"-3" + b"\r")["id"] == -3
        assert code(b"nonsense") == -32700
        assert code(b"{") == -32700
        assert code(b'{"jsonrpc":"2.0","id":1,"method":"ping"} x') == -32700
        assert code(b'{"jsonrpc":"2.0","id":1,"method":"p\xff"}') == -32700
        assert code(b"[" * 17 + b"]" * 17) == -32700
        assert code(b"[" + ping % b"1" + b"]") == -32600
        assert code(b"[]") == -32600
        assert code(b"7") == -32600
        assert code(b'{"id":1,"method":"ping"}', 1) == -32600
        assert code(b'{"jsonrpc":"1.0","id":1,"method":"ping"}', 1) == -32600
        assert code(b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}') == -32600
        assert code(b'{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}') == -32600
        assert code(b'{"jsonrpc":"2.0","id":{},"method":"ping"}') == -32600
        assert code(b'{"jsonrpc":"2.0","id":"' + b"x" * 129 + b'","method":"ping"}') == -32600
        duplicate = code(b'{"jsonrpc":"2.0","id":1,"method":"ping","method":"ping"}', 1)
        assert duplicate == -32600
        assert code(ping[:-1] % b"5" + b',"params":{"a":1}}', 5) == -32602
        assert code(ping[:-1] % b"5" + b',"params":[1]}', 5) == -32602

        # Over-long: skipped whole, answered once, the next line is good.
        assert code(b'{"x":"' + b"y" * 200000 + b'"}') == -32700
        exact = b'{"jsonrpc":"2.0","id":1,"method":"ping"' + b" " * (65536 - 40) + b"}"
        assert len(exact) == 65536 and answer_to(exact)["result"] == {}
        assert code(exact + b" ") == -32700

        # Without id: dropped, unanswered, and nothing is signed.
        key = ed25519_key()
        pipe.send_line(json.dumps({"jsonrpc": "2.0", "method": "ssh-user", "params": {
            "public_key": key, "key_id": "a", "principals": ["deploy"]}}).encode())
        assert answer_to(ping % b"77")["id"] == 77

        # Empty lines and a half line at the end cost nothing.
        pipe.writer.write(b'{"jsonrpc":"2.0","id":1,"me')
        pipe.writer.flush()
    assert not [e for e in place.record() if e["event"] == "sign"]
    place.remove()


main()
