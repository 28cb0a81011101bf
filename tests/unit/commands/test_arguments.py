"""What the command line makes of `explain` and `status`."""

import re
from typing import Any

import msgspec
import pytest

from aimctrl import cli
from aimctrl.aim.explain.explanation import Explanation
from aimctrl.aim.explain.kinds import EXPLAINED
from aimctrl.aim.overview import Row
from aimctrl.commands import explain, status
from aimctrl.commands.explain import Question
from aimctrl.commands.status import Overview
from aimctrl.settings import OPTIONS, Settings


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for option in OPTIONS:
        monkeypatch.delenv(option.variable, raising=False)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What would have been asked of the cluster."""
    seen: list[Any] = []

    def answer(question: Any, settings: Settings) -> int:
        seen.append((question, settings))
        return 0

    monkeypatch.setattr(explain, "explain", answer)
    monkeypatch.setattr(status, "status", answer)
    return seen


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("explain service ml/chat", (Question("service", "ml/chat"), Settings())),
        ("explain template fast -n ml -o json", (Question("template", "fast", "ml", "json"), Settings())),
        (
            "explain model llama --namespace ml --kubeconfig k --context c --operator-namespace ops --max-discovery-jobs 3",
            (
                Question("model", "llama", "ml"),
                Settings(kubeconfig="k", context="c", operator_namespace="ops", max_discovery_jobs=3),
            ),
        ),
        (
            "explain service x --template-selection Preferred",
            (Question("service", "x"), Settings(template_selection="Preferred")),
        ),
        ("explain templatecache ml/all", (Question("templatecache", "ml/all"), Settings())),
        ("explain modelcache ml/weights", (Question("modelcache", "ml/weights"), Settings())),
        ("status", (Overview(), Settings())),
        ("status -A --watch", (Overview(watch=True), Settings())),
        ("status -n ml -o json --context c", (Overview("ml", output="json"), Settings(context="c"))),
    ],
)
def test_every_option_arrives(arguments: str, expected: Any, asked: list[Any]) -> None:
    assert cli.main(arguments.split()) == 0
    assert asked == [expected]


def test_what_the_operator_was_told_by_its_environment_counts_here_too(
    asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIM_WATCH_NAMESPACES", "a,b")
    assert cli.main(["explain", "service", "a/chat"]) == 0
    assert asked[0][1].namespaces == ("a", "b")


def test_an_interrupt_before_the_command_listens_ends_it_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(question: Any, settings: Settings) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(explain, "explain", interrupted)
    assert cli.main(["explain", "service", "ml/chat"]) == 130


@pytest.mark.parametrize(
    "arguments",
    [
        "explain",
        "explain pod x",
        "explain service",
        "explain service a b",
        "explain service x -o yaml",
        "status -A -n ml",
        "status --watch -o json",
        "status x",
    ],
)
def test_wrong_usage_ends_with_2(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments.split())
    assert caught.value.code == 2
    assert "usage: aimctrl" in capsys.readouterr().err


def test_a_name_that_cannot_be_one_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", "service", "A/B"]) == 2
    assert capsys.readouterr().err == "aimctrl: 'A/B' is not NAME or NAMESPACE/NAME\n"


@pytest.mark.parametrize(("command", "shape"), [("explain", Explanation), ("status", Row)])
def test_help_names_the_fields_of_the_json(
    command: str, shape: type[msgspec.Struct], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])
    words = set(re.findall(r"\w+", capsys.readouterr().out))
    assert set(shape.__struct_encode_fields__) <= words


def test_help_names_what_can_be_explained(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["explain", "--help"])
    assert ", ".join(EXPLAINED) in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("command", ["explain", "status"])
def test_help_names_the_exit_codes(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "Exit codes: 0" in text
    assert "3 the cluster cannot be seen" in text
