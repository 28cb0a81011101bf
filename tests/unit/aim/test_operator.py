"""Which controllers make the operator, and the stock that is taken of discovery Jobs when it begins to lead."""

from typing import Any

import msgspec
import pytest

from aimctrl.aim.discovery.job import SELECTOR
from aimctrl.aim.discovery.slots import SlotLedger
from aimctrl.aim.operator import _take_stock, add_controllers
from aimctrl.aim.options import OperatorOptions
from aimctrl.kube.kinds import Kind
from aimctrl.runtime.client import Page
from aimctrl.runtime.errors import Answer, ServerError
from aimctrl.runtime.manager import Manager
from support.fake_api import FakeApi


class Api(FakeApi):
    """Lists Jobs in the pages a test gives, by namespace."""

    field_manager = "aimctrl"
    fence = None

    def __init__(self, jobs: dict[str, list[list[dict[str, Any]]]] | None = None) -> None:
        super().__init__()
        self.jobs = jobs or {}

    async def list_page(
        self, kind: Kind[Any], namespace: str = "", *, selector: str = "", token: str = "", accept: str = ""
    ) -> Page:
        assert (kind.name, selector) == ("Job", SELECTOR)
        pages, number = self.jobs[namespace], int(token or 0)
        after = str(number + 1) if number + 1 < len(pages) else ""
        page = msgspec.json.decode(msgspec.json.encode({"metadata": {"continue": after}, "items": []}), type=Page)
        page.items = [msgspec.Raw(msgspec.json.encode(job)) for job in pages[number]]
        return page


def job(name: str, namespace: str = "ns", *, done: bool = False, **parts: Any) -> dict[str, Any]:
    status = {"conditions": [{"type": "Complete", "status": "True"}] if done else []}
    return {"metadata": {"name": name, "namespace": namespace}, "status": status, **parts}


def names(manager: Manager) -> set[str]:
    return {controller.name for controller in manager._controllers}


def test_each_aim_kind_that_is_reconciled_has_its_controller() -> None:
    manager = Manager(Api())  # type: ignore[arg-type]
    add_controllers(manager)
    both = {"model", "image", "servicetemplate"}
    rest = {"aimservice", "aimtemplatecache", "aimmodelcache"}
    assert {f"aim{scope}{kind}" for kind in both for scope in ("", "cluster")} | rest <= names(manager)


def test_in_named_namespaces_no_cluster_kind_is_reconciled() -> None:
    manager = Manager(Api(), namespaces=("ns",))  # type: ignore[arg-type]
    add_controllers(manager, OperatorOptions(max_discovery_jobs=1))
    assert {"aimmodel", "aimimage", "aimservicetemplate", "aimservice"} <= names(manager)
    assert not any("cluster" in name for name in names(manager))


@pytest.mark.parametrize(
    ("namespaces", "jobs", "taken"),
    [
        ((), {"": [[job("a"), job("b", done=True)]]}, 1),
        ((), {"": [[job("a")], [job("b"), job("a", "other")]]}, 3),
        (("x", "y"), {"x": [[job("a", "x")]], "y": [[job("a", "y")], []]}, 2),
        ((), {"": [[job("a", spec={"backoffLimit": "of another version"})]]}, 1),
    ],
    ids=["finished ones do not count", "pages", "namespaces", "one that cannot be read"],
)
async def test_stock_is_taken_of_the_jobs_there_are(namespaces: tuple[str, ...], jobs: Any, taken: int) -> None:
    ledger = SlotLedger(10, lambda _waiter: None)
    await _take_stock(Api(jobs), namespaces, ledger)  # type: ignore[arg-type]
    assert ledger.taken == taken


class Restarting(Api):
    """An API server that answers only from the third question on."""

    questions = 0

    async def list_page(self, kind: Kind[Any], namespace: str = "", **how: Any) -> Page:
        self.questions += 1
        if self.questions < 3:
            raise ServerError(Answer(503, "ServiceUnavailable", "starting", method="GET"))
        return await super().list_page(kind, namespace, **how)


@pytest.mark.looptime
async def test_stock_is_taken_however_long_the_api_server_takes_to_answer() -> None:
    ledger, api = SlotLedger(10, lambda _waiter: None), Restarting({"": [[job("a")]]})
    await _take_stock(api, (), ledger)  # type: ignore[arg-type]
    assert (api.questions, ledger.taken) == (3, 1)
