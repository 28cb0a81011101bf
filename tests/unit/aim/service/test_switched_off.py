"""A route that is switched off goes, whatever else a service lacks; one that is not stays while its inputs are gone."""

from typing import Any

import pytest

from aimctrl.aim.service.decide import decide
from aimctrl.kube.lookup import Missing
from unit.aim.service.samples import config, http_route, isvc, kinds, said, seen, service, template

ON, OFF = {"enabled": True, "gatewayRef": {"name": "gw"}}, {"enabled": False}
GONE = ["remove HTTPRoute chat"]
NOWHERE = Missing("AIMModel")


@pytest.mark.parametrize(
    ("routing", "parts", "done"),
    [
        pytest.param(OFF, {}, GONE, id="off"),
        pytest.param(None, {}, GONE, id="taken-back"),
        pytest.param(OFF, {"config": config(routing=ON)}, GONE, id="off-against-the-config"),
        pytest.param(None, {"config": config(routing=OFF)}, GONE, id="off-in-the-config"),
        pytest.param(OFF, {"config": Missing("AIMRuntimeConfig")}, GONE, id="off-and-config-missing"),
        pytest.param(None, {"config": Missing("AIMRuntimeConfig")}, [], id="config-missing"),
        pytest.param(None, {"config": config(routing=ON)}, [], id="on-in-the-config"),
        pytest.param(ON, {}, [], id="on"),
        pytest.param(OFF, {"route": http_route(owner="a-stranger")}, [], id="not-ours"),
    ],
)
@pytest.mark.parametrize("model", [None, NOWHERE], ids=["model-there", "model-gone"])
def test_a_route_goes_where_it_is_switched_off(routing: Any, parts: Any, done: list[str], model: Any) -> None:
    spec = {} if routing is None else {"routing": routing}
    world = {"route": http_route(accepted="True"), "runtime": isvc(ready=True), **parts}
    world |= {} if model is None else {"model": model}
    plan = decide(seen(service(**spec), template(), **world))
    assert [action for action in kinds(plan) if action.startswith("remove")] == done
    if done:
        assert said(plan, "RoutingReady") == ("False", "RoutingDisabled")
