"""Whatever is sent, somebody gets a proper answer: objects made at random of every kind, with right and wrong types."""

import random
from typing import Any

import pytest

from aimctrl.sandbox.apiserver.builtin.documents import document
from support.requests import MERGE, Server

SEEDS = 12
DEEPEST = 7
TEXTS = ("", "a", "A_b", "1Gi", "-1", "10%", "x/y", "2024-01-01T00:00:00Z", "None", "Always", "eA==", "é")
NUMBERS = (0, 1, -1, 80, 70000)
ODD = (None, {}, [], "x", 0, -1, 1.5, True, [None], {"a": None}, 2**40)

RESOURCES = [
    pytest.param(entry, id=f"{entry['plural']}.{entry['group']}")
    for entry in document()["resources"]
    if {"create", "delete"} <= set(entry["verbs"])
]


def made(rng: random.Random, part: dict[str, Any], depth: int = 0) -> Any:
    """A value of a schema, or now and then something else."""
    if rng.random() < 0.02 or depth > DEEPEST:
        return rng.choice(ODD)
    if "$ref" in part:
        part = {**document()["schemas"][part["$ref"]], **{key: value for key, value in part.items() if key != "$ref"}}
    match part.get("type", ""):
        case "array":
            return [made(rng, part.get("items", {}), depth + 1) for _ in range(rng.randrange(3))]
        case "object":
            return made_object(rng, part, depth)
        case kind:
            return rng.choice({"integer": NUMBERS, "number": NUMBERS, "boolean": (True, False)}.get(kind, TEXTS))


def made_object(rng: random.Random, part: dict[str, Any], depth: int) -> dict[str, Any]:
    if "properties" in part:
        often = 0.7 if depth < 3 else 0.35
        shown = [key for key in part["properties"] if rng.random() < often]
        return {key: made(rng, part["properties"][key], depth + 1) for key in shown}
    of = part.get("additionalProperties", {"type": "string"})
    return {rng.choice(TEXTS): made(rng, of, depth + 1) for _ in range(rng.randrange(3))}


def body(rng: random.Random, entry: dict[str, Any]) -> dict[str, Any]:
    """An object of a resource whose name at least is right."""
    properties = document()["schemas"][entry["schema"]]["properties"]
    parts = {key: made(rng, part) for key, part in properties.items() if key not in {"apiVersion", "kind", "metadata"}}
    return {**parts, "metadata": {"name": "x"}}


@pytest.mark.parametrize("entry", RESOURCES)
def test_every_request_is_answered(entry: dict[str, Any]) -> None:
    server = Server()
    root = f"/apis/{entry['group']}/{entry['version']}" if entry["group"] else "/api/v1"
    path = f"{root}/namespaces/here/{entry['plural']}" if entry["namespaced"] else f"{root}/{entry['plural']}"
    rng = random.Random(entry["plural"])
    codes: set[int] = set()
    for _ in range(SEEDS):
        codes.add(server.post(path, body(rng, entry)).code)
        codes.add(server.patch(f"{path}/x", body(rng, entry)).code)
        codes.add(server.ask("PUT", f"{path}/x", body(rng, entry)).code)
        codes.add(server.ask("PATCH", f"{path}/x/status", body(rng, entry), MERGE).code)
        codes.add(server.delete(f"{path}/x").code)
    assert codes <= {200, 201, 400, 403, 404, 409, 422}
