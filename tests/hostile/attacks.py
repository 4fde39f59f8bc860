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
deny   user  x509-user  principals root
permit user  x509-user  ttl 30h  subject *  roles access  principals *
permit host  x509-host  ttl 30d  subject *.example.com  dns *.example.com  ip 10.0.0.0/8  uri https://*.example.com/**
"""

SOCKETS = """\
cluster example.com

socket auth   group daemon
socket other  group users
permit user  ssh-user  client auth   ttl 30h  key-id *  principals deploy
permit user  ssh-user  client other  ttl 30h  key-id *  principals backup
"""

# RSA keys, which sign beside the broker's loop
LEGACY = POLICY.replace("cluster example.com\n", "cluster example.com\nsuite legacy\nceiling * 1000000/s\n")

POLICIES = {"breaker-of-others": SOCKETS, "client-of-others": SOCKETS, "more-in-flight": LEGACY,
            "leaves-in-the-middle": LEGACY}

# attack -> (kind, what): how it must end.
#   killed     the kernel ends the worker, by seccomp
#   errno      the call fails so, and nothing else happens
#   refused    the broker refuses the document for that fact, and records it
#   breaker    thirty refusals close the channel's way to the keys for a minute
#   durable    the refusals are in the file while the attack still goes on
#   violation  the broker drops the channel, records why, and the worker is replaced
#   said       what the attacker is left with
#   signed     nothing: it is honest, and shows that the others fail for what they are
#   sockets    as the function of that name says
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
    "never-read-authorities": ("said", "held back"),
    "never-read-alerts": ("said", "held back"),
    "more-in-flight": ("said", "768 answered, 768 signed"),
    "id-again": ("refused", "principals"),
    "leaves-in-the-middle": ("left", None),
    "breaker-of-others": ("sockets", None),
    "client-of-others": ("sockets", None),
    "x509-honest-user": ("signed", None),
    "x509-honest-host": ("signed", None),
    "x509-foreign-issuer": ("refused", "issuer"),
    "x509-foreign-key-id": ("refused", "issuer"),
    "x509-no-key-id": ("refused", "issuer"),
    "x509-other-algorithm": ("refused", "signature-algorithm"),
    "x509-other-ca": ("refused", "ca"),
    "x509-other-document": ("refused", "ca"),
    "x509-later-document": ("refused", "form"),
    "x509-by-ssh-key": ("refused", "ca"),
    "x509-ca": ("refused", "form"),
    "x509-whole-ca": ("refused", "serial"),
    "x509-certificate-sign": ("refused", "form"),
    "x509-key-agreement": ("refused", "key-usage"),
    "x509-client-alone": ("refused", "key-usage"),
    "x509-any-use": ("refused", "key-usage"),
    "x509-own-serial": ("refused", "serial"),
    "x509-own-short-serial": ("refused", "serial"),
    "x509-subject-key-id": ("refused", "form"),
    "x509-crl-url": ("refused", "form"),
    "x509-post-dated": ("refused", "validity"),
    "x509-ante-dated": ("refused", "validity"),
    "x509-outlives-ca": ("refused", "validity"),
    "x509-too-long": ("refused", "ttl"),
    "x509-host-name-of-user": ("refused", "subject"),
    "x509-other-host": ("refused", "subject"),
    "x509-two-names": ("refused", "subject"),
    "x509-no-name": ("refused", "subject"),
    "x509-name-of-ca": ("refused", "subject"),
    "x509-other-role": ("refused", "roles"),
    "x509-forbidden-login": ("refused", "principals"),
    "x509-wildcard-login": ("refused", "principals"),
    "x509-attribute": ("refused", "attributes"),
    "x509-wildcard-dns": ("refused", "wildcard-dns"),
    "x509-upper-case-dns": ("refused", "dns"),
    "x509-dotted-dns": ("refused", "dns"),
    "x509-mapped-address": ("refused", "ip"),
    "x509-other-address": ("refused", "ip"),
    "x509-other-name": ("refused", "form"),
    "x509-spiffe-id": ("refused", "uri"),
    "x509-host-in-fragment": ("refused", "uri"),
    "x509-host-behind-user": ("refused", "uri"),
    "x509-257-names": ("refused", "form"),
    "x509-longest": ("refused", "form"),
    "x509-unsorted-set": ("refused", "form"),
    "x509-of-ssh-ca-key": ("refused", "subject-key"),
    "x509-of-tls-ca-key": ("refused", "subject-key"),
    "x509-short-key": ("refused", "subject-key"),
    "x509-weak-exponent": ("refused", "subject-key"),
    "x509-off-curve": ("refused", "subject-key"),
    "x509-trailing-byte": ("refused", "form"),
    "x509-long-length": ("refused", "form"),
    "x509-no-length": ("refused", "form"),
    "x509-code-signing": ("refused", "form"),
    "x509-version-1": ("refused", "form"),
    "x509-false-critical": ("refused", "form"),
    "x509-ssh-inside": ("refused", "form"),
    "x509-digest": ("refused", "form"),
    "x509-crl": ("refused", "form"),
    "ssh-x509-inside": ("refused", "form"),
    "ssh-of-tls-ca-key": ("refused", "subject-key"),
    "ssh-by-tls-key": ("refused", "ca"),
}

# These are honest documents until the channel is lost or stuffed, so signing is right.
MAY_SIGN = {"same-id-twice", "never-read", "more-in-flight", "id-again", "leaves-in-the-middle",
            "breaker-of-others", "client-of-others", "x509-honest-user", "x509-honest-host"}


said = {}  # by the attacker in the last run of each attack


class Failed(AssertionError):
    """A defence did not hold."""


def require(condition, *what):
    if not condition:
        raise Failed(*what)


def run(build, name):
    """Runs one attack against the programs of `build`; raises Failed when a defence did
    not hold."""
    kind, expected = ATTACKS[name]
    place = Place(config=name + "\n", policy=POLICIES.get(name, POLICY))
    daemon = Daemon(build, place)
    try:
        attack(daemon, place, name, kind, expected)
    finally:
        said[name] = [line.split(f"attack {name}: ")[1] for line in daemon.logged().splitlines()
                      if f"attack {name}: " in line]
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
    elif kind == "signed":
        wait_until(f"{name} to be answered", lambda: told in log())
        require(f"{told}SIGNED" in log(), name, log())
    elif kind == "left":
        wait_until("another worker to serve", lambda: log().count(told) >= 2)
    elif kind == "sockets":
        wait_until("both workers to end", lambda: log().count(told + "asked for") >= 2)
        check_sockets(log(), told, name, daemon.admin_report())
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
    if kind in ("signed", "left", "sockets"):
        wait_until("every outcome", lambda: all_have_outcomes(place.record()))
        return
    end = time.monotonic() + 10
    while daemon.process.poll() is None and time.monotonic() < end:
        if os.path.exists(place.runtime + "/auth.sock"):
            daemon.stop()
            break
        time.sleep(0.01)


def all_have_outcomes(record):
    of = {e["of"] for e in record if e["event"] == "outcome"}
    permits = [e["seq"] for e in record if e["event"] == "sign"]
    return permits and of.issuperset(permits)


def check_sockets(log, told, name, report):
    """Of two sockets with hostile workers, neither has what the other may, or its breaker."""
    sockets = {s["socket"]: s for s in report["sockets"]}
    if name == "client-of-others":
        require(log.count(told + "SIGNED") == 2, name, log)
        require(log.count(told + "refused principals") == 2, name, log)
        return
    require(log.count(told + "SIGNED") == 200, "the other socket was hindered", name, log)
    require(log.count(told + "refused") == 30, name, log)
    require(log.count(told + "unavailable 6") == 170, name, log)
    require(sockets["other"]["breaker_trips"] == 1 and sockets["other"]["breaker_open"], sockets)
    require(sockets["auth"]["breaker_trips"] == 0 and not sockets["auth"]["breaker_open"], sockets)


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
        untimely = name.endswith("-dated")
        require(("refused-at-broker/auth" in alerts) == (not untimely), name, alerts)
        require(("refused-out-of-time/auth" in alerts) == untimely, name, alerts)
    require(sum(p["count"] for p in counters["permits"]) == 0 or name in MAY_SIGN,
            "a permit was counted", name, counters)


def check_record(record, name, kind, expected):
    events = [e["event"] for e in record]
    if kind == "refused":
        refusals = [e for e in record if e["event"] == "refuse"]
        require(refusals, "no refusal on the record", name, events)
        require(expected is None or any(e.get("fact") == expected for e in refusals), name, refusals)
    elif kind == "signed":
        require(events.count("sign") == 1, name, events)
    elif kind == "left":
        outcomes = [e["outcome"] for e in record if e["event"] == "outcome" and "ca" not in e]
        require("not-released" in outcomes, "nothing was under way", name, outcomes)
    elif kind == "sockets":
        right = {"auth": ["deploy"], "other": ["backup"]}
        for e in record:
            if e["event"] == "sign":
                require(e["facts"]["principals"] == right[e["client"]], name, e)
        if name == "breaker-of-others":
            require({e["client"] for e in record if e["event"] in ("refuse", "breaker")} == {"other"},
                    name, record)
    elif kind == "breaker":
        require(events.count("breaker") == 1, "not on the record", name, events)
        refusals = sum(e["count"] for e in record if e["event"] == "refuse")
        require(refusals == 30, "refusals are missing", name, record)
    elif kind == "violation":
        violations = [e for e in record if e["event"] == "violation"]
        require(violations, "no violation on the record", name, events)
        require(any(expected in v["violation"] for v in violations), name, violations)
