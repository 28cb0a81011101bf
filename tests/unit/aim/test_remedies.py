"""Every reason an AIM object may give has a remedy."""

from enum import StrEnum

import pytest

from aimctrl.aim.remedies import REMEDIES, Care, remedy
from aimctrl.api import reasons

ENUMS = [
    value
    for value in vars(reasons).values()
    if isinstance(value, type) and issubclass(value, StrEnum) and value.__name__.endswith("Reason")
]
KNOWN = {member.value for enum in ENUMS for member in enum}


def test_the_enums_of_reasons_are_found() -> None:
    assert {"ModelReason", "TemplateReason", "ServiceReason", "CacheReason", "EventReason"} <= {
        e.__name__ for e in ENUMS
    }


def test_every_reason_has_a_remedy_and_there_is_none_for_reasons_that_nobody_gives() -> None:
    assert set(REMEDIES) == KNOWN
    assert list(REMEDIES) == sorted(REMEDIES)


@pytest.mark.parametrize("reason", sorted(KNOWN))
def test_what_somebody_has_to_mend_or_wait_for_is_said_in_sentences(reason: str) -> None:
    found = remedy(reason)
    assert found.care is Care.NONE or found.text
    assert found.text == found.text.strip()
    assert not found.text or found.text[-1] in ".?`"
    assert "  " not in found.text


@pytest.mark.parametrize(
    ("reason", "care"),
    [
        ("Resolved", Care.NONE),
        ("RoutingDisabled", Care.NONE),
        ("AwaitingDiscovery", Care.WAIT),
        ("ModelNotFound", Care.MEND),
        ("SomethingNew", Care.MEND),
    ],
)
def test_it_is_told_who_has_to_do_something(reason: str, care: Care) -> None:
    assert remedy(reason).care is care
