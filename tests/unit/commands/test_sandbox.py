"""`aimctrl sandbox`: what it is told, its kubeconfig, its catalogue, and what becomes of a service that never runs."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from aimctrl.api.kinds import ALL
from aimctrl.commands import sandbox_places, sandbox_story
from aimctrl.commands.sandbox import Sandbox, _file, _told, sandbox
from aimctrl.commands.sandbox_places import PlaceError, embedded, real
from aimctrl.commands.sandbox_story import FITTING, MODEL, SERVICE, UNFIT, Story, UnfinishedError, catalogue
from aimctrl.kube.kinds import Key
from aimctrl.kube.meta import Meta
from aimctrl.runtime.client import Page, _ListMeta
from aimctrl.runtime.errors import Answer, NotFoundError
from aimctrl.sandbox.script import Launch
from aimctrl.sandbox.script_file import parse_scripts
from aimctrl.settings import SettingError

FILES = ("nodes.yaml", "models.yaml", "templates.yaml", "services.yaml")


def documents(file: str) -> list[Any]:
    return list(yaml.safe_load_all(catalogue(file)))


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (Sandbox(once=True, catalogue=False), "not with --no-catalogue"),
        (Sandbox(once=True, operator=False), "or --no-operator"),
        (Sandbox("real", port=6443), "--port is the embedded API server's"),
    ],
    ids=["once without a service", "once without an operator", "port of a real one"],
)
def test_options_that_contradict_are_refused(wanted: Sandbox, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        sandbox(wanted)


def test_kubeconfig_is_there_for_its_owner_and_gone_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    with _file(b"{}", path) as made:
        assert made == path
        assert path.read_bytes() == b"{}"
        assert path.stat().st_mode & 0o777 == 0o600
    assert not path.exists()


def test_kubeconfig_of_somebody_else_stays(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.write_bytes(b"mine")
    with pytest.raises(PlaceError, match="exists, and stays as it is"), _file(b"{}", path):
        pass
    assert path.read_bytes() == b"mine"


def test_kubeconfig_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(PlaceError, match="cannot be written: No such file or directory"),
        _file(b"{}", tmp_path / "a/b"),
    ):
        pass


def test_what_was_deleted_meanwhile_is_no_fault(tmp_path: Path) -> None:
    with _file(b"{}", tmp_path / "kubeconfig") as made:
        made.unlink()


async def test_port_that_is_taken_is_told() -> None:
    taken = await asyncio.start_server(lambda _, __: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    with pytest.raises(PlaceError, match=f"port {port} of this machine cannot be had"):
        async with embedded(port):
            pass
    taken.close()
    await taken.wait_closed()


async def test_real_control_plane_needs_a_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sandbox_places, "CONTROL_PLANE", tmp_path / "none")
    with pytest.raises(PlaceError, match="needs a checkout of aimctrl"):
        async with real():
            pass


async def test_real_control_plane_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "__main__.py").write_text("raise SystemExit(1)")
    monkeypatch.setattr(sandbox_places, "CONTROL_PLANE", tmp_path)
    with pytest.raises(PlaceError, match="the real control plane does not start"):
        async with real():
            pass


def test_catalogue_has_what_the_story_is_about() -> None:
    named = {
        Key(each["metadata"].get("namespace", ""), each["metadata"]["name"])
        for file in FILES
        for each in documents(file)
    }
    assert {MODEL, FITTING, UNFIT, SERVICE} <= named


def test_catalogue_is_valid() -> None:
    """Every AIM object decodes as itself, and says nothing that its kind does not know."""
    kinds = {kind.name: kind for kind in ALL}
    for each in (each for file in FILES for each in documents(file) if each["kind"] in kinds):
        model = kinds[each["kind"]].model
        written = model.model_validate(each).model_dump(by_alias=True, exclude_unset=True, mode="json")
        assert set(each["spec"]) == set(written["spec"]), each["metadata"]["name"]


def test_every_template_of_the_catalogue_has_its_model() -> None:
    models = {each["metadata"]["name"] for each in documents("models.yaml")}
    assert {each["spec"]["modelName"] for each in documents("templates.yaml")} == models


def test_every_image_of_the_catalogue_serves_what_its_script_says() -> None:
    scripts = parse_scripts(catalogue("images.yaml"))
    for each in documents("models.yaml"):
        found = scripts.find(Launch(image=each["spec"]["image"], args=("dry-run",)))
        family = each["metadata"]["name"].removeprefix("meta-").split("-")[0]
        assert family in str(found.log).lower(), each["metadata"]["name"]


class Nobody:
    """A client of a cluster in which nothing ever becomes of anything."""

    def __init__(self, **status: Any) -> None:
        self.status = status

    async def apply(self, kind: Any, manifest: Any, *, field_manager: str) -> Any:
        assert field_manager == "sandbox"
        return Meta(name=manifest["metadata"]["name"])

    async def get(self, kind: Any, key: Key) -> bytes:
        if not self.status:
            raise NotFoundError(Answer(404))
        return msgspec.json.encode({"metadata": {"name": key.name}, "status": self.status})

    async def list_page(self, kind: Any) -> Any:
        return Page(_ListMeta())


def story(**status: Any) -> Story:
    client: Any = Nobody(**status)
    return Story(client, 0.0)


@pytest.mark.looptime
async def test_a_step_that_is_never_done_is_told_with_its_state(capsys: pytest.CaptureFixture[str]) -> None:
    why = [{"type": "Ready", "status": "False", "reason": "ImageNotFound", "message": "no such image"}]
    with pytest.raises(UnfinishedError) as caught:
        await story(status="Failed", conditions=why).enact()
    assert str(caught.value) == (
        f"after 60 s, AIMClusterModel {MODEL} is to be Ready, and is Failed: ImageNotFound, no such image"
    )
    assert capsys.readouterr().out.count("is Failed: ImageNotFound, no such image") == 1


@pytest.mark.looptime
async def test_a_step_that_is_never_looked_at_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert await _told(story(), Sandbox(once=True)) == 1
    said = capsys.readouterr()
    assert "is to be Ready, and has no status" in said.err
    assert "nothing of AIM is here" in said.out


async def test_without_an_operator_everything_is_applied_and_nothing_awaited(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert await _told(story(), Sandbox(operator=False)) == 0
    assert capsys.readouterr().out.count("applied") == sum(len(documents(file)) for file in FILES)


def test_chapters_are_the_files() -> None:
    assert tuple(chapter.file for chapter in sandbox_story._CHAPTERS) == FILES
