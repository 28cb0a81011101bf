"""CEL's functions for quantities, semantic versions and regular expressions.

Source: https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-quantity-library and around there.
"""

import re
from decimal import Decimal
from typing import Any

from aimctrl.kube.quantity import InvalidQuantityError, parse
from aimctrl.sandbox.apiserver.schema.cel_function import Function, Made, function, on_made, tried
from aimctrl.sandbox.apiserver.schema.patterns import PatternError, compiled

_INT64 = range(-(2**63), 2**63)
_NO_QUANTITY = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
_SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([-0-9A-Za-z]+(?:\.[-0-9A-Za-z]+)*))?(?:\+([-0-9A-Za-z.]+))?",
    re.ASCII,
)


def _amount(text: str) -> Decimal:
    try:
        return parse(text).amount
    except InvalidQuantityError as error:
        raise ValueError(_NO_QUANTITY) from error


def _quantity(text: str) -> Made:
    return _made_quantity(_amount(text))


def _made_quantity(amount: Decimal) -> Made:
    return {"quantity": f"{amount.normalize():f}" if amount else "0"}


def _value(made: Made) -> Decimal:
    return Decimal(made["quantity"])


def _as_integer(made: Made) -> int:
    if not _is_integer(made):
        raise ValueError("cannot convert value to integer")
    return int(_value(made))


def _is_integer(made: Made) -> bool:
    amount = _value(made)
    return amount == amount.to_integral_value() and int(amount) in _INT64


def _sign(made: Made) -> int:
    amount = _value(made)
    return (amount > 0) - (amount < 0)


def _operand(other: Made | int) -> Decimal:
    return Decimal(other) if isinstance(other, int) else _value(other)


def _semver(text: str, normalize: bool = False) -> Made:  # noqa: FBT001, FBT002 - CEL's second argument
    match = _SEMVER.fullmatch(_normalized(text) if normalize else text)
    if match is None:
        raise ValueError("No Major.Minor.Patch elements found")
    return {"semver": match[0]}


def _normalized(text: str) -> str:
    core, mark, rest = re.fullmatch(r"v?([^-+]*)([-+]?)(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]  # it matches all
    parts = [part.lstrip("0") or "0" for part in core.split(".")]
    return ".".join([*parts, "0", "0"][: max(3, len(parts))]) + mark + rest


def _core(made: Made) -> tuple[int, int, int]:
    match = _SEMVER.fullmatch(made["semver"])
    assert match is not None
    return int(match[1]), int(match[2]), int(match[3])


def _precedence(made: Made) -> tuple[Any, ...]:
    match = _SEMVER.fullmatch(made["semver"])
    assert match is not None
    labels = [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in (match[4] or "").split(".") if part]
    return (_core(made), not labels, labels)


def _compare(made: Made, other: Made) -> int:
    if "semver" in made:
        one, two = _precedence(made), _precedence(other)
        return (one > two) - (one < two)
    return _sign(_subtract(made, other))


def _is_greater(made: Made, other: Made) -> bool:
    return _compare(made, other) > 0


def _is_less(made: Made, other: Made) -> bool:
    return _compare(made, other) < 0


def _add(made: Made, more: Made | int) -> Made:
    return _made_quantity(_value(made) + _operand(more))


def _subtract(made: Made, less: Made | int) -> Made:
    return _made_quantity(_value(made) - _operand(less))


def _is_semver(text: str, normalize: bool) -> bool:  # noqa: FBT001 - CEL's second argument
    return tried(_semver)(_normalized(text) if normalize else text)


def _expression(pattern: str) -> re.Pattern[str]:
    try:
        return compiled(pattern)
    except PatternError as error:
        raise ValueError(f"Illegal regex: {error}") from error


def _find(text: str, pattern: str) -> str:
    match = _expression(pattern).search(text)
    return match[0] if match else ""


def _find_all(text: str, pattern: str, most: int = -1) -> list[str]:
    found = [match[0] for match in _expression(pattern).finditer(text)]
    return found if most < 0 else found[:most]


FUNCTIONS = (
    function("isQuantity", "bool", "string", tried(_quantity)),
    function("quantity", "map", "string", _quantity),
    Function("sign", "int", ("map",), _sign, method=False),
    on_made("isInteger", "bool", _is_integer),
    on_made("asInteger", "int", _as_integer),
    on_made("asApproximateFloat", "double", lambda made: float(_value(made))),
    Function("add", "map", ("map", "map"), _add),
    Function("add", "map", ("map", "int"), _add),
    Function("sub", "map", ("map", "map"), _subtract),
    Function("sub", "map", ("map", "int"), _subtract),
    Function("isGreaterThan", "bool", ("map", "map"), _is_greater),
    Function("isLessThan", "bool", ("map", "map"), _is_less),
    Function("compareTo", "int", ("map", "map"), _compare),
    function("isSemver", "bool", "string", tried(_semver)),
    Function("isSemver", "bool", ("string", "bool"), _is_semver, method=False),
    function("semver", "map", "string", _semver),
    Function("semver", "map", ("string", "bool"), _semver, method=False),
    on_made("major", "int", lambda made: _core(made)[0]),
    on_made("minor", "int", lambda made: _core(made)[1]),
    on_made("patch", "int", lambda made: _core(made)[2]),
    Function("find", "string", ("string", "string"), _find),
    Function("findAll", "list", ("string", "string"), _find_all),
    Function("findAll", "list", ("string", "string", "int"), _find_all),
)
