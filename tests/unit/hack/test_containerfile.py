"""The Containerfile: nothing in it that a linter or a wary reader would stop at, and the steps as `shipping.image` reads them."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from shipping.containerfile import ContainerfileError, Step, filled, parse
from shipping.image import Builder, Image, allowed, not_compiled, pairs, unwanted

REPOSITORY = Path(__file__).parents[3]
FILE = parse((REPOSITORY / "Containerfile").read_text(encoding="utf-8"))
IMAGE = FILE.stages[-1]


def steps(*keywords: str) -> Iterator[Step]:
    return (step for stage in FILE.stages for step in stage.steps if step.keyword in keywords)


def test_hadolint_finds_nothing():
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [hadolint, "--no-color", REPOSITORY / "Containerfile"], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("", 0)


def test_every_stage_is_from_the_one_base_that_an_argument_names():
    names = {stage.name for stage in FILE.stages}
    assert {stage.base for stage in FILE.stages} - names == {"${BASE}"}
    assert not FILE.arguments["BASE"].endswith(":latest")
    assert ":" in FILE.arguments["BASE"]


def test_whoever_runs_it_is_not_root_and_has_a_number_that_kubernetes_can_check():
    keywords = [step.keyword for step in IMAGE.steps]
    user = next(step.text for step in IMAGE.steps if step.keyword == "USER")
    assert user == "65532:65532"
    assert set(keywords[keywords.index("USER") + 1 :]) == {"ENTRYPOINT", "CMD"}


def test_the_image_runs_nothing_while_it_is_put_together():
    assert [step.text for step in IMAGE.steps if step.keyword == "RUN"] == []


def test_packages_bring_nothing_that_was_not_asked_for_and_leave_no_lists():
    for step in steps("RUN"):
        if "apt-get install" in step.text:
            assert "--no-install-recommends" in step.text
            assert "rm -rf /var/lib/apt/lists/*" in step.text


def test_what_pip_fetches_has_a_hash_and_is_a_wheel():
    fetched = [command for step in steps("RUN") for command in step.text.split("&&") if "--requirement" in command]
    assert len(fetched) == 2
    assert all("--require-hashes" in command and "--only-binary :all:" in command for command in fetched)
    others = [command for step in steps("RUN") for command in step.text.split("&&") if "bin/pip" in command]
    assert all("--no-index" in command for command in others if command not in fetched)


def test_dependencies_come_before_the_code_in_the_stages_and_in_the_image():
    order = [stage.name for stage in FILE.stages]
    copied = [step.text for step in IMAGE.steps if step.keyword == "COPY"]
    assert order.index("dependencies") < order.index("operator")
    assert [text.split()[0] for text in copied] == ["--from=dependencies", "--from=operator"]
    before = [step.text for stage in FILE.stages if stage.name == "dependencies" for step in stage.steps]
    assert not any("src" in text for text in before)


def test_the_image_says_what_it_is():
    labels = pairs(next(step.text for step in IMAGE.steps if step.keyword == "LABEL"))
    assert {name.removeprefix("org.opencontainers.image.") for name in labels} == {
        "title",
        "description",
        "licenses",
        "version",
        "revision",
    }


def test_what_builds_the_wheel_is_locked():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    locked = (REPOSITORY / "requirements-build.lock").read_text(encoding="utf-8")
    assert project["dependency-groups"]["build"] == project["build-system"]["requires"]
    assert "hatchling==" in locked


def test_the_image_has_what_aimctrl_depends_on_and_what_traces_take_as_it_is_tested():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["otel"]]
    image = locked("requirements.lock")
    assert {re.split(r"[>=]", one)[0] for one in wanted} < {name for name, _ in image}
    assert image < locked("requirements-dev.lock")


def locked(file: str) -> set[tuple[str, str]]:
    """Names and versions, with the condition where there is one."""
    lines = (REPOSITORY / file).read_text(encoding="utf-8").splitlines()
    pins = (line.removesuffix("\\").strip().partition("==") for line in lines if re.match(r"[a-z]", line))
    return {(name, version) for name, _, version in pins}


def test_only_what_is_copied_is_sent_to_the_builder():
    texts = [step.text.split()[:-1] for step in steps("COPY") if "--from" not in step.text]
    assert allowed((REPOSITORY / ".containerignore").read_text(encoding="utf-8")) == {
        name for text in texts for name in text
    }


def test_steps_go_over_lines_and_comments_between_them():
    text = """\
        # first
        ARG BASE=some:thing
        FROM ${BASE} AS one
        RUN a \\
        # why
         && b
        FROM one
        USER 1:1
    """
    found = parse(dedent(text))
    one, last = found.stages
    assert found.arguments == {"BASE": "some:thing"}
    assert (one.base, one.name, one.steps) == ("${BASE}", "one", (Step("RUN", "a  && b", 4),))
    assert (last.base, last.name, last.steps) == ("one", "", (Step("USER", "1:1", 8),))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("FROM a\nADD x y\n", "line 2: ADD", id="not done here"),
        pytest.param("RUN a\n", "line 1: RUN before", id="before the first stage"),
    ],
)
def test_what_is_not_understood_is_told_with_its_line(text: str, complaint: str):
    with pytest.raises(ContainerfileError, match=complaint):
        parse(text)


def test_variables_are_filled_in():
    assert filled("${A}-${B}-$C", {"A": "1"}) == "1--$C"


def built(folder: Path, text: str) -> Image:
    """The image of a Containerfile that runs nothing."""
    context = folder / "context"
    context.mkdir()
    (context / ".containerignore").write_text("*\n!code\n")
    (context / "code").mkdir()
    (context / "code" / "module.py").write_text("")
    return Builder(context, folder / "layers", folder / "base").build(parse(text), {"VERSION": "2"})


def test_a_stage_takes_from_another_what_it_names_and_says_how_it_is_run(tmp_path: Path):
    text = """\
        FROM base AS first
        WORKDIR /build
        COPY code code
        FROM base
        ARG VERSION=1
        LABEL version="${VERSION}"
        ENV PATH=/opt/bin:/bin HOME="/a b"
        COPY --from=first /build/code /opt/code
        USER 1:1
        ENTRYPOINT ["program"]
        CMD ["run"]
    """
    image = built(tmp_path, dedent(text))

    assert [layer.name for layer in image.layers] == ["image", "base"]
    assert (image.layers[0] / "opt/code/module.py").is_file()
    assert image.labels == {"version": "2"}
    assert image.environment == {"PATH": "/opt/bin:/bin", "HOME": "/a b"}
    assert (image.user, image.entrypoint, image.command) == ("1:1", ("program",), ("run",))


def test_what_is_left_out_of_the_context_cannot_be_copied(tmp_path: Path):
    with pytest.raises(ContainerfileError, match=r"line 2: .containerignore leaves secrets out"):
        built(tmp_path, "FROM base\nCOPY secrets /\n")


def test_compilers_installers_and_lists_are_found_in_an_image(tmp_path: Path):
    wrong = (
        "usr/bin/gcc-12",
        "opt/lib/site-packages/pip-23.0.dist-info",
        "var/lib/apt/lists/a_Packages",
        "opt/bin/pip3",
    )
    for path in (*wrong, "usr/bin/python3", "opt/lib/site-packages/pipeline"):
        (tmp_path / "layer" / path).mkdir(parents=True)
    assert unwanted(Image((tmp_path / "layer", tmp_path)), tmp_path) == sorted(f"/{path}" for path in wrong)


@pytest.mark.parametrize(
    ("flags", "fine"),
    [
        pytest.param(b"\1\0\0\0", True, id="never checked"),
        pytest.param(b"\0\0\0\0", False, id="checked by time"),
        pytest.param(b"", False, id="none"),
    ],
)
def test_bytecode_is_to_be_valid_whatever_the_times_of_files(tmp_path: Path, flags: bytes, fine: bool):
    module = tmp_path / "opt" / "module.py"
    (module.parent / "__pycache__").mkdir(parents=True)
    module.touch()
    if flags:
        (module.parent / "__pycache__" / "module.cpython-311.pyc").write_bytes(b"\xa7\r\r\n" + flags)
    assert not_compiled(Image((tmp_path,)), tmp_path / "base") == ([] if fine else [str(module)])
