"""A strict reader of Prometheus' text exposition format 0.0.4, after its description."""

import math
import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)\Z")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(?:,|\Z)')
TYPES = {"counter", "gauge", "histogram"}
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count")}


class Wrong(AssertionError):
    """Not what Prometheus would take, or not what it would take well."""


def require(condition, *what):
    if not condition:
        raise Wrong(*what)


def labels_of(text):
    labels, at = {}, 0
    while text and at < len(text):
        match = LABEL.match(text, at)
        require(match, "labels", text)
        name, value = match.groups()
        require(name not in labels, "label twice", text)
        labels[name] = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], value)
        at = match.end()
    return labels


def read(text):
    """{name: [(labels, value)]} of every sample; {family: type}."""
    samples, types, helps, family, seen = {}, {}, set(), None, set()
    require(text.endswith("\n"), "the last line does not end")
    for line in text[:-1].split("\n"):
        require(all(c.isprintable() for c in line), "control character", line)
        if line.startswith("# HELP "):
            family, sentence = line[7:].split(" ", 1)
            require(re.fullmatch(NAME, family), "name", line)
            require(family not in helps and sentence, "HELP twice, or empty", line)
            require(not re.search(r"\\(?![\\n])", sentence), "escape", line)
            helps.add(family)
        elif line.startswith("# TYPE "):
            name, kind = line[7:].split(" ")
            require(name == family and name not in types, "TYPE out of place", line)
            require(kind in TYPES, "type", line)
            types[name] = kind
        else:
            match = SAMPLE.match(line)
            require(match, "no sample", line)
            name, labels, value = match[1], labels_of(match[2]), float(match[3])
            require(family in types, "before HELP and TYPE", line)
            suffixes = SUFFIXES.get(types[family], ("",))
            require(name in [family + s for s in suffixes], "of another family", line)
            key = (name, tuple(sorted(labels.items())))
            require(key not in seen, "a series twice", line)
            require(not math.isnan(value), "no number", line)
            require(types[family] == "gauge" or value >= 0, "below zero", line)
            seen.add(key)
            samples.setdefault(name, []).append((labels, value))
    for name, kind in types.items():
        if kind == "histogram":
            check_histogram(name, samples)
        else:
            require(name in samples, "no samples", name)
    return samples, types


def check_histogram(name, samples):
    series = {}
    for labels, value in samples[name + "_bucket"]:
        rest = tuple(sorted((k, v) for k, v in labels.items() if k != "le"))
        series.setdefault(rest, []).append((float(labels["le"]), value))
    for rest, buckets in series.items():
        bounds = [bound for bound, _ in buckets]
        counts = [count for _, count in buckets]
        require(bounds == sorted(set(bounds)), "bounds out of order", name)
        require(bounds[-1] == math.inf, "no +Inf", name)
        require(counts == sorted(counts), "not cumulative", name)
        for suffix in ("_sum", "_count"):
            found = [v for l, v in samples[name + suffix] if tuple(sorted(l.items())) == rest]
            require(len(found) == 1, suffix, name)
        require(found[0] == counts[-1], "count is not +Inf's", name)


def value(samples, name, **labels):
    found = [v for l, v in samples[name] if l == labels]
    require(len(found) == 1, "no such series, or several", name, labels, samples.get(name))
    return found[0]
