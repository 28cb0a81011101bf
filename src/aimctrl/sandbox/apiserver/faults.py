"""Faults on request: a server that is slow, refuses, hangs up or falls silent, for tests of those who talk to it."""

import asyncio
from dataclasses import dataclass, field

from aiohttp import web

from aimctrl.sandbox.apiserver.errors import StatusError
from aimctrl.sandbox.apiserver.request import Call

_WORDS = {
    429: ("TooManyRequests", "too many requests, please try again later"),
    500: ("InternalError", "Internal error occurred: a fault that was asked for"),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
    504: ("Timeout", "the server was unable to return a response in the time allotted"),
}


@dataclass(slots=True)
class Fault:
    """One rule. What is `""` matches everything; `verbs` are RBAC's, such as `list` and `patch`; empty: all.

    Of the effects, `latency` (seconds, before the request is looked at) goes with each of the others: `code` refuses
    (`retry_after` in seconds), `drop` closes the connection before an answer, `drop_after` once the request was carried
    out, `silence` lets watches go on without a word. `times` is how often it strikes; None: until it is removed.
    """

    verbs: tuple[str, ...] = ()
    resource: str = ""
    namespace: str = ""
    name: str = ""
    latency: float = 0.0
    code: int = 0
    retry_after: int | None = None
    drop: bool = False
    drop_after: bool = False
    silence: bool = False
    times: int | None = None
    struck: int = 0

    def matches(self, call: Call) -> bool:
        """Whether it strikes that call now."""
        if self.times is not None and self.struck >= self.times:
            return False
        place = call.place
        return (
            (not self.verbs or call.verb in self.verbs)
            and self.resource in {"", place.plural}
            and self.namespace in {"", call.namespace}
            and self.name in {"", place.name}
        )


@dataclass(slots=True)
class Faults:
    """The rules that hold now, in the order in which they are tried."""

    rules: list[Fault] = field(default_factory=list[Fault])

    def add(self, fault: Fault) -> Fault:
        """Have a rule hold from now on; gives it, for `remove`."""
        self.rules.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Have a rule hold no longer."""
        self.rules.remove(fault)

    def clear(self) -> None:
        """Have no rule hold."""
        self.rules.clear()

    async def before(self, request: web.BaseRequest, call: Call) -> None:
        """Strikes a call before it is carried out.

        Raises:
            StatusError: where a rule refuses.
            ConnectionResetError: where one drops the connection.
        """
        for fault in [rule for rule in self.rules if not (rule.drop_after or rule.silence) and rule.matches(call)]:
            fault.struck += 1
            if fault.latency:
                await asyncio.sleep(fault.latency)
            if fault.drop:
                _cut(request)
            if fault.code:
                raise _refusal(fault)

    async def after(self, request: web.BaseRequest, call: Call) -> None:
        """Strikes a call that was carried out, before it is answered.

        Raises:
            ConnectionResetError: where a rule drops the connection.
        """
        for fault in [rule for rule in self.rules if rule.drop_after and rule.matches(call)]:
            fault.struck += 1
            await asyncio.sleep(fault.latency)
            _cut(request)

    def silences(self, call: Call) -> bool:
        """Whether a watch is to say nothing now; what happens meanwhile it never says."""
        return any(rule.silence and rule.matches(call) for rule in self.rules)


def _refusal(fault: Fault) -> StatusError:
    reason, message = _WORDS.get(fault.code, ("InternalError", "a fault that was asked for"))
    details = {} if fault.retry_after is None else {"retryAfterSeconds": fault.retry_after}
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    return StatusError(fault.code, reason, message, details=details, headers=headers)


def _cut(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()
    raise ConnectionResetError("a fault that was asked for")
