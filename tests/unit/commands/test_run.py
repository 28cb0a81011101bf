"""What `aimctrl run` says where it cannot do what it is told."""

import sys
from contextlib import AsyncExitStack

import pytest

from aimctrl.commands import run
from aimctrl.preflight import PreflightError


async def test_traces_without_what_they_need_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.delitem(sys.modules, "aimctrl.runtime.otel", raising=False)
    async with AsyncExitStack() as stack:
        with pytest.raises(PreflightError, match=r"--otlp-endpoint needs opentelemetry: pip install 'aimctrl\[otel\]'"):
            run._tracer("http://127.0.0.1:9", stack)
