"""What a user may do: IAM policies, as far as KMS's own use of them goes."""

import fnmatch


def _as_list(value):
    return value if isinstance(value, list) else [value]


def _equal(wanted, value):
    return value in wanted


def _like(wanted, value):
    return any(fnmatch.fnmatchcase(value, pattern) for pattern in wanted)


_OPERATORS = {
    "StringEquals": lambda wanted, values: len(values) == 1 and _equal(wanted, values[0]),
    "StringLike": lambda wanted, values: len(values) == 1 and _like(wanted, values[0]),
    "ForAnyValue:StringEquals": lambda wanted, values: any(
        _equal(wanted, value) for value in values),
    "ForAllValues:StringEquals": lambda wanted, values: all(
        _equal(wanted, value) for value in values),
}


def _holds(condition, context):
    for operator, keys in condition.items():
        for key, wanted in keys.items():
            if not _OPERATORS[operator](_as_list(wanted), context.get(key.lower(), [])):
                return False
    return True


def _speaks_of(statement, action, resource):
    return any(
        fnmatch.fnmatchcase(action.lower(), pattern.lower())
        for pattern in _as_list(statement["Action"])
    ) and any(
        fnmatch.fnmatchcase(resource, pattern) for pattern in _as_list(statement["Resource"])
    )


def allows(policy, action, resource, context):
    """`context`: condition keys in lower case, each with a list of values."""
    allowed = False
    for statement in _as_list(policy["Statement"]):
        if not _speaks_of(statement, action, resource):
            continue
        if not _holds(statement.get("Condition", {}), context):
            continue
        if statement["Effect"] == "Deny":
            return False
        allowed = True
    return allowed


EVERYTHING = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
