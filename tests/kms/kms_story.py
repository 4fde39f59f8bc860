"""What the stories of AWS KMS share: a daemon whose CAs live at the test endpoints."""

import os
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))

import rig  # noqa: E402
import story  # noqa: E402

CONFIG = """\
version: v3
auth_service:
  enabled: yes
  cluster_name: example.com
  ca_key_params:
    aws_kms:
      account: "123456789012"
      region: us-west-2
"""

PINS = """\
cluster example.com
account 123456789012
region us-west-2
keystore aws_kms
tag team pki

"""

POLICY = PINS + story.POLICY.split("\n", 1)[1]


def place(config=CONFIG, policy=POLICY):
    return story.Place(config, policy)


def daemon(build, where, endpoints, **credentials):
    environment = story.clean_environment()
    environment.update(endpoints.environment(**credentials))
    return story.Daemon(build, where, environment=environment)


def state_keys(where):
    """(CA, purpose) -> identifier, as state.json has them."""
    with open(os.path.join(where.state, "state.json")) as file:
        state = story.json.load(file)
    return {(ca["type"], purpose): keys[0]["key"]
            for ca in state["authorities"]
            for purpose, keys in ca["active_keys"].items()}


def forget_key(where, ca):
    """The state as if this CA had never had a key: the next start makes another."""
    path = os.path.join(where.state, "state.json")
    with open(path) as file:
        state = story.json.load(file)
    state["authorities"] = [one for one in state["authorities"] if one["type"] != ca]
    del state["checksum"]
    with open(path, "w") as file:
        story.json.dump(state, file, indent="\t")
        file.write("\n")


def calls(endpoints, operation):
    return [entry for entry in endpoints.log() if entry.get("operation") == operation]
