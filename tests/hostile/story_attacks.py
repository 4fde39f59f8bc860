#!/usr/bin/python3
"""Whoever owns the worker gets nothing: one attack per boundary, each ends as it must."""
import attacks


def main():
    build = attacks.build_folder() + "/hostile"
    for name, (kind, expected) in attacks.ATTACKS.items():
        attacks.run(build, name)
        print(f"{name}: {kind} {expected if expected is not None else ''}")
    print(f"{len(attacks.ATTACKS)} attacks, none got through")


main()
