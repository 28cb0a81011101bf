import asyncio
import gc
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import aimctrl
from aimctrl import cli, manifests
from aimctrl.commands import run
from aimctrl.preflight import PreflightError
from aimctrl.runtime.errors import ConfigurationError, LeadershipLostError
from aimctrl.runtime.serving import AddressError
from aimctrl.settings import OPTIONS, Settings


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for option in OPTIONS:
        monkeypatch.delenv(option.variable, raising=False)


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """What `run` would have run with, had it run."""
    seen: list[Settings] = []

    async def operate(given: Settings) -> int:
        seen.append(given)
        return 0

    monkeypatch.setattr(run, "_operate", operate)
    return seen


def exits(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.mark.parametrize("arguments", [["version"], ["--version"]])
def test_the_version_is_told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    if arguments == ["version"]:
        assert cli.main(arguments) == 0
    else:
        assert exits(arguments) == 0
    assert capsys.readouterr().out == f"{aimctrl.__version__}\n"


def test_the_version_is_told_without_loading_anything_heavy() -> None:
    code = (
        "import sys; from aimctrl.cli import main; main(['version']); "
        "print(sorted({'aiohttp', 'pydantic', 'kubernetes_asyncio', 'structlog', 'uvloop', 'yaml'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=_environment())
    assert done.stdout.splitlines()[1] == "[]"


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(Path(aimctrl.__file__).parent.parent)}


def test_crds_are_printed_as_one_stream(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["crds"]) == 0
    assert list(yaml.safe_load_all(capsys.readouterr().out)) == manifests.crds()


def test_crds_are_written_one_file_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "made" / "on the way"
    assert cli.main(["crds", "--output-dir", str(folder)]) == 0
    assert {path.name: path.read_text() for path in folder.iterdir()} == manifests.crd_files()
    assert capsys.readouterr().out.splitlines() == sorted(str(path) for path in folder.iterdir())


@pytest.mark.parametrize(
    "arguments", [[], ["fly"], ["run", "--fly"], ["run", "--log"], ["version", "now"]], ids=" ".join
)
def test_wrong_usage_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert exits(arguments) == 2
    assert "usage: aimctrl" in capsys.readouterr().err


def test_a_bad_option_is_told_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "--log-format", "xml"]) == 2
    assert capsys.readouterr().err == "aimctrl: --log-format: 'xml' is not one of auto, json, console\n"


def test_a_bad_variable_is_told_in_a_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIM_MAX_DISCOVERY_JOBS", "many")
    assert cli.main(["run"]) == 2
    assert "AIM_MAX_DISCOVERY_JOBS: 'many' is not a whole number" in capsys.readouterr().err


def test_help_names_every_variable_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert exits(["run", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert not [option.variable for option in OPTIONS if f"${option.variable}" not in text]
    assert "default kaiwo-system" in text
    assert "4 leadership was lost" in text


def test_every_option_reaches_the_settings(settings: list[Settings]) -> None:
    texts = {
        "--kubeconfig": "k",
        "--context": "c",
        "--operator-namespace": "ops",
        "--metrics-bind-address": ":1",
        "--health-probe-bind-address": "0",
        "--log-format": "console",
        "--log-level": "error",
        "--max-concurrent-reconciles": "8",
        "--max-discovery-jobs": "3",
        "--template-selection": "Preferred",
        "--insecure-registry": "plain.example.com",
        "--grace-period": "9",
        "--resync-seconds": "90",
    }
    given = [word for pair in texts.items() for word in pair]
    assert cli.main(["run", *given, "--leader-elect", "--namespace", "b,c", "--namespace", "a"]) == 0
    assert settings == [
        Settings(
            kubeconfig="k",
            context="c",
            namespaces=("a", "b", "c"),
            operator_namespace="ops",
            leader_elect=True,
            metrics_bind_address=":1",
            health_probe_bind_address="0",
            log_format="console",
            log_level="error",
            max_concurrent_reconciles=8,
            max_discovery_jobs=3,
            template_selection="Preferred",
            insecure_registries=("plain.example.com",),
            grace_period=9.0,
            resync_seconds=90.0,
        )
    ]


def test_a_switch_can_be_turned_off_against_its_variable(
    settings: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIM_LEADER_ELECT", "true")
    cli.main(["run"])
    cli.main(["run", "--no-leader-elect"])
    assert [one.leader_elect for one in settings] == [True, False]


def test_a_kubeconfig_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "kubeconfig"
    assert cli.main(["run", "--kubeconfig", str(missing), "--log-format", "json"]) == 3
    assert f"there is no kubeconfig at {missing}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "event"),
    [
        pytest.param(PreflightError("no CRDs"), 3, "cannot start", id="preflight"),
        pytest.param(ConfigurationError("no context"), 3, "cannot start", id="configuration"),
        pytest.param(AddressError("in use"), 3, "cannot start", id="address"),
        pytest.param(LeadershipLostError("late"), 4, "leadership lost", id="leadership"),
        pytest.param(ValueError("bug"), 1, "broken", id="anything else"),
    ],
)
def test_the_exit_code_says_what_kind_of_end_it_was(
    error: Exception, code: int, event: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def work(_: Settings) -> None:
        raise error

    monkeypatch.setattr(run, "_work", work)
    assert cli.main(["run", "--log-format", "json"]) == code
    told = capsys.readouterr().err
    assert f'"event":"{event}"' in told
    assert str(error) in told
    assert ("Traceback" in told) is (code == 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_it_starts_ends_it_too(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def work(_: Settings) -> None:
        os.kill(os.getpid(), number)
        await asyncio.Event().wait()

    monkeypatch.setattr(run, "_work", work)
    assert cli.main(["run", "--log-format", "json"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_first_signal_stops_in_order_and_a_second_at_once(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = asyncio.Event()
    codes: list[Any] = []
    ended = asyncio.Event()
    monkeypatch.setattr(os, "_exit", lambda code: (codes.append(code), ended.set()))
    run._on_signals(stopped.set)
    try:
        os.kill(os.getpid(), number)
        await asyncio.wait_for(stopped.wait(), 5)
        assert codes == []
        os.kill(os.getpid(), number)
        await asyncio.wait_for(ended.wait(), 5)
        assert codes == [128 + number]
    finally:
        for one in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(one)


def test_sandbox_says_what_to_install() -> None:
    code = "import sys; sys.modules['cryptography'] = None; from aimctrl.cli import main; sys.exit(main(['sandbox', '--once']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=_environment())
    assert done.returncode == 3
    assert done.stderr == "aimctrl: the sandbox needs cryptography: pip install 'aimctrl[sandbox]'\n"


def test_sandbox_is_told_what_the_command_line_says(monkeypatch: pytest.MonkeyPatch) -> None:
    from aimctrl.commands import sandbox

    seen: list[sandbox.Sandbox] = []

    def run(wanted: sandbox.Sandbox) -> int:
        assert not gc.isenabled()
        seen.append(wanted)
        return 7

    monkeypatch.setattr(sandbox, "sandbox", run)
    assert cli.main(["sandbox"]) == 7
    assert gc.isenabled()
    more = ["--apiserver=real", "--port=1", "--kubeconfig-out=k", "--no-catalogue", "--no-operator", "--once"]
    cli.main(["sandbox", *more])
    assert [replace(one, began=0.0) for one in seen] == [
        sandbox.Sandbox(),
        sandbox.Sandbox("real", catalogue=False, operator=False, once=True, port=1, kubeconfig_out=Path("k")),
    ]
