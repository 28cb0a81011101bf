"""The alerts fire when they should, and Prometheus understands every query: asked of its own promtool."""

import asyncio
import shutil
from pathlib import Path

import pytest
import yaml

from controlplane.build import ensure
from monitoring.dashboard import ROWS

MONITORING = Path(__file__).parents[2] / "deploy" / "monitoring"


@pytest.fixture(scope="module")
def promtool() -> Path:
    return ensure("promtool")["promtool"]


async def ask(promtool: Path, *arguments: str | Path) -> tuple[int, str]:
    """The exit code, and what it says."""
    process = await asyncio.create_subprocess_exec(
        promtool, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


def spec(folder: Path) -> Path:
    """rules.yaml as Prometheus reads it."""
    rule = yaml.safe_load((MONITORING / "rules.yaml").read_text(encoding="utf-8"))
    file = folder / "rules.yaml"
    file.write_text(yaml.safe_dump(rule["spec"]), encoding="utf-8")
    return file


async def test_the_alerts_are_sound(promtool: Path, tmp_path: Path) -> None:
    code, said = await ask(promtool, "check", "rules", "--lint=all", "--lint-fatal", spec(tmp_path))
    assert code == 0, said


async def test_the_alerts_fire_when_they_should_and_not_before(promtool: Path, tmp_path: Path) -> None:
    spec(tmp_path)
    tests = shutil.copy(MONITORING / "rules_test.yaml", tmp_path)
    code, said = await ask(promtool, "test", "rules", tests)
    assert code == 0, said


async def test_prometheus_understands_the_dashboard(promtool: Path, tmp_path: Path) -> None:
    queries = [query.expr for panels in ROWS.values() for panel in panels for query in panel.queries]
    rules = [
        {"record": f"query:{number}", "expr": query.replace("$__rate_interval", "5m")}
        for number, query in enumerate(queries)
    ]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}), encoding="utf-8")
    code, said = await ask(promtool, "check", "rules", "--lint=none", file)
    assert code == 0, said
