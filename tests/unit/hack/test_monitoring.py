"""docs/metrics.md, the dashboard and the alerts tell of metrics, labels and words that the code has."""

import json
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import get_args

import pytest
import yaml

from aimctrl.aim.metrics import DEFINITIONS as AIM
from aimctrl.aim.reconcilers import RECONCILED
from aimctrl.api import reasons
from aimctrl.runtime.lister import Unavailable
from aimctrl.runtime.metrics import DEFINITIONS, Definition, Outcome
from monitoring import made
from monitoring.alerts import ALERTS, PAGE
from monitoring.dashboard import HERE, ROWS, VARIABLES
from monitoring.page import LABELS, process

TARGET = ("job", "namespace", "pod")
"""Labels that a scrape adds."""

QUERIES = [query for panels in ROWS.values() for panel in panels for query in panel.queries]
EXPRESSIONS = [alert.expr for alert in ALERTS] + [query.expr for query in QUERIES]
SELECTOR = re.compile(r"\b([a-z_]+)\{([^}]*)\}")
MATCHER = re.compile(r'([a-z_]+)(=~|!~|!=|=)"([^"]*)"')
GROUPING = re.compile(r"\b(?:by|on)\s*\(([^)]*)\)")


def series(definition: Definition) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The names under which a metric is scraped, and their labels."""
    if definition.type != "histogram":
        yield definition.name, definition.labels
        return
    yield f"{definition.name}_bucket", (*definition.labels, "le")
    yield f"{definition.name}_sum", definition.labels
    yield f"{definition.name}_count", definition.labels


KNOWN = {"up": ()} | dict(chain.from_iterable(series(one) for one in (*DEFINITIONS, *AIM, *process())))

WORDS = {
    "kind": {kind.name for kind in RECONCILED},
    "state": {
        str(word)
        for states in (reasons.ModelState, reasons.TemplateState, reasons.ServiceState, reasons.CacheState)
        for word in states
    },
    "reason": {
        *(str(word) for words in (reasons.TemplateReason, reasons.ServiceReason) for word in words),
        *get_args(Unavailable.__annotations__["reason"]),
    },
    "outcome": {"sent", "dropped", "failed"},
    "result": set(get_args(Outcome)),
}
"""What a label may say, where that is known."""


def labels_of(expression: str) -> set[str]:
    """The labels that the series of an expression may have."""
    return {*TARGET, *chain.from_iterable(KNOWN[name] for name, _ in SELECTOR.findall(expression))}


@pytest.mark.parametrize(("path", "text"), made().items(), ids=lambda part: part.name if isinstance(part, Path) else "")
def test_what_is_made_is_as_the_code_says(path: Path, text: str) -> None:
    assert path.read_text(encoding="utf-8") == text, "make monitoring"


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_query_asks_for_metrics_and_labels_there_are(expression: str) -> None:
    selectors = SELECTOR.findall(expression)
    assert selectors
    for name, matchers in selectors:
        assert name in KNOWN
        found = MATCHER.findall(matchers)
        assert MATCHER.sub("", matchers).strip(", ") == "", "all of it was understood"
        assert {label for label, _, _ in found} <= {*TARGET, *KNOWN[name]}
        for label, _, value in found:
            known = WORDS.get(label)
            assert known is None or any(re.fullmatch(value, word) for word in known), f"nothing has {label}={value}"


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_query_groups_by_labels_there_are(expression: str) -> None:
    for group in GROUPING.findall(expression):
        assert {label.strip() for label in group.split(",")} <= labels_of(expression)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_query_names_no_metric_without_saying_of_whom(expression: str) -> None:
    bare = SELECTOR.sub("", expression)
    assert not [name for name in KNOWN if re.search(rf"\b{name}\b", bare)]
    for _, matchers in SELECTOR.findall(expression):
        assert matchers.startswith("job=~")


@pytest.mark.parametrize("query", [query for query in QUERIES if query.legend], ids=lambda query: query.expr)
def test_a_legend_shows_labels_the_series_have(query) -> None:
    kept = {label.strip() for group in GROUPING.findall(query.expr) for label in group.split(",")}
    assert set(re.findall(r"\{\{(\w+)\}\}", query.legend)) <= kept


def test_every_metric_is_in_the_dashboard() -> None:
    shown = {name for query in QUERIES for name, _ in SELECTOR.findall(query.expr)}
    told = {next(iter(name for name, _ in series(one))) for one in (*DEFINITIONS, *AIM)}
    assert told - shown == set()


def test_the_dashboard_fits_the_width_and_nothing_overlaps() -> None:
    [path] = [path for path in made() if path.suffix == ".json"]
    board = json.loads(path.read_text(encoding="utf-8"))
    taken = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        columns, lines = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        cells = {(x, y) for x in columns for y in lines}
        assert not cells & taken
        assert max(columns) < 24
        taken |= cells
    numbers = [panel["id"] for panel in board["panels"]]
    assert len(set(numbers)) == len(numbers)


def test_the_variables_of_the_dashboard_are_those_its_queries_use() -> None:
    used = {name for query in QUERIES for name in re.findall(r"\$(\w+)", query.expr)}
    assert used - {"__rate_interval"} == set(VARIABLES)
    for query in VARIABLES.values():
        metric, label = re.fullmatch(r"label_values\((\w+)(?:\{.*\})?, (\w+)\)", query).groups()
        assert label in {*TARGET, *KNOWN[metric]}
    assert HERE in VARIABLES["controller"]


def test_every_label_has_its_meaning() -> None:
    assert {label for one in (*DEFINITIONS, *AIM) for label in one.labels} == set(LABELS)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_shows_labels_it_has_and_leads_to_its_remedy(alert) -> None:
    groups = GROUPING.findall(alert.expr)
    kept = {label.strip() for group in groups for label in group.split(",")}
    assert set(re.findall(r"\$labels\.(\w+)", alert.summary + alert.description)) <= kept
    page, _, anchor = alert.runbook.partition("#")
    [text] = [text for path, text in made().items() if str(path).endswith(PAGE)]
    assert page == PAGE
    assert anchor in [line.removeprefix("### ").lower() for line in text.splitlines() if line.startswith("### ")]


def test_every_alert_is_tested() -> None:
    [path] = [path for path in made() if path.name == "rules.yaml"]
    tests = yaml.safe_load(path.with_name("rules_test.yaml").read_text(encoding="utf-8"))["tests"]
    expected = json.dumps(tests)
    assert [alert.name for alert in ALERTS if alert.name not in expected] == []


@pytest.mark.parametrize(
    "name", sorted(set(re.findall(r"`(--[a-z-]+)", json.dumps([alert.remedy for alert in ALERTS]))))
)
def test_a_remedy_names_options_there_are(name: str) -> None:
    from aimctrl.settings import OPTIONS

    assert name in {option.flag for option in OPTIONS}
