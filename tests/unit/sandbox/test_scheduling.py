import pytest

from aimctrl.kube.core import Container, NodeSpec
from aimctrl.kube.kinds import Key
from aimctrl.kube.meta import Meta
from aimctrl.sandbox.scheduling import Demand, Occupancy, Placed, Unschedulable, demand_of, matches, place
from aimctrl.sandbox.wire import Affinity, Node, NodeAffinity, NodeSelector, NodeStatus, PodSpec, Requirement, Term

GPU = "amd.com/gpu"


def node(name="n", *, unschedulable=False, labels=None, **allocatable):
    amounts = {"pods": "10"} | {"amd.com/gpu" if key == "gpu" else key: value for key, value in allocatable.items()}
    spec = NodeSpec(unschedulable=unschedulable)
    return Node(Meta(name=name, labels=labels or {}), spec, NodeStatus(allocatable=amounts))


def term(key, operator, *values):
    return Term(match_expressions=(Requirement(key, operator, values),))


@pytest.mark.parametrize(
    ("requirement", "holds"),
    [
        pytest.param(("gpu", "In", "a", "b"), True, id="in"),
        pytest.param(("gpu", "In", "b"), False, id="in others"),
        pytest.param(("none", "In", "a"), False, id="a label that is not there is in nothing"),
        pytest.param(("gpu", "NotIn", "b"), True, id="not in others"),
        pytest.param(("gpu", "NotIn", "a"), False, id="not in, but it is"),
        pytest.param(("none", "NotIn", "a"), True, id="a label that is not there is not in anything"),
        pytest.param(("gpu", "Exists"), True, id="exists"),
        pytest.param(("none", "Exists"), False, id="exists, but does not"),
        pytest.param(("none", "DoesNotExist"), True, id="does not exist"),
        pytest.param(("gpu", "DoesNotExist"), False, id="does not exist, but does"),
        pytest.param(("count", "Gt", "7"), True, id="greater"),
        pytest.param(("count", "Gt", "8"), False, id="not greater"),
        pytest.param(("count", "Lt", "10"), True, id="less, as numbers"),
        pytest.param(("gpu", "Gt", "1"), False, id="no number is not greater"),
        pytest.param(("none", "Lt", "1"), False, id="nothing is not less"),
        pytest.param(("gpu", "Near", "a"), False, id="an operator nobody knows"),
    ],
)
def test_an_expression_holds_by_the_nodes_labels(requirement, holds):
    one = node(labels={"gpu": "a", "count": "8"})
    assert matches(Demand(terms=(term(*requirement),)), one) is holds


@pytest.mark.parametrize(
    ("demand", "holds"),
    [
        pytest.param(Demand(), True, id="no demand"),
        pytest.param(Demand(selector={"a": "1"}), True, id="the selector's label"),
        pytest.param(Demand(selector={"a": "1", "b": "1"}), False, id="all of the selector's labels"),
        pytest.param(Demand(terms=()), False, id="no term matches no node"),
        pytest.param(Demand(terms=(Term(),)), False, id="an empty term matches no node"),
        pytest.param(Demand(terms=(term("b", "Exists"), term("a", "Exists"))), True, id="one term is enough"),
        pytest.param(
            Demand(terms=(Term(match_expressions=(Requirement("a", "Exists"), Requirement("b", "Exists"))),)),
            False,
            id="all expressions of a term",
        ),
        pytest.param(
            Demand(terms=(Term(match_fields=(Requirement("metadata.name", "In", ("n",)),)),)), True, id="by name"
        ),
        pytest.param(Demand(selector={"b": "1"}, terms=(term("a", "Exists"),)), False, id="selector and affinity both"),
    ],
)
def test_a_node_matches_selector_and_terms(demand, holds):
    assert matches(demand, node(labels={"a": "1"})) is holds


def test_the_emptiest_node_that_fits_is_taken_and_the_first_of_equals():
    taken = Occupancy()
    nodes = [node("c"), node("b"), node("a", unschedulable=True)]
    assert place(Demand(), nodes, taken) == Placed("b")
    taken.hold(Key("x", "p"), "uid", "b", {})
    assert place(Demand(), nodes, taken) == Placed("c")


def test_devices_that_are_held_are_not_given_again_until_released():
    taken = Occupancy()
    one = [node("n", gpu="4")]
    three = Demand(devices={GPU: 3})
    assert place(three, one, taken) == Placed("n")
    taken.hold(Key("x", "p"), "uid", "n", three.devices)
    assert place(three, one, taken) == Unschedulable("0/1 nodes are available: 1 Insufficient amd.com/gpu.")
    assert taken.release(Key("x", "p"))
    assert not taken.release(Key("x", "p"))
    assert place(three, one, taken) == Placed("n")


def test_holding_again_counts_once_and_moves():
    taken = Occupancy()
    for uid, place_ in (("1", "a"), ("1", "a"), ("2", "b")):
        taken.hold(Key("x", "p"), uid, place_, {GPU: 1})
    assert (taken.devices("a", GPU), taken.devices("b", GPU)) == (0, 1)
    assert (taken.pods("a"), taken.pods("b")) == (0, 1)
    assert taken.holds(Key("x", "p"), "2")
    assert not taken.holds(Key("x", "p"), "1")


@pytest.mark.parametrize(
    ("nodes", "demand", "message"),
    [
        pytest.param([], Demand(), "no nodes available to schedule pods", id="no nodes"),
        pytest.param(
            [node("a", labels={"x": "1"}), node("b"), node("c", unschedulable=True)],
            Demand(selector={"x": "1"}, devices={GPU: 1}),
            "0/3 nodes are available: 1 Insufficient amd.com/gpu, "
            "1 node(s) didn't match Pod's node affinity/selector, 1 node(s) were unschedulable.",
            id="each node's reason is counted",
        ),
        pytest.param([node(pods="0")], Demand(), "0/1 nodes are available: 1 Too many pods.", id="no room for pods"),
    ],
)
def test_a_pod_that_fits_nowhere_is_told_why(nodes, demand, message):
    assert place(demand, nodes, Occupancy()) == Unschedulable(message)


def test_a_pod_demands_the_sum_of_its_containers_or_its_largest_init_container():
    def wants(**resources):
        return Container(name="c", resources=resources)

    spec = PodSpec(
        node_selector={"a": "1"},
        affinity=Affinity(NodeAffinity(NodeSelector((term("b", "Exists"),)))),
        init_containers=(wants(limits={GPU: 4, "x.io/net": "1"}),),
        containers=(wants(limits={GPU: "2"}), wants(requests={GPU: 1, "cpu": "4"}, limits={GPU: 1})),
    )
    assert demand_of(spec) == Demand({"a": "1"}, (term("b", "Exists"),), {GPU: 4, "x.io/net": 1})
    assert demand_of(PodSpec(containers=(wants(limits={GPU: 0}),))) == Demand(devices={GPU: 0})
