#!/usr/bin/python3
"""The hostile tests guard something: with a defence off, the test of that defence fails."""
import sys

import attacks

# the build without the defence -> the attacks whose test must then fail
WITHOUT = {
    "policy": ["forbidden-principal", "post-dated", "certify-a-ca"],
    "status-check": ["unsealed"],
    "seccomp": ["socket", "ptrace"],
}


def main():
    for defence, names in WITHOUT.items():
        for name in names:
            try:
                attacks.run(f"{attacks.build_folder()}/hostile-without-{defence}", name)
            except AssertionError as failure:
                print(f"without {defence}, {name} fails: {failure.args[0]}")
                continue
            sys.exit(f"without {defence}, the test of {name} still passes: it guards nothing")


main()
