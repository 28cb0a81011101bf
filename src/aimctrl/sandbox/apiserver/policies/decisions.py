"""What a policy has against a request.

Source: https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aimctrl.sandbox.apiserver.policies.expressions import run
from aimctrl.sandbox.apiserver.policies.variables import bound, used
from aimctrl.sandbox.apiserver.schema.cel import EvaluationError
from aimctrl.sandbox.apiserver.schema.cel_env import CompileError
from aimctrl.sandbox.apiserver.schema.node import Object

_LONGEST = 5 * 1024

_CODES = {"Unauthorized": 401, "Forbidden": 403, "RequestEntityTooLarge": 413}
INVALID = 422


@dataclass(frozen=True, slots=True)
class Decision:
    """One validation that does not hold, or that could not be looked at."""

    message: str
    reason: str = "Invalid"

    @property
    def code(self) -> int:
        """The HTTP code of a refusal for it."""
        return _CODES.get(self.reason, INVALID)


class FailedError(ValueError):
    """An expression that gives nothing; the message is the server's."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The variables of a policy's expressions: those that the server gives, and the expressions of its own."""

    given: Mapping[str, Any]
    declared: Mapping[str, str]

    def run(self, text: str) -> Any:
        """What an expression gives.

        Raises:
            FailedError: where that is nothing.
        """
        try:
            return run(bound(text, self.declared), self.given)
        except (EvaluationError, CompileError) as error:
            raise FailedError(f"expression '{text}' resulted in error: {self._told(text, str(error))}") from error

    def _told(self, text: str, why: str) -> str:
        """Why an expression failed, which is told of the variable that it failed for."""
        for name in used(text):
            expression = self.declared.get(name, "")
            try:
                run(bound(expression, self.declared), self.given)
            except (EvaluationError, CompileError) as error:
                if str(error) == why:
                    return f'composited variable "{name}" fails to evaluate: {self._told(expression, why)}'
        return why


def decisions(spec: Object, given: Mapping[str, Any]) -> Iterator[Decision]:
    """What a policy's spec has against a request that it is about; `given` are the variables that the server gives.

    With the failure policy `Ignore`, what could not be looked at is nothing.
    """
    strict = spec.get("failurePolicy", "Fail") == "Fail"
    declared = {each["name"]: each["expression"] for each in spec.get("variables") or ()}
    facts = Facts(given, declared)
    try:
        if not _conditions_hold(spec, Facts({**given, "namespaceObject": {}}, {})):
            return
    except FailedError as error:
        if strict:
            yield Decision(str(error))
        return
    for validation in spec.get("validations") or ():
        try:
            if facts.run(validation["expression"]) is not True:
                yield Decision(_message(validation, facts), validation.get("reason") or "Invalid")
        except FailedError as error:
            if strict:
                yield Decision(str(error))


def _conditions_hold(spec: Object, facts: Facts) -> bool:
    """Whether all match conditions hold.

    Raises:
        FailedError: where some fail and none of the others is false.
    """
    failed: list[str] = []
    for condition in spec.get("matchConditions") or ():
        try:
            if facts.run(condition["expression"]) is False:
                return False
        except FailedError as error:
            failed.append(str(error))
    failed = list(dict.fromkeys(failed))
    if failed:
        raise FailedError(failed[0] if len(failed) == 1 else f"[{', '.join(failed)}]")
    return True


def _message(validation: Object, facts: Facts) -> str:
    """What the message's expression says, else the message, else the expression itself."""
    said = ""
    if expression := validation.get("messageExpression"):
        try:
            told = facts.run(expression)
        except FailedError:
            told = ""
        said = told.strip() if isinstance(told, str) else ""
        if len(said.encode()) > _LONGEST or "\n" in said:
            said = ""
    words = (validation.get("message") or "").strip()
    return said or words or f"failed expression: {validation['expression'].strip()}"
