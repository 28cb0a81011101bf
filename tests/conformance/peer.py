"""One of the two servers: cases are played to it over one connection, and a transcript is kept."""

import http.client
import json
import re
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import yaml

from conformance.masking import Mask
from conformance.script import Case, Send, Watch

Transcript = list[dict[str, Any]]

AGENT = "conformance/1.0"
HEADERS = ("Warning", "Retry-After")
PATIENCE = 60.0
REFERENCE = re.compile(r"\$\((ns|\d+)(?:\.([^)]*))?\)")


@dataclass
class Stream:
    """A watch that is open. Its lines are gathered as they come."""

    step: Watch
    status: int
    kind: str
    lines: list[Any] = field(default_factory=list)
    ended: bool = False

    def transcript(self, mask: Mask) -> dict[str, Any]:
        """What the watch has seen by now."""
        events = [mask.masked(line) for line in list(self.lines)]
        request = f"WATCH {self.step.path}"
        return {"request": request, "status": self.status, "type": self.kind, "events": events, "ended": self.ended}


@dataclass
class Play:
    """A case that was played: the answers, and the watches that are still open."""

    answers: Transcript
    streams: list[Stream]
    sockets: list[http.client.HTTPSConnection]

    def transcript(self) -> Transcript:
        """Everything that the server said, masked."""
        mask = Mask()
        said = [entry | {"body": mask.masked(entry["body"])} for entry in self.answers]
        said += [stream.transcript(mask) for stream in self.streams]
        return said

    def close(self) -> None:
        for connection in self.sockets:
            if connection.sock is not None:
                connection.sock.close()


class Peer:
    """A server to talk to, as its administrator."""

    def __init__(self, url: str, ca: str, token: str) -> None:
        address = urlsplit(url)
        self._address = (address.hostname or "", address.port)
        self._trust = ssl.create_default_context(cadata=ca)
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json", "User-Agent": AGENT}
        self._connection = self._connected()

    def play(self, case: Case, namespace: str) -> Play:
        """Sends the requests of a case; the watches stay open."""
        if any("$(ns)" in step.path for step in case.steps):
            self._prepare(namespace)
        play = Play([], [], [])
        said: list[Any] = []
        for step in case.steps:
            if isinstance(step, Watch):
                play.streams.append(self._watch(filled(step, namespace, said), step, play))
                said.append(None)
            else:
                answer = self._sent(filled(step, namespace, said))
                said.append(answer["body"])
                play.answers.append({"request": f"{step.method} {step.path}", **answer})
        return play

    def ask(self, method: str, path: str, body: Any = None, media: str = "application/json") -> tuple[int, Any]:
        """One request outside any case."""
        answer = self._send(Send(method, path, body, media))
        return answer["status"], answer["body"]

    def close(self) -> None:
        self._connection.close()

    def _prepare(self, namespace: str) -> None:
        status, answer = self.ask("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        assert status == 201, answer

    def _connected(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(*self._address, timeout=PATIENCE, context=self._trust)

    def _sent(self, step: Send) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE
        while True:
            answer = self._send(step)
            if not step.until or answer["status"] == step.until or time.monotonic() > end:
                return answer
            time.sleep(0.02)

    def _send(self, step: Send) -> dict[str, Any]:
        body = step.body if step.body is None or isinstance(step.body, bytes) else json.dumps(step.body).encode()
        headers = {**self._headers, **({"Content-Type": step.media} if body is not None else {}), **step.headers}
        headers = {name: value for name, value in headers.items() if value}
        try:
            self._connection.request(step.method, step.path, body, headers)
            response = self._connection.getresponse()
            raw, kind = response.read(), response.headers.get("Content-Type", "")
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise
        said = {name: values for name in HEADERS if (values := response.headers.get_all(name))}
        return {"status": response.status, "type": kind, "headers": said, "body": parsed(raw, kind)}

    def _watch(self, filled_in: Watch, step: Watch, play: Play) -> Stream:
        connection = self._connected()
        play.sockets.append(connection)
        connection.request("GET", filled_in.path, None, {**self._headers, **filled_in.headers})
        response = connection.getresponse()
        stream = Stream(step, response.status, response.headers.get("Content-Type", ""))
        threading.Thread(target=_gather, args=(response, stream), daemon=True).start()
        return stream


def _gather(response: http.client.HTTPResponse, stream: Stream) -> None:
    try:
        for line in iter(response.readline, b""):
            stream.lines.append(parsed(line, "application/json"))
    except (OSError, ValueError, http.client.HTTPException):
        return
    stream.ended = True


def parsed(raw: bytes, kind: str) -> Any:
    """A body as a value: JSON and YAML read, other text as it is."""
    if kind.startswith("application/json"):
        try:
            return json.loads(raw)
        except ValueError:
            pass
    if kind.startswith("application/yaml"):
        return yaml.load(raw, Loader=yaml.BaseLoader)
    return raw.decode(errors="replace")


@dataclass(frozen=True)
class Filling:
    """What references in a step refer to."""

    namespace: str
    said: list[Any]

    def of(self, part: Any) -> Any:
        """A part of a step with its references resolved."""
        if isinstance(part, str):
            whole = REFERENCE.fullmatch(part)
            return self._found(whole) if whole else REFERENCE.sub(lambda match: str(self._found(match)), part)
        if isinstance(part, Mapping):
            return {self.of(key): self.of(inner) for key, inner in part.items()}
        return [self.of(inner) for inner in part] if isinstance(part, list | tuple) else part

    def _found(self, match: "re.Match[str]") -> Any:
        if match[1] == "ns":
            return self.namespace
        found = self.said[int(match[1])]
        for part in filter(None, (match[2] or "").split(".")):
            found = found[int(part)] if isinstance(found, list) else found[part]
        return found


def filled(step: Any, namespace: str, said: list[Any]) -> Any:
    """A step with its references resolved."""
    filling = Filling(namespace, said)
    return type(step)(**{name: filling.of(getattr(step, name)) for name in step.__dataclass_fields__})
