"""Who leads, decided without I/O: what was read of a Lease goes in, what to write comes out.

                 read: free, expired, released, ours            written in time
    Candidate ------------------------------------> claiming -------------------> Leader
        ^                                              |                            |  renewed: deadline moves on
        +------ read: held by somebody else -----------+ conflict                   |
                                                                                    v
                                     deadline passed, or read: held by somebody else: Lost, for good

Three rules keep two processes from leading at once, whatever their clocks say:

- A leader's deadline counts from the moment its request was *sent*; the Lease was written later than that.
- A leader gives up `renew_deadline` after it, the others wait for `lease_duration`, which is longer.
- A candidate counts from the moment it *saw* the record change, on its own clock; times in the record are for people.

All times here are seconds of one clock that never goes back; `stamp` is for people. A write carries the
resourceVersion that was read, so that of two claims one is refused.
Source: https://kubernetes.io/docs/concepts/architecture/leases/
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from aimctrl.kube.core import LeaseSpec


@dataclass(frozen=True, slots=True)
class LeaderOptions:
    """Which Lease, as whom (unique to the process), and the times in seconds.

    Raises ValueError where the times do not leave room: lease_duration > renew_deadline > 2 · retry_period.
    """

    name: str
    namespace: str
    identity: str
    lease_duration: float = 15.0
    renew_deadline: float = 10.0
    retry_period: float = 2.0

    def __post_init__(self) -> None:
        if not self.lease_duration > self.renew_deadline > 2 * self.retry_period > 0:
            raise ValueError(
                "leader election needs lease_duration > renew_deadline > 2 * retry_period > 0, not "
                f"{self.lease_duration:g}, {self.renew_deadline:g} and {self.retry_period:g} seconds"
            )

    @property
    def leeway(self) -> float:
        """Seconds from when a leader has given up to when another may lead."""
        return self.lease_duration - self.renew_deadline


@dataclass(frozen=True, slots=True)
class Record:
    """A Lease as it was read: the version to write against, and since when it has looked like that to us."""

    version: str
    spec: LeaseSpec
    since: float


@dataclass(frozen=True, slots=True)
class Claim:
    """A merge patch of the Lease, or its creation where there was none to read."""

    body: dict[str, Any] = field(repr=False)
    creates: bool
    spec: LeaseSpec


class Election:
    """The state of one process in the election; see the module for the rules."""

    def __init__(self, options: LeaderOptions) -> None:
        self._options = options
        self._record: Record | None = None
        self._known = False
        self._deadline: float | None = None

    @property
    def known(self) -> bool:
        """Whether the record we have may be written against; otherwise it has to be read first."""
        return self._known

    @property
    def holder(self) -> str:
        """Who held the Lease when it was last read, empty where nobody did."""
        return self._record.spec.holder_identity if self._record else ""

    def leads(self, now: float) -> bool:
        """Whether this process may act as the leader."""
        return self._deadline is not None and now < self._deadline

    def remaining(self, now: float) -> float:
        """Seconds of leadership left."""
        return 0.0 if self._deadline is None else max(0.0, self._deadline - now)

    def saw(self, version: str, spec: LeaseSpec, now: float) -> None:
        """The Lease was read; only a record that differs from the last one counts as a sign of life."""
        same = self._record is not None and self._record.spec == spec
        since = self._record.since if same and self._record is not None else now
        self._record, self._known = Record(version, spec, since), True

    def saw_none(self) -> None:
        """There is no Lease."""
        self._record, self._known = None, True

    def refused(self) -> None:
        """A write met another version, or nothing is known of its fate: read before writing again."""
        self._known = False

    def claim(self, now: float, stamp: datetime) -> Claim | None:
        """What to write to lead, or to go on leading; None where somebody else holds the Lease."""
        record = self._record
        if record is None:
            return self._creation(stamp)
        ours = record.spec.holder_identity == self._options.identity
        if not ours and self._is_held(record, now):
            return None
        spec = self._renewed(record.spec, stamp) if ours else self._taken(record.spec, stamp)
        return Claim(_patch(record.version, spec), creates=False, spec=spec)

    def granted(self, claim: Claim, version: str, *, sent: float, now: float) -> bool:
        """The claim of that moment was written, and the answer is here: whether we lead.

        An answer that comes after the old deadline is too late: others were told no longer to count on us.
        """
        self._record, self._known = Record(version, claim.spec, now), True
        deadline = sent + self._options.renew_deadline
        if now >= deadline or (self._deadline is not None and now >= self._deadline):
            return False
        self._deadline = deadline
        return True

    def taken_over(self) -> bool:
        """Whether we led, and what was read since says that somebody else does."""
        led = self._deadline is not None
        return led and self._known and self._record is not None and self.holder != self._options.identity

    def stop(self, now: float) -> None:
        """Lead no longer, and never again."""
        self._deadline = now

    def release(self, stamp: datetime) -> Claim | None:
        """What to write so that another may lead at once; None where the Lease is not ours."""
        record = self._record
        if record is None or record.spec.holder_identity != self._options.identity:
            return None
        spec = msgspec.structs.replace(record.spec, holder_identity="", lease_duration_seconds=1, renew_time=stamp)
        return Claim(_patch(record.version, spec), creates=False, spec=spec)

    def _is_held(self, record: Record, now: float) -> bool:
        duration = record.spec.lease_duration_seconds or self._options.lease_duration
        return bool(record.spec.holder_identity) and now < record.since + duration

    def _creation(self, stamp: datetime) -> Claim:
        spec = msgspec.structs.replace(self._taken(LeaseSpec(), stamp), lease_transitions=0)
        metadata = {"name": self._options.name, "namespace": self._options.namespace}
        manifest = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": _wire(spec)}
        return Claim(manifest, creates=True, spec=spec)

    def _taken(self, spec: LeaseSpec, stamp: datetime) -> LeaseSpec:
        return msgspec.structs.replace(
            self._renewed(spec, stamp),
            holder_identity=self._options.identity,
            acquire_time=stamp,
            lease_transitions=spec.lease_transitions + 1,
        )

    def _renewed(self, spec: LeaseSpec, stamp: datetime) -> LeaseSpec:
        seconds = round(self._options.lease_duration)
        return msgspec.structs.replace(spec, lease_duration_seconds=seconds, renew_time=stamp)


def _patch(version: str, spec: LeaseSpec) -> dict[str, Any]:
    return {"metadata": {"resourceVersion": version}, "spec": _wire(spec)}


def _wire(spec: LeaseSpec) -> dict[str, Any]:
    """`MicroTime` is read with exactly six digits of a second, `Z` included."""
    times = {"acquireTime": spec.acquire_time, "renewTime": spec.renew_time}
    return {
        "holderIdentity": spec.holder_identity,
        "leaseDurationSeconds": spec.lease_duration_seconds,
        "leaseTransitions": spec.lease_transitions,
    } | {name: time.strftime("%Y-%m-%dT%H:%M:%S.%fZ") for name, time in times.items() if time is not None}
