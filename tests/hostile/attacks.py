"""What each attack of hostile_worker.c must come to, and how to run one."""
import os
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))

from story import Daemon, Place, build_folder, wait_until  # noqa: E402,F401

POLICY = """\
cluster example.com

deny   user  ssh-user  principals root
permit user  ssh-user  ttl 30h  key-id *  principals *
permit host  ssh-host  ttl 30d  key-id *  principals localhost
"""

# attack -> (kind, what): how it must end.
#   killed     the kernel ends the worker, by seccomp
#   errno      the call fails so, and nothing else happens
#   refused    the broker refuses the document for that fact, and records it
#   breaker    thirty refusals close the channel's way to the keys for a minute
#   durable    the refusals are in the file while the attack still goes on
#   violation  the broker drops the channel, records why, and the worker is replaced
#   said       what the attacker is left with
ATTACKS = {
    "open": ("errno", 13),
    "socket": ("killed", "system call that its filter forbids"),
    "exec": ("killed", "system call that its filter forbids"),
    "ptrace": ("killed", "system call that its filter forbids"),
    "signal": ("killed", "system call that its filter forbids"),
    "fork": ("killed", "system call that its filter forbids"),
    "executable-memory": ("killed", "system call that its filter forbids"),
    "send-descriptor": ("killed", "system call that its filter forbids"),
    "memory-file": ("killed", "system call that its filter forbids"),
    "mount": ("killed", "system call that its filter forbids"),
    "no-own-filter": ("violation", "no seccomp filter of its own"),
    "unsealed": ("violation", "Uid"),
    "out-of-phase": ("violation", "phase"),
    "second-config": ("violation", "phase"),
    "admin-op": ("violation", "another party"),
    "supervisor-op": ("violation", "another party"),
    "empty-frame": ("violation", "empty"),
    "truncated-frame": ("violation", "truncated"),
    "oversized-frame": ("violation", "oversized"),
    "unknown-op": ("violation", "unknown"),
    "long-field": ("violation", "field"),
    "same-id-twice": ("violation", "id"),
    "never-read": ("said", "held back"),
    "many-refusals": ("breaker", "unavailable 6"),
    "refusals-by-dying": ("breaker", "unavailable 6"),
    "no-such-ca": ("violation", "does not exist"),
    "never-pauses": ("durable", "validity"),
    "other-ca": ("refused", "ca"),
    "host-certificate-of-user-ca": ("refused", None),
    "user-certificate-of-host-ca": ("refused", None),
    "forbidden-principal": ("refused", "principals"),
    "wildcard-principal": ("refused", "principals"),
    "post-dated": ("refused", "validity"),
    "endless": ("refused", "validity"),
    "too-long": ("refused", "ttl"),
    "own-serial": ("refused", "serial"),
    "certify-a-ca": ("refused", "subject-key"),
    "foreign-issuer": ("refused", "issuer"),
    "trailing-byte": ("refused", "form"),
    "digest": ("refused", "form"),
}

# These are honest documents until the channel is lost or stuffed, so signing is right.
MAY_SIGN = {"same-id-twice", "never-read"}


said = []  # by the attacker, in the last run


class Failed(AssertionError):
    """A defence did not hold."""


def require(condition, *what):
    if not condition:
        raise Failed(*what)


def run(build, name):
    """Runs one attack against the programs of `build`; raises Failed when a defence did
    not hold."""
    kind, expected = ATTACKS[name]
    place = Place(config=name + "\n", policy=POLICY)
    daemon = Daemon(build, place)
    try:
        attack(daemon, place, name, kind, expected)
    finally:
        said.clear()
        said.extend(line.split(f"attack {name}: ")[1] for line in daemon.logged().splitlines()
                    if f"attack {name}: " in line)
        daemon.kill()
        wait_until("the end of every process", lambda: not left(place))
        record = place.record() if os.path.isdir(place.state + "/audit") else []
        place.remove()
    if name not in MAY_SIGN:
        require(not [e for e in record if e["event"] == "sign"], "signed", name, record)
    check_record(record, name, kind, expected)


def left(place):
    """Processes that still have this place in their arguments."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as line:
                if place.path.encode() in line.read() and int(pid) != os.getpid():
                    found.append(pid)
        except OSError:
            continue
    return found


def attack(daemon, place, name, kind, expected):
    # A hostile worker need not let the daemon become ready: watch the log instead.
    daemon.start_unready()
    told = f"attack {name}: "

    def log():
        return daemon.logged()
    if kind == "killed":
        wait_until(f"{name} to be answered",
                   lambda: told in log() or "system call that its filter forbids" in log() or daemon.process.poll() is not None)
        require(told not in log(), "the call came back", name, log())
        require("system call that its filter forbids" in log(), "not killed by seccomp", name, log())
    elif kind == "errno":
        wait_until(f"{name} to be answered", lambda: told in log())
        require(f"{told}errno {expected}" in log(), name, log())
    elif kind == "said":
        wait_until(f"{name} to be answered", lambda: told in log())
        require(told + expected in log(), name, log())
    elif kind == "durable":
        wait_until(f"{name} on the record", lambda: os.path.isdir(place.state + "/audit") and any(
            e["event"] == "refuse" and e["fact"] == expected for e in place.record()), seconds=5)
        require(told not in log(), "it paused too early to tell", name, log())
    elif kind == "breaker":
        lives = 2 if name == "refusals-by-dying" else 1
        wait_until(f"{name} to end", lambda: log().count(told + "asked") >= lives)
        require(log().count(told + "refused") == 30, "not thirty refusals", name, log())
        require(log().count(told + expected) >= 10, "not closed after them", name, log())
        require("ALARM" in log(), "no alarm", name, log())
    elif kind == "refused":
        wait_until(f"{name} to be answered", lambda: told in log())
        require(f"{told}refused {expected or ''}" in log(), name, log())
        require(daemon.process.poll() is None, "a refusal ended the daemon", log())
    else:
        wait_until(f"{name} to be noticed", lambda: "broke the contract" in log()
                   or told + "refused" in log() or told + "SIGNED" in log())
        wait_until(f"{name} to be noticed", lambda: "broke the contract" in log(), 5)
        require(told + "SIGNED" not in log() or name in MAY_SIGN, name, log())
    if kind in ("refused", "said", "breaker", "durable"):
        report = daemon.admin_report()
        broker = [p for p in report["processes"] if p["role"] == "broker"]
        require(len(broker) == 1, "the broker is gone", name)
        check_numbers(report, name, kind, expected)
        # Counted refusals are written within a second; nothing else may be waited for,
        # since such a worker never drains.
        event = "start" if kind == "said" else "refuse"
        wait_until("the record", lambda: [e for e in place.record() if e["event"] == event])
        return
    end = time.monotonic() + 10
    while daemon.process.poll() is None and time.monotonic() < end:
        if os.path.exists(place.runtime + "/auth.sock"):
            daemon.stop()
            break
        time.sleep(0.01)


def check_numbers(report, name, kind, expected):
    """What the broker has counted, and whether it is an alert."""
    counters = report["counters"]
    socket = [s for s in report["sockets"] if s["socket"] == "auth"][0]
    alerts = {a["id"]: a["severity"] for a in report["alerts"]}
    if kind == "breaker":
        require(counters["refused"] == 30, "not thirty counted", name, counters)
        require(counters["unavailable_by"]["breaker"] >= 10, "not counted", name, counters)
        require(socket["breaker_trips"] == 1 and socket["breaker_open"], name, socket)
        require(alerts.get("breaker-tripped/auth") == "high", "no alert", name, alerts)
        require(alerts.get("refused-at-broker/auth") == "high", "no alert", name, alerts)
    elif kind == "refused":
        require(counters["refused"] > 0, "not counted", name, counters)
        require(counters["refused_by"].get(expected, 1) > 0, "not its fact", name, counters)
        # The clock alone may put an honest document out of time.
        require(("refused-at-broker/auth" in alerts) == (expected != "validity"), name, alerts)
    require(sum(p["count"] for p in counters["permits"]) == 0 or name in MAY_SIGN,
            "a permit was counted", name, counters)


def check_record(record, name, kind, expected):
    events = [e["event"] for e in record]
    if kind == "refused":
        refusals = [e for e in record if e["event"] == "refuse"]
        require(refusals, "no refusal on the record", name, events)
    elif kind == "breaker":
        require(events.count("breaker") == 1, "not on the record", name, events)
        refusals = sum(e["count"] for e in record if e["event"] == "refuse")
        require(refusals == 30, "refusals are missing", name, record)
    elif kind == "violation":
        violations = [e for e in record if e["event"] == "violation"]
        require(violations, "no violation on the record", name, events)
        require(any(expected in v["violation"] for v in violations), name, violations)
