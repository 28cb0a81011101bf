"""The embedded API server answers as kube-apiserver does, request for request.

Each case is played to both; what they said is compared but for uids, revisions, moments and generated names.
"""

import itertools
import re
from uuid import uuid4

import pytest

from conformance.cases import ALL
from conformance.comparison import compared
from conformance.differences import DIFFERENCES
from conformance.peer import Peer
from conformance.script import Case

RUN = uuid4().hex[:6]
numbers = itertools.count(1)


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.id)
def test_both_servers_say_the_same(case: Case, real: Peer, ours: Peer):
    words = re.sub(r"[^a-z0-9]+", "-", case.id.lower())[:30].strip("-")
    difference = compared(case, f"{words}-{RUN}-{next(numbers)}", real, ours)
    if case.id in DIFFERENCES:
        assert difference, "this is no difference any more: take it out of the table"
    else:
        assert not difference, "\n" + difference


def test_there_are_many_cases_and_each_has_a_name_of_its_own():
    names = [case.id for case in ALL]
    assert len(names) >= 300
    assert len(set(names)) == len(names)
    assert set(DIFFERENCES) <= set(names)
