#!/usr/bin/python3
"""The hostile tests guard something: with a defence off the attack gets through, which the
attacker's own words show, and the test of that defence fails."""
import sys

import attacks

# the build without the defence -> attack -> what the attacker then has to say
WITHOUT = {
    "policy": {"forbidden-principal": "SIGNED", "post-dated": "SIGNED",
               "certify-a-ca": "SIGNED", "x509-foreign-issuer": "SIGNED",
               "x509-outlives-ca": "SIGNED", "x509-of-ssh-ca-key": "SIGNED",
               "ssh-of-tls-ca-key": "SIGNED", "x509-spiffe-id": "SIGNED",
               "x509-host-in-fragment": "SIGNED"},
    "status-check": {"unsealed": "refused principals", "no-own-filter": "refused principals"},
    "seccomp": {"memory-file": "PERMITTED", "mount": "errno 1"},
}


def main():
    for defence, names in WITHOUT.items():
        build = f"{attacks.build_folder()}/hostile-without-{defence}"
        for name, words in names.items():
            try:
                attacks.run(build, name)
            except AssertionError:
                if words not in attacks.said[name]:
                    sys.exit(f"without {defence}, {name} did not get through: {attacks.said}")
                print(f"without {defence}, {name} gets through and its test fails: {words}")
                continue
            sys.exit(f"without {defence}, the test of {name} still passes: it guards nothing")


main()
