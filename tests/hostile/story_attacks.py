#!/usr/bin/python3
"""Whoever owns the worker gets nothing: one attack per boundary, each ends as it must."""
import concurrent.futures

import attacks

AT_ONCE = 4  # each has a daemon of its own, and mostly waits


def run(build, name):
    kind, expected = attacks.ATTACKS[name]
    attacks.run(build, name)
    print(f"{name}: {kind} {expected if expected is not None else ''}", flush=True)


def main():
    build = attacks.build_folder() + "/hostile"
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for done in [pool.submit(run, build, name) for name in attacks.ATTACKS]:
            done.result()
    print(f"{len(attacks.ATTACKS)} attacks, none got through")


main()
