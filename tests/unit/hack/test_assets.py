import json
from pathlib import Path

import pytest

from controlplane.api import crd_documents
from controlplane.assets import BINARIES, CRDS, KUBERNETES, Assets, MissingError, Pin
from controlplane.build import BuildError, crd_folder, ensure

APISERVER, CONTROLLERS = "kube-apiserver", "kube-controller-manager"

BUILDING_GO = """\
echo "$@" >> "$LOG"
while [ "$1" != -o ]; do shift; done
echo '#!/bin/sh' > "$2"
chmod +x "$2"
"""
FAILING_GO = "echo half > \"$7\"; echo 'no such package'; exit 1\n"


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment with a given folder, a cache and a PATH, all of them empty."""
    places = {"KUBEBUILDER_ASSETS": "given", "AIMCTRL_CONTROLPLANE_CACHE": "cache", "PATH": "bin"}
    for folder in places.values():
        (tmp_path / folder).mkdir()
    return {variable: str(tmp_path / folder) for variable, folder in places.items()}


def place(env: dict[str, str], where: str, name: str, *, mode: int = 0o755, script: str = "") -> Path:
    """Puts a program into one of the three places."""
    folders = {
        "given": Path(env["KUBEBUILDER_ASSETS"]),
        "cache": Assets(env).cached(KUBERNETES),
        "path": Path(env["PATH"]),
    }
    file = folders[where] / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}")
    file.chmod(mode)
    return file


@pytest.mark.parametrize(
    ("present", "found"),
    [
        pytest.param(["given", "cache", "path"], "given", id="the given folder comes first"),
        pytest.param(["cache", "path"], "cache", id="the cache comes before PATH"),
        pytest.param(["path"], "path", id="PATH comes last"),
        pytest.param([], None, id="nowhere"),
    ],
)
def test_a_binary_is_taken_from_the_first_place_that_has_it(env: dict[str, str], present: list[str], found: str | None):
    paths = {where: place(env, where, APISERVER) for where in present}

    assert Assets(env).find(APISERVER) == paths.get(found or "")


def test_each_binary_is_looked_up_on_its_own(env: dict[str, str]):
    given = place(env, "given", APISERVER)
    cached = place(env, "cache", CONTROLLERS)

    assert ensure(APISERVER, CONTROLLERS, assets=Assets(env)) == {APISERVER: given, CONTROLLERS: cached}


def test_a_file_that_cannot_be_executed_is_passed_over(env: dict[str, str]):
    place(env, "given", APISERVER, mode=0o644)
    on_path = place(env, "path", APISERVER)

    assert Assets(env).find(APISERVER) == on_path


def test_without_a_given_folder_the_search_starts_at_the_cache(env: dict[str, str]):
    cached = place(env, "cache", APISERVER)
    del env["KUBEBUILDER_ASSETS"]

    assert Assets(env).find(APISERVER) == cached


@pytest.mark.parametrize(
    ("env", "cache"),
    [
        pytest.param({"AIMCTRL_CONTROLPLANE_CACHE": "/own", "XDG_CACHE_HOME": "/xdg"}, "/own", id="override"),
        pytest.param({"XDG_CACHE_HOME": "/xdg"}, "/xdg/aimctrl/controlplane", id="xdg"),
        pytest.param({"XDG_CACHE_HOME": ""}, str(Path.home() / ".cache/aimctrl/controlplane"), id="home"),
    ],
)
def test_the_cache_follows_the_environment(env: dict[str, str], cache: str):
    assert str(Assets(env).cache) == cache


def test_a_new_pin_has_a_new_place_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("controlplane.assets.MODULES", tmp_path)
    pin = Pin("some", "example.test/module")
    (tmp_path / "some").mkdir()
    go_mod = tmp_path / "some" / "go.mod"

    go_mod.write_text("require (\n\texample.test/module v1.2.3 // indirect\n)\n")
    old = pin.key
    go_mod.write_text("require (\n\texample.test/module v1.2.4 // indirect\n)\n")

    assert old.startswith("some-v1.2.3-")
    assert pin.key.startswith("some-v1.2.4-")


@pytest.mark.parametrize("binary", BINARIES.values(), ids=BINARIES)
def test_every_binary_has_a_pinned_version(binary):
    assert binary.pin.version.startswith("v")
    assert f"\n\t{binary.package}\n" in (binary.pin.folder / "go.mod").read_text().replace("tool ", "\t")


def test_without_go_the_message_says_what_is_missing_where_it_was_looked_for_and_what_to_do(env: dict[str, str]):
    place(env, "path", "etcd")

    with pytest.raises(MissingError) as caught:
        ensure("etcd", APISERVER, CONTROLLERS, assets=Assets(env))

    message = str(caught.value)
    assert message.startswith(f"not found: {APISERVER}, {CONTROLLERS}\n")
    assert env["KUBEBUILDER_ASSETS"] in message
    assert str(Assets(env).cached(KUBERNETES)) in message
    assert "PATH" in message
    assert "install Go" in message
    assert "set KUBEBUILDER_ASSETS" in message


def test_without_go_the_message_about_crds_names_the_cache(env: dict[str, str]):
    with pytest.raises(MissingError, match="install Go") as caught:
        crd_folder(Assets(env))

    assert str(Assets(env).cached(CRDS)) in str(caught.value)


def test_only_what_is_missing_is_built_and_only_once(env: dict[str, str], tmp_path: Path):
    place(env, "path", "go", script=BUILDING_GO)
    given = place(env, "given", APISERVER)
    env["LOG"] = str(tmp_path / "go.log")

    for _ in range(2):
        built = ensure(APISERVER, CONTROLLERS, assets=Assets(env))

    assert built == {APISERVER: given, CONTROLLERS: Assets(env).cached(KUBERNETES) / CONTROLLERS}
    assert len((tmp_path / "go.log").read_text().splitlines()) == 1


def test_a_failed_build_leaves_nothing_behind(env: dict[str, str]):
    place(env, "path", "go", script=FAILING_GO)

    with pytest.raises(BuildError, match="no such package"):
        ensure(APISERVER, assets=Assets(env))

    assert list(Assets(env).cached(KUBERNETES).iterdir()) == []


def fake_modules(tmp_path: Path, crd: str) -> str:
    """A script that answers `go mod download -json` with two modules, the first of which holds `crd`."""
    sources = {"github.com/kserve/kserve": "config/crd/full", "sigs.k8s.io/gateway-api": "config/crd/standard"}
    answers = []
    for module, folder in sources.items():
        target = tmp_path / module / folder
        target.mkdir(parents=True)
        (target / "kustomization.yaml").write_text("kind: Kustomization\n")
        (target / "example.test_policies.yaml").write_text("kind: ValidatingAdmissionPolicy\n")
        answers.append(json.dumps({"Path": module, "Dir": str(tmp_path / module)}, indent=1))
    (tmp_path / "github.com/kserve/kserve/config/crd/full/example.test_things.yaml").write_text(crd)
    return "cat <<'EOF'\n" + "\n".join(answers) + "\nEOF\n"


def test_of_a_module_only_the_crds_are_copied(env: dict[str, str], tmp_path: Path):
    script = fake_modules(tmp_path, "---\nkind: CustomResourceDefinition\nmetadata:\n  name: things.example.test\n")
    place(env, "path", "go", script=script)

    folder = crd_folder(Assets(env))

    files = [str(path.relative_to(folder)) for path in sorted(folder.rglob("*.yaml"))]
    assert files == ["kserve/example.test_things.yaml"]
    assert [name for name, _ in crd_documents(folder)] == ["things.example.test"]


def test_a_crd_with_a_conversion_webhook_is_refused(env: dict[str, str], tmp_path: Path):
    crd = "kind: CustomResourceDefinition\nspec:\n  conversion:\n    strategy: Webhook\n"
    place(env, "path", "go", script=fake_modules(tmp_path, crd))

    with pytest.raises(BuildError, match="conversion webhook"):
        crd_folder(Assets(env))

    assert not Assets(env).cached(CRDS).exists()


def test_crds_are_found_in_a_file_of_several_documents(tmp_path: Path):
    first = (
        "apiVersion: v1\nkind: CustomResourceDefinition\nmetadata:\n  labels:\n    name: no\n  name: a.example.test\n"
    )
    other = "kind: Namespace\nmetadata:\n  name: other\n"
    second = "metadata:\n  name: b.example.test\nkind: CustomResourceDefinition\n"
    file = tmp_path / "all.yaml"
    file.write_text(f"{first}---\n{other}--- # next\n{second}")

    assert list(crd_documents(file)) == [("a.example.test", first), ("b.example.test", second)]
