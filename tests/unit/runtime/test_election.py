from datetime import UTC, datetime

import pytest

from aimctrl.kube.core import LeaseSpec
from aimctrl.runtime.election import Claim, Election, LeaderOptions

STAMP = datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=UTC)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
FAR_OFF = datetime(2100, 1, 1, tzinfo=UTC)


def election(identity: str = "me") -> Election:
    return Election(LeaderOptions("op", "ns", identity))


def held(by: str = "other", **more: object) -> LeaseSpec:
    return LeaseSpec(holder_identity=by, lease_duration_seconds=15, lease_transitions=3, **more)


def leading(sent: float = 0.0) -> Election:
    one = election()
    one.saw_none()
    claim = one.claim(sent, STAMP)
    assert claim is not None
    assert one.granted(claim, "1", sent=sent, now=sent + 0.1)
    return one


def claim_of(one: Election, now: float) -> Claim:
    claim = one.claim(now, STAMP)
    assert claim is not None
    return claim


def test_without_a_lease_one_is_created_for_the_first_holder() -> None:
    one = election()
    one.saw_none()
    claim = claim_of(one, 0.0)
    assert claim.creates
    assert claim.body == {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "op", "namespace": "ns"},
        "spec": {
            "holderIdentity": "me",
            "leaseDurationSeconds": 15,
            "leaseTransitions": 0,
            "acquireTime": "2026-03-04T05:06:07.000089Z",
            "renewTime": "2026-03-04T05:06:07.000089Z",
        },
    }


@pytest.mark.parametrize(
    ("spec", "seen", "now", "claims"),
    [
        pytest.param(held(), 0.0, 0.0, False, id="held, seen just now"),
        pytest.param(held(), 0.0, 14.9, False, id="held, not quite run out"),
        pytest.param(held(), 0.0, 15.0, True, id="held, unchanged for its duration"),
        pytest.param(held(renew_time=LONG_AGO), 0.0, 1.0, False, id="a holder whose clock is behind"),
        pytest.param(held(renew_time=FAR_OFF), 0.0, 15.0, True, id="a holder whose clock is ahead"),
        pytest.param(held(by=""), 0.0, 0.0, True, id="released"),
        pytest.param(held(by="me"), 0.0, 0.0, True, id="ours, an answer was lost"),
        pytest.param(LeaseSpec(holder_identity="other"), 0.0, 14.9, False, id="no duration: ours is assumed"),
        pytest.param(LeaseSpec(holder_identity="other"), 0.0, 15.0, True, id="no duration: run out"),
        pytest.param(LeaseSpec(), 0.0, 0.0, True, id="an empty lease"),
    ],
)
def test_a_lease_is_claimed_where_nobody_holds_it(spec: LeaseSpec, seen: float, now: float, *, claims: bool) -> None:
    one = election()
    one.saw("7", spec, seen)
    assert (one.claim(now, STAMP) is not None) is claims


def test_a_renewal_that_is_seen_starts_the_wait_anew() -> None:
    one = election()
    one.saw("7", held(renew_time=LONG_AGO), 0.0)
    one.saw("8", held(renew_time=FAR_OFF), 14.0)
    assert one.claim(28.9, STAMP) is None
    assert one.claim(29.0, STAMP) is not None


def test_a_new_label_on_the_lease_is_no_sign_of_life() -> None:
    one = election()
    one.saw("7", held(), 0.0)
    one.saw("8", held(), 14.0)
    claim = claim_of(one, 15.0)
    assert claim.body["metadata"] == {"resourceVersion": "8"}


def test_taking_over_counts_a_transition_and_renewing_does_not() -> None:
    one = election()
    one.saw("7", held(by=""), 0.0)
    taken = claim_of(one, 0.0)
    assert (taken.spec.lease_transitions, taken.spec.acquire_time) == (4, STAMP)
    one.granted(taken, "8", sent=0.0, now=0.1)
    renewed = one.claim(2.0, FAR_OFF)
    assert renewed is not None
    assert (renewed.spec.lease_transitions, renewed.spec.acquire_time) == (4, STAMP)
    assert renewed.spec.renew_time == FAR_OFF


def test_the_deadline_counts_from_when_the_request_was_sent() -> None:
    one = election()
    one.saw_none()
    assert one.granted(claim_of(one, 100.0), "1", sent=100.0, now=104.0)
    assert one.leads(109.9)
    assert not one.leads(110.0)


def test_an_answer_later_than_its_own_deadline_gives_nothing() -> None:
    one = election()
    one.saw_none()
    assert not one.granted(claim_of(one, 0.0), "1", sent=0.0, now=10.0)
    assert not one.leads(10.0)
    assert one.granted(claim_of(one, 11.0), "2", sent=11.0, now=11.1), "a candidate may still try again"


def test_a_renewal_moves_the_deadline_on() -> None:
    one = leading()
    assert one.granted(claim_of(one, 8.0), "2", sent=8.0, now=9.0)
    assert one.remaining(9.0) == 9.0
    assert one.leads(17.9)


def test_leadership_that_has_ended_does_not_come_back() -> None:
    one = leading()
    claim = claim_of(one, 9.0)
    assert not one.granted(claim, "2", sent=9.0, now=10.0), "the old deadline has passed meanwhile"
    assert not one.leads(10.0)


def test_a_refused_write_has_to_be_read_again() -> None:
    one = leading()
    one.refused()
    assert not one.known
    one.saw("9", held(by="me"), 1.0)
    assert one.known
    assert claim_of(one, 1.0).body["metadata"] == {"resourceVersion": "9"}


@pytest.mark.parametrize(
    ("spec", "lost"),
    [
        pytest.param(held(by="other"), True, id="somebody else"),
        pytest.param(held(by=""), True, id="cleared by hand: somebody may have led meanwhile"),
        pytest.param(held(by="me"), False, id="still ours"),
    ],
)
def test_a_leader_that_reads_another_holder_has_lost(spec: LeaseSpec, *, lost: bool) -> None:
    one = leading()
    one.saw("9", spec, 1.0)
    assert one.taken_over() is lost


def test_a_candidate_cannot_lose() -> None:
    one = election()
    one.saw("9", held(), 1.0)
    assert not one.taken_over()


def test_a_lease_that_was_deleted_is_made_again_by_its_leader() -> None:
    one = leading()
    one.saw_none()
    assert not one.taken_over()
    assert claim_of(one, 1.0).creates


def test_a_release_leaves_nobody_and_keeps_the_count() -> None:
    one = leading()
    one.stop(1.0)
    claim = one.release(STAMP)
    assert claim is not None
    assert not one.leads(1.0)
    assert claim.body["metadata"] == {"resourceVersion": "1"}
    assert claim.body["spec"]["holderIdentity"] == ""
    assert claim.body["spec"]["leaseDurationSeconds"] == 1


def test_a_lease_of_somebody_else_is_not_released() -> None:
    one = leading()
    one.saw("9", held(), 1.0)
    assert one.release(STAMP) is None


@pytest.mark.parametrize(
    "times",
    [
        pytest.param((10.0, 10.0, 2.0), id="no room for a write under way"),
        pytest.param((15.0, 4.0, 2.0), id="no room for a second try"),
        pytest.param((15.0, 10.0, 0.0), id="no pause"),
    ],
)
def test_times_that_leave_no_room_are_refused(times: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="lease_duration > renew_deadline"):
        LeaderOptions("op", "ns", "me", *times)
