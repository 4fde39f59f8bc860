#!/usr/bin/python3
"""How many certificates a second keys in AWS KMS give, at 15 ms for each of its answers, and
in how much memory. What is asserted is SHARE of the figures that the design promises, or of
what disk (each batch waits for the sync before it and for its own) and endpoints can give if that
is less; and of that the part for which the process that others kept from a processor most had one
when it had work to do. The best of TRIES counts."""

import os
import statistics
import threading
import time

import kms_story
import rig
import story

LATENCY = 0.015
SECONDS = 5  # measured, after one to warm up
SHARE = 0.7
TRIES = 3
MEBIBYTE = 1 << 20
MOST_MEMORY = 32 * MEBIBYTE
MOST_GROWTH = 1 * MEBIBYTE
PROMISED = ((200, 64, 1000), (16, 16, 900))  # in flight, connections, a second

CONFIG = kms_story.CONFIG + """\
privyseal:
  kms_rate: 100000
  kms_connections: {}
"""
POLICY = kms_story.PINS + "ceiling * 100000/s 1000000000/d\n\n" + \
    story.POLICY.split("\n", 1)[1]


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def waited_seconds(pid):
    """For a processor, though there was work to do."""
    with open(f"/proc/{pid}/schedstat") as stat:
        return int(stat.read().split()[1]) / 1e9


def times(daemon, endpoints):
    """pid -> (seconds on a processor, seconds waiting for one)."""
    pids = [pid for pids in daemon.processes().values() for pid in pids]
    return {pid: (processor_seconds(pid), waited_seconds(pid))
            for pid in [*pids, endpoints.process.pid, os.getpid()]}


def sync_seconds(where):
    """How long the disk takes to make a line of the record durable."""
    taken = []
    with open(os.path.join(where.path, "sync"), "ab", buffering=0) as file:
        for _ in range(50):
            file.write(b"x" * 600)
            began = time.monotonic()
            os.fdatasync(file.fileno())
            taken.append(time.monotonic() - began)
    return statistics.median(taken)


class Load:
    """One pipe with so many requests in flight, until it is told to end."""

    def __init__(self, daemon, in_flight):
        key = story.ed25519_key()
        self.line = ('{"jsonrpc":"2.0","id":%d,"method":"ssh-user","params":{"public_key":"'
                     + key + '","key_id":"load","principals":["deploy"],"ttl":600}}\n')
        self.in_flight = in_flight
        self.answered = self.sent = 0
        self.failed = None
        self.more = True
        self.pipe = daemon.connect()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def send(self, count):
        lines = "".join(self.line % (self.sent + i) for i in range(count))
        self.sent += count
        self.pipe.writer.write(lines.encode())
        self.pipe.writer.flush()

    def run(self):
        self.send(self.in_flight)
        while self.answered < self.sent:
            answer = self.pipe.reader.readline()
            if b'"result"' not in answer:
                self.failed = answer
                return
            self.answered += 1
            if self.more:
                self.send(1)

    def end(self):
        self.more = False
        self.thread.join(story.DEADLINE)
        self.pipe.close()
        assert self.failed is None, self.failed
        assert self.answered == self.sent, "answers are missing"


def memory(daemon, kind="Pss"):
    """Of all processes. "Pss_Anon" is what they have themselves: their part of libraries grows
    when some other program that uses them ends."""
    total = 0
    for pid in (pid for pids in daemon.processes().values() for pid in pids):
        with open(f"/proc/{pid}/smaps_rollup") as rollup:
            total += sum(int(line.split()[1]) * 1024 for line in rollup
                         if line.startswith(kind + ":"))
    return total


def measure(build, endpoints, in_flight, connections, promised):
    where = kms_story.place(CONFIG.format(connections), POLICY)
    sync = sync_seconds(where)
    with kms_story.daemon(build, where, endpoints) as daemon:
        load = Load(daemon, in_flight)
        time.sleep(1)
        at_first = times(daemon, endpoints)
        began, before, early = time.monotonic(), load.answered, memory(daemon, "Pss_Anon")
        time.sleep(SECONDS)
        count, passed = load.answered - before, time.monotonic() - began
        late, whole = memory(daemon, "Pss_Anon"), memory(daemon)
        spent = {pid: (busy - at_first[pid][0], waited - at_first[pid][1])
                 for pid, (busy, waited) in times(daemon, endpoints).items()}
        load.end()
    server, _ = spent[endpoints.process.pid]
    ours = sum(busy for busy, _ in spent.values()) - server - spent[os.getpid()][0]
    rate, limit = count / passed, count / server
    possible = in_flight / (LATENCY + 2 * sync)
    had = min(busy / (busy + waited) for busy, waited in spent.values() if busy > passed / 50)
    print(f"{in_flight} in flight, {connections} connections: {rate:.0f}/s (promised "
          f"{promised}), memory {whole / MEBIBYTE:.1f} MiB, of its own "
          f"{early / MEBIBYTE:.1f} after 1 s, {late / MEBIBYTE:.1f} after {1 + SECONDS} s; processor: {ours / count * 1e6:.0f} "
          f"us each for us, {server / count * 1e6:.0f} us for the endpoints, which so can't give "
          f"more than {limit:.0f}/s here; a sync takes {sync * 1000:.1f} ms, so that {possible:.0f}/s "
          f"are possible; a processor for {had:.0%} of the work's time")
    assert 0 < whole <= MOST_MEMORY, f"{whole / MEBIBYTE:.1f} MiB"
    assert 0 < early and late - early <= MOST_GROWTH, "memory grows"
    record = where.record()
    permits = sum(entry["event"] == "sign" for entry in record)
    signed = sum(entry["event"] == "outcome" and entry["outcome"] == "signed"
                 for entry in record if "id" in entry)
    assert permits == signed == load.sent, (permits, signed, load.sent)
    where.remove()
    return rate / (SHARE * had * min(promised, limit, possible))


def main():
    build = story.build_folder()
    for in_flight, connections, promised in PROMISED:
        with rig.endpoints("127.0.0.1") as endpoints:
            endpoints.do("quota", operation="Sign", per_second=1000000)
            endpoints.do("set", latency=LATENCY)
            reached = 0
            for _ in range(TRIES):
                reached = max(reached, measure(build, endpoints, in_flight, connections,
                                               promised))
                if reached >= 1:
                    break
            assert reached >= 1, f"{reached:.0%} of what is asserted"
    print(f"asserted: {SHARE:.0%} of what is promised, or of what disk and endpoints can give if "
          "that is less, for the time with a processor")


if __name__ == "__main__":
    main()
