import io
import json
import logging
import warnings
from typing import Any

import pytest
import structlog
from structlog.contextvars import bound_contextvars

from aimctrl.runtime.logs import configure_logging


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def fail(message: str) -> None:
    raise ValueError(message)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_of_json_begins_with_the_same_four_fields_and_sorts_the_rest() -> None:
    stream = io.StringIO()
    configure_logging("json", stream=stream)
    structlog.get_logger("some.module").warning("watch failed", zebra=1, kind="pods", error="no answer")
    [line] = lines(stream)
    assert list(line) == ["timestamp", "level", "logger", "event", "error", "kind", "zebra"]
    assert line | {"timestamp": ""} == {
        "timestamp": "",
        "level": "warning",
        "logger": "some.module",
        "event": "watch failed",
        "error": "no answer",
        "kind": "pods",
        "zebra": 1,
    }
    assert line["timestamp"].endswith("Z")


def test_what_other_libraries_log_comes_in_the_same_form() -> None:
    stream = io.StringIO()
    configure_logging("json", stream=stream)
    with bound_contextvars(controller="aimservice"):
        logging.getLogger("dependency").error("broken %s", "pipe", extra={"host": "x"})
    [line] = lines(stream)
    assert line | {"timestamp": ""} == {
        "timestamp": "",
        "level": "error",
        "logger": "dependency",
        "event": "broken pipe",
        "controller": "aimservice",
        "host": "x",
    }


def test_an_exception_is_one_field_of_one_line() -> None:
    stream = io.StringIO()
    configure_logging("json", stream=stream)
    try:
        fail("bad\nthing")
    except ValueError:
        structlog.get_logger("x").exception("failed")
        logging.getLogger("y").exception("failed too")
    for line in lines(stream):
        assert "Traceback" in line["exception"]
        assert "ValueError: bad\nthing" in line["exception"]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(object(), id="an object"),
        pytest.param("\ud800", id="half a character"),
        pytest.param({("a", "b"): 1}, id="keys that are no text"),
        pytest.param(b"\xff", id="bytes"),
        pytest.param(float("nan"), id="no number"),
        pytest.param(2**80, id="a huge number"),
    ],
)
def test_no_value_can_break_a_line(value: object) -> None:
    stream = io.StringIO()
    configure_logging("json", stream=stream)
    structlog.get_logger("x").info("odd", value=value)
    [line] = lines(stream)
    assert line["event"] == "odd"


def test_lines_below_the_level_are_left_out() -> None:
    stream = io.StringIO()
    configure_logging("json", "warning", stream=stream)
    structlog.get_logger("x").info("quiet")
    logging.getLogger("y").info("quiet")
    structlog.get_logger("x").warning("loud")
    assert [line["event"] for line in lines(stream)] == ["loud"]


def test_debug_is_not_for_dependencies_known_to_chatter() -> None:
    stream = io.StringIO()
    configure_logging("json", "debug", stream=stream)
    logging.getLogger("kubernetes_asyncio.rest").debug("response body: everything")
    structlog.get_logger("x").debug("ours")
    assert [line["event"] for line in lines(stream)] == ["ours"]


def test_warnings_are_logged() -> None:
    stream = io.StringIO()
    configure_logging("json", stream=stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old thing", DeprecationWarning, stacklevel=1)
    [line] = lines(stream)
    assert line["logger"] == "py.warnings"
    assert "old thing" in line["event"]


def test_auto_is_json_where_nobody_looks() -> None:
    stream = io.StringIO()
    configure_logging(stream=stream)
    structlog.get_logger("x").info("hello")
    assert lines(stream)[0]["event"] == "hello"


def test_auto_is_coloured_on_a_terminal() -> None:
    stream = Terminal()
    configure_logging(stream=stream)
    structlog.get_logger("x").info("hello", kind="pods")
    assert "\x1b[" in stream.getvalue()
    assert "hello" in stream.getvalue()


def test_console_into_a_file_has_no_colours() -> None:
    stream = io.StringIO()
    configure_logging("console", stream=stream)
    try:
        fail("bad")
    except ValueError:
        structlog.get_logger("x").exception("hello", kind="pods")
    text = stream.getvalue()
    assert "\x1b[" not in text
    assert "hello" in text
    assert "kind=pods" in text
    assert "ValueError: bad" in text


def test_configuring_again_does_not_double_the_lines() -> None:
    stream = io.StringIO()
    configure_logging("json", stream=io.StringIO())
    configure_logging("json", stream=stream)
    structlog.get_logger("x").info("once")
    assert len(lines(stream)) == 1
