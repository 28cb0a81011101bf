"""What somebody may have meant."""

from typing import Any

import msgspec
import pytest

from aimctrl.aim.explain.kinds import EXPLAINED
from aimctrl.api.kinds import AIM_SERVICE
from aimctrl.commands.near import LISTED, near, nearest
from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime.client import Page
from aimctrl.runtime.errors import Answer, ForbiddenError, NotFoundError

THERE = [Key("ml", "chat"), Key("ml", "chart"), Key("dev", "chat"), Key("dev", "summaries"), Key("", "chat")]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param(Key("ml", "caht"), ["ml/chat", "ml/chart"], id="a typo"),
        pytest.param(Key("prod", "chat"), ["chat", "dev/chat", "ml/chat"], id="another namespace"),
        pytest.param(Key("ml", "summary"), ["dev/summaries"], id="both"),
        pytest.param(Key("ml", "zebra"), [], id="nothing like it"),
    ],
)
def test_names_that_are_like_it_are_offered(asked: Key, expected: list[str]) -> None:
    assert [str(key) for key in nearest(asked, THERE)] == expected


class Api:
    """Lists these names; `error` where they are asked for everywhere."""

    def __init__(self, *keys: Key, error: Exception | None = None, endless: bool = False) -> None:
        self.keys = keys
        self.error = error
        self.endless = endless
        self.asked: list[str] = []

    async def list_page(self, kind: Kind[Any], namespace: str = "", *, token: str = "") -> Page:
        self.asked.append(namespace)
        if self.error is not None and not namespace:
            raise self.error
        keys = [Key("ml", f"n{len(self.asked)}-{number}") for number in range(500)] if self.endless else self.keys
        items = [{"metadata": {"name": key.name, "namespace": key.namespace}} for key in keys]
        meta = {"continue": "more"} if self.endless else {}
        return msgspec.json.decode(msgspec.json.encode({"metadata": meta, "items": items}), type=Page)


async def names(api: Api, what: str = "service") -> list[str]:
    return [str(key) for key in await near(api, EXPLAINED[what], Key("ml", "caht"))]  # type: ignore[arg-type]


async def test_all_kinds_are_looked_through() -> None:
    api = Api(*THERE)
    assert await names(api, "template") == ["ml/chat", "ml/chart"]
    assert len(api.asked) == 2


async def test_without_rights_everywhere_the_namespace_is_looked_through() -> None:
    api = Api(Key("ml", "chat"), error=ForbiddenError(Answer(403)))
    assert await names(api) == ["ml/chat"]
    assert api.asked == ["", "ml"]


async def test_without_the_definitions_there_is_nothing() -> None:
    assert await names(Api(error=NotFoundError(Answer(404)))) == []


async def test_of_very_many_some_are_looked_through() -> None:
    api = Api(endless=True)
    await near(api, (AIM_SERVICE,), Key("ml", "x"))  # type: ignore[arg-type]
    assert len(api.asked) == LISTED // 500
