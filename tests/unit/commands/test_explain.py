"""`aimctrl explain`: what a name means, where it is looked up, and what is said where it is not there."""

from typing import Any

import msgspec
import pytest

from aimctrl.aim.explain.kinds import EXPLAINED
from aimctrl.api.kinds import (
    AIM_CLUSTER_IMAGE,
    AIM_CLUSTER_MODEL,
    AIM_CLUSTER_SERVICE_TEMPLATE,
    AIM_IMAGE,
    AIM_MODEL,
    AIM_SERVICE,
    AIM_SERVICE_TEMPLATE,
)
from aimctrl.commands.explain import Question, _absent, _json, _locate, _parse, _places, _scope
from aimctrl.commands.session import UnseenError
from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime.connection import Connection
from aimctrl.runtime.errors import Answer, ForbiddenError, NotFoundError
from aimctrl.settings import SettingError
from unit.render.samples import LEAST


@pytest.mark.parametrize(
    ("name", "namespace", "expected"),
    [
        ("ml/chat", "", Key("ml", "chat")),
        ("ml/chat", "other", Key("ml", "chat")),
        ("chat", "", Key("", "chat")),
        ("chat", "ml", Key("ml", "chat")),
        ("a.b-c", "", Key("", "a.b-c")),
    ],
)
def test_a_name_may_have_a_namespace(name: str, namespace: str, expected: Key) -> None:
    assert _parse(Question("service", name, namespace)) == expected


@pytest.mark.parametrize("name", ["", "/", "ml/", "/chat", "a/b/c", "Chat", "..", "../chat", "chat?", "a b", "x" * 254])
def test_what_cannot_be_a_name_is_wrong_usage(name: str) -> None:
    with pytest.raises(SettingError, match="NAMESPACE/NAME"):
        _parse(Question("service", name))


MODELS = [AIM_MODEL, AIM_IMAGE, AIM_CLUSTER_MODEL, AIM_CLUSTER_IMAGE]


@pytest.mark.parametrize(
    ("what", "asked", "expected"),
    [
        ("service", Key("ml", "x"), [(AIM_SERVICE, Key("ml", "x"))]),
        (
            "template",
            Key("ml", "x"),
            [(AIM_SERVICE_TEMPLATE, Key("ml", "x")), (AIM_CLUSTER_SERVICE_TEMPLATE, Key("", "x"))],
        ),
        ("template", Key("", "x"), [(AIM_CLUSTER_SERVICE_TEMPLATE, Key("", "x"))]),
        ("model", Key("ml", "x"), list(zip(MODELS, [Key("ml", "x")] * 2 + [Key("", "x")] * 2, strict=True))),
        ("model", Key("", "x"), [(kind, Key("", "x")) for kind in MODELS[2:]]),
    ],
    ids=["service", "template", "cluster template", "model", "cluster model"],
)
def test_a_name_is_looked_up_in_its_namespace_and_then_in_the_cluster(what: str, asked: Key, expected: Any) -> None:
    assert _places(EXPLAINED[what], asked) == expected


def test_what_is_not_there_is_named() -> None:
    assert _absent(EXPLAINED["template"], Key("ml", "x"), ()) == (
        'there is no AIMServiceTemplate "ml/x" and no AIMClusterServiceTemplate "x"'
    )
    assert _absent(EXPLAINED["template"], Key("", "x"), ()) == (
        'there is no AIMClusterServiceTemplate "x"; one of a namespace is named NAMESPACE/NAME'
    )


def test_what_may_have_been_meant_is_offered() -> None:
    assert _absent(EXPLAINED["service"], Key("ml", "caht"), (Key("ml", "chat"), Key("ns", "chart"))) == (
        'there is no AIMService "ml/caht"; did you mean ml/chat or ns/chart?'
    )


class Api:
    """Has these objects, and knows these kinds."""

    connection = Connection("https://somewhere:6443")

    def __init__(self, *objects: str, kinds: tuple[Kind[Any], ...] = (), everywhere: bool = True) -> None:
        self.objects = objects
        self.kinds = kinds
        self.everywhere = everywhere

    async def get(self, kind: Kind[Any], key: Key) -> bytes:
        if f"{kind.name} {key}" in self.objects:
            return b"{}"
        raise NotFoundError(Answer(404, details={"name": key.name} if kind in self.kinds else {}))

    async def request(self, method: str, path: str, *, query: Any) -> bytes:
        if not self.everywhere:
            raise ForbiddenError(Answer(403))
        return b"{}"


async def located(api: Api, what: str = "template") -> Any:
    return await _locate(api, EXPLAINED[what], Key("ml", "x"))  # type: ignore[arg-type]


async def test_the_namespace_comes_before_the_cluster() -> None:
    both = ("AIMServiceTemplate ml/x", "AIMClusterServiceTemplate x")
    assert await located(Api(*both)) == (AIM_SERVICE_TEMPLATE, Key("ml", "x"))
    assert await located(Api(both[1])) == (AIM_CLUSTER_SERVICE_TEMPLATE, Key("", "x"))


async def test_what_is_nowhere_is_not_found() -> None:
    assert await located(Api(kinds=(AIM_CLUSTER_SERVICE_TEMPLATE,))) is None


async def test_missing_definitions_are_something_else() -> None:
    with pytest.raises(UnseenError, match=r"does not know aimservicetemplates.*install the definitions"):
        await located(Api())


@pytest.mark.parametrize(
    ("key", "kind", "watched", "everywhere", "expected", "warning"),
    [
        pytest.param(Key("ml", "x"), AIM_SERVICE, (), True, (), "", id="everything"),
        pytest.param(
            Key("ml", "x"), AIM_SERVICE, (), False, ("ml",), "You may only look at namespace ml", id="no rights"
        ),
        pytest.param(Key("", "x"), AIM_CLUSTER_MODEL, (), False, (), "", id="cluster"),
        pytest.param(Key("ml", "x"), AIM_SERVICE, ("ml", "ns"), True, ("ml", "ns"), "", id="as the operator"),
        pytest.param(Key("ml", "x"), AIM_SERVICE, ("ns",), True, ("ml", "ns"), "does not look at ml", id="unwatched"),
        pytest.param(Key("", "x"), AIM_CLUSTER_MODEL, ("ns",), True, ("ns",), "cluster-scoped", id="unwatched cluster"),
    ],
)
async def test_what_is_looked_at_is_what_the_operator_sees(
    key: Key, kind: Kind[Any], watched: tuple[str, ...], everywhere: bool, expected: tuple[str, ...], warning: str
) -> None:
    namespaces, warnings = await _scope(Api(everywhere=everywhere), kind, key, watched)  # type: ignore[arg-type]
    assert tuple(sorted(namespaces)) == expected
    assert len(warnings) == bool(warning)
    assert warning in "".join(warnings)


def test_json_has_its_keys_sorted_and_ends_with_a_newline() -> None:
    text = _json(LEAST)
    assert text.endswith("}\n")
    said = msgspec.json.decode(text)
    assert list(said) == sorted(said)
    assert list(said["next"]) == sorted(said["next"])
