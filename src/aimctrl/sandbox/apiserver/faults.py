"""Faults on request: a server that is slow, refuses, hangs up, falls silent, forgets, or has a clock that jumps.

They are for tests of those who talk to it:

    faults.add(Fault(verbs=("list",), resource="pods", code=429, retry_after=1, times=3))
    faults.add(Fault(verbs=WRITES, every=50, compact=True))
    faults.add(Fault(resource="leases", clock=-30, times=1))
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

from aiohttp import web

from aimctrl.sandbox.apiserver.cluster import Cluster
from aimctrl.sandbox.apiserver.errors import StatusError
from aimctrl.sandbox.apiserver.request import Call
from aimctrl.sandbox.apiserver.watching import Watch

WRITES = ("create", "update", "patch", "delete", "deletecollection")
"""The verbs that change something."""

_WORDS = {
    410: ("Expired", "The resourceVersion for the provided request is too old."),
    429: ("TooManyRequests", "too many requests, please try again later"),
    500: ("InternalError", "Internal error occurred: a fault that was asked for"),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
    504: ("Timeout", "the server was unable to return a response in the time allotted"),
}


@dataclass(slots=True)
class Fault:
    """One rule. What is `""` matches everything; `verbs` are RBAC's, such as `list` and `patch`; empty: all.

    Of its effects, these come before the request is looked at, in this order, and go with each other: `latency` (in
    seconds), `clock` (the seconds by which the server's clock jumps, back where they are negative, for good),
    `compact` (the past is forgotten: see `Faults.compact`), `drop` (the connection is closed without an answer), `code`
    (of a refusal, with `retry_after` in seconds). With `drop_after` the request is carried out first, and what comes
    then ends with a connection that is closed before the answer, or after the first lines of a watch. `silence` lets
    watches go on without a word.

    `every` has it strike each that many matching requests only, and `times` is how often it strikes; None: until it is
    removed. `struck` counts.
    """

    verbs: tuple[str, ...] = ()
    resource: str = ""
    namespace: str = ""
    name: str = ""
    latency: float = 0.0
    clock: float = 0.0
    compact: bool = False
    drop: bool = False
    code: int = 0
    retry_after: int | None = None
    drop_after: bool = False
    silence: bool = False
    every: int = 1
    times: int | None = None
    struck: int = 0
    seen: int = 0

    def matches(self, call: Call) -> bool:
        """Whether it is for that call, and not used up."""
        if self.times is not None and self.struck >= self.times:
            return False
        place = call.place
        return (
            (not self.verbs or call.verb in self.verbs)
            and self.resource in {"", place.plural}
            and self.namespace in {"", call.namespace}
            and self.name in {"", place.name}
        )

    def strikes(self, call: Call) -> bool:
        """Whether it strikes that call, which counts."""
        if not self.matches(call):
            return False
        self.seen += 1
        due = self.seen % self.every == 0
        self.struck += due
        return due


@dataclass(slots=True)
class Faults:
    """The rules that hold now, in the order in which they are tried, and faults that happen at once.

    `watches` are those that are open, which the server adds and takes out.
    """

    cluster: Cluster
    rules: list[Fault] = field(default_factory=list[Fault])
    watches: set[Watch] = field(default_factory=set[Watch])

    def add(self, fault: Fault) -> Fault:
        """Have a rule hold from now on; gives it, for `remove`."""
        self.rules.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Have a rule hold no longer."""
        self.rules.remove(fault)

    def clear(self) -> None:
        """Have no rule hold; a clock that has jumped stays where it is."""
        self.rules.clear()

    def compact(self) -> None:
        """Forgets the past, as etcd's compaction does.

        Watches and lists that would go on from an earlier revision are answered with 410, and so are all watches that
        are open: what they have not sent yet is lost.
        """
        self.cluster.storage.compact()
        for watch in tuple(self.watches):
            watch.expire()

    def jump(self, seconds: float) -> None:
        """Has the server's clock go on that many seconds later, or earlier where they are negative.

        Timestamps are by that clock, and so is what is due: tokens that expire, Jobs that end or go.
        """
        self.cluster.clock.jump(seconds)

    def hang_up(self) -> None:
        """Ends all open watches at once, as a server that restarts."""
        for watch in tuple(self.watches):
            watch.close()

    async def before(self, request: web.BaseRequest, call: Call) -> None:
        """Strikes a call before it is carried out.

        Raises:
            StatusError: where a rule refuses.
            ConnectionResetError: where one drops the connection.
        """
        for fault in self._striking(call, after=False):
            await self._strike(fault)
            if fault.drop:
                _cut(request)
            if fault.code:
                raise _refusal(fault)

    async def after(self, request: web.BaseRequest, call: Call) -> None:
        """Strikes a call that was carried out, before it is answered.

        Raises:
            ConnectionResetError: where a rule drops the connection.
        """
        for fault in self._striking(call, after=True):
            await self._strike(fault)
            _cut(request)

    def silences(self, call: Call) -> bool:
        """Whether a watch is to say nothing now; what happens meanwhile it never says."""
        return any(rule.silence and rule.matches(call) for rule in self.rules)

    def _striking(self, call: Call, *, after: bool) -> Iterator[Fault]:
        for rule in tuple(self.rules):
            if rule.drop_after is after and not rule.silence and rule.strikes(call):
                yield rule

    async def _strike(self, fault: Fault) -> None:
        if fault.latency:
            await asyncio.sleep(fault.latency)
        if fault.clock:
            self.jump(fault.clock)
        if fault.compact:
            self.compact()


def _refusal(fault: Fault) -> StatusError:
    reason, message = _WORDS.get(fault.code, ("InternalError", "a fault that was asked for"))
    details = {} if fault.retry_after is None else {"retryAfterSeconds": fault.retry_after}
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    return StatusError(fault.code, reason, message, details=details, headers=headers)


def _cut(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()
    raise ConnectionResetError("a fault that was asked for")
