"""Which caches a write is waited for in: those that will show it."""

import pytest

from aimctrl.kube.core import JOBS, PODS
from aimctrl.kube.kinds import Key
from aimctrl.runtime.caches import that_see
from aimctrl.runtime.informer import Informer
from aimctrl.runtime.informers import Informers
from aimctrl.runtime.lister import Available, Unavailable
from aimctrl.runtime.writes import Write

NOBODY = None


def informers(*selectors, namespaces=(), state=Available()):
    found = Informers(NOBODY, namespaces=namespaces)
    for selector in selectors:
        for reflector in found.informer(JOBS, selector=selector)._reflectors:
            reflector.state = state
    found.informer(PODS)
    return found


def selectors(found, write):
    return [informer.selector for informer in that_see(found, write)]


def test_a_write_is_waited_for_where_its_labels_are_selected():
    found = informers("", "part=a", "part=b")
    assert selectors(found, Write(JOBS, Key("ns", "j"), 7, labels={"part": "b"})) == ["", "part=b"]
    assert selectors(found, Write(JOBS, Key("ns", "j"), 7)) == [""]


def test_what_is_gone_is_waited_for_everywhere_since_its_labels_are_gone_with_it():
    found = informers("part=a", "part=b")
    assert selectors(found, Write(JOBS, Key("ns", "j"), 0, deleted=True)) == ["part=a", "part=b"]


def test_caches_that_cannot_be_relied_on_are_not_waited_for():
    assert selectors(informers("", state=Unavailable("Forbidden", "no")), Write(JOBS, Key("ns", "j"), 7)) == []
    assert selectors(informers("", namespaces=("other",)), Write(JOBS, Key("ns", "j"), 7)) == []


@pytest.mark.parametrize(
    ("selector", "seen"),
    [
        ("", True),
        ("a=1", True),
        ("a==1", True),
        ("a=1,b=2", True),
        ("a=2", False),
        ("c=1", False),
        ("a!=1", True),
        ("a in (2,3)", True),
        ("!a", True),
    ],
)
def test_only_a_selector_of_equalities_rules_an_object_out(selector, seen):
    assert Informer(JOBS, NOBODY, selector=selector).sees({"a": "1", "b": "2"}) is seen
