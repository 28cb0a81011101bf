import pytest

from aimctrl.kube.core import CRDS, EVENTS, JOBS, LEASES, NODES, PODS, PVCS, SECRETS
from aimctrl.runtime.access import Access, leading, policy_rules, reconciling
from aimctrl.runtime.client import Client
from aimctrl.runtime.connection import Connection
from aimctrl.runtime.controller import Controller
from aimctrl.runtime.manager import Manager
from aimctrl.runtime.request import Request, Result
from aimctrl.runtime.triggers import owns


def rule(group: str, resources: str, verbs: str, names: str = "") -> dict[str, list[str]]:
    limited = {"resourceNames": names.split()} if names else {}
    return {"apiGroups": [group], "resources": resources.split(), **limited, "verbs": verbs.split()}


@pytest.mark.parametrize(
    ("accesses", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([Access.watches(NODES)], [rule("", "nodes", "list watch")], id="a watch"),
        pytest.param([Access.applies(JOBS)], [rule("batch", "jobs", "create get patch")], id="a child that is applied"),
        pytest.param([Access.creates(JOBS)], [rule("batch", "jobs", "create get")], id="a child that is created"),
        pytest.param(
            [Access.deletes(JOBS), Access.watches(JOBS), Access.patches(JOBS)],
            [rule("batch", "jobs", "delete get list patch watch")],
            id="verbs of a resource are one rule",
        ),
        pytest.param(
            [Access.watches(PODS), Access.watches(NODES), Access.watches(JOBS)],
            [rule("", "nodes pods", "list watch"), rule("batch", "jobs", "list watch")],
            id="resources of a group that are used alike are one rule",
        ),
        pytest.param(
            [Access(PODS, ("get",), subresource="log"), Access(SECRETS, ("get",)), Access.watches(PODS)],
            [rule("", "pods", "list watch"), rule("", "pods/log secrets", "get")],
            id="a subresource is a resource of its own",
        ),
        pytest.param(
            leading("ours"),
            [
                rule("coordination.k8s.io", "leases", "create"),
                rule("coordination.k8s.io", "leases", "get patch", "ours"),
            ],
            id="names limit what has a name",
        ),
        pytest.param(
            [Access(LEASES, ("get", "patch"), names=("ours",)), Access(LEASES, ("get",))],
            [rule("coordination.k8s.io", "leases", "get"), rule("coordination.k8s.io", "leases", "patch", "ours")],
            id="what is allowed of all is not allowed again by name",
        ),
        pytest.param(
            [Access(LEASES, ("get",), names=("ours",)), Access(LEASES, ("get",))],
            [rule("coordination.k8s.io", "leases", "get")],
            id="no rule without a verb",
        ),
    ],
)
def test_accesses_become_the_least_rules(accesses, expected):
    assert policy_rules(accesses) == expected
    assert policy_rules(reversed(list(accesses))) == expected, "whatever their order"


class Idle:
    """A reconciler with nothing to do."""

    async def reconcile(self, request: Request) -> Result:
        return Result()


def test_a_manager_needs_what_its_controllers_watch_and_declare():
    manager = Manager(Client(Connection("")))
    controller = Controller("job", JOBS, Idle(), watches=(owns(PODS, JOBS),)).needs(Access.creates(PVCS))
    manager.add(controller)
    manager.informers.informer(NODES)
    assert policy_rules(manager.access()) == [
        rule("", "nodes pods", "list watch"),
        rule("", "persistentvolumeclaims", "create get"),
        rule("apiextensions.k8s.io", CRDS.plural, "list watch"),
        rule("batch", "jobs", "get list watch"),
        rule("batch", "jobs/status", "patch"),
        rule("events.k8s.io", EVENTS.plural, "create patch"),
    ]


def test_a_controller_declares_in_several_steps():
    controller = Controller("job", JOBS, Idle())
    assert controller.needs(Access.watches(NODES)).needs(Access.creates(PVCS)) is controller
    assert controller.access == (*reconciling(JOBS), Access.watches(NODES), Access.creates(PVCS))


@pytest.mark.parametrize(
    ("access", "expected"),
    [(Access(PODS, ("get", "list", "watch")), True), (Access.creates(PODS), False), (Access.deletes(PODS), False)],
    ids=["reading", "creating", "deleting"],
)
def test_reading_changes_nothing(access, expected):
    assert access.changes_nothing is expected
