"""Tokens of ServiceAccounts: what may be asked for, whose they are, and what they are bound to."""

from typing import Any

from conformance.script import CM, CORE, case, cm, get, post

ACCOUNTS = f"{CORE}/serviceaccounts"
AUTHENTICATION = "/apis/authentication.k8s.io/v1"
MADE = post(ACCOUNTS, {"metadata": {"name": "s"}})


def wish(**spec: Any) -> dict[str, Any]:
    return {"spec": spec}


def bound(kind: str, name: str, **more: str) -> dict[str, Any]:
    return wish(boundObjectRef={"kind": kind, "apiVersion": "v1", "name": name, **more})


CASES = (
    case(
        "a token is asked for",
        MADE,
        post(f"{ACCOUNTS}/s/token", wish(expirationSeconds=601)),
        post(f"{ACCOUNTS}/s/token", wish(audiences=["x"])),
        post(f"{ACCOUNTS}/s/token", {}),
    ),
    case(
        "a token for too short or too long",
        MADE,
        post(f"{ACCOUNTS}/s/token", wish(expirationSeconds=1)),
        post(f"{ACCOUNTS}/s/token", wish(expirationSeconds=2**32 + 1)),
    ),
    case(
        "a token of nobody",
        MADE,
        post(f"{ACCOUNTS}/none/token", wish()),
        post(f"{ACCOUNTS}/s/token", []),
        get(f"{ACCOUNTS}/s/token"),
    ),
    case(
        "a token bound to an object",
        MADE,
        post(f"{CORE}/secrets", {"metadata": {"name": "x"}}),
        post(f"{ACCOUNTS}/s/token", bound("Secret", "x")),
        post(f"{ACCOUNTS}/s/token", bound("Secret", "x", uid="another")),
        post(f"{ACCOUNTS}/s/token", bound("Pod", "none")),
        post(CM, cm("x")),
        post(f"{ACCOUNTS}/s/token", bound("ConfigMap", "x")),
    ),
    case(
        "a token is used",
        MADE,
        post(f"{ACCOUNTS}/s/token", wish()),
        post(f"{AUTHENTICATION}/selfsubjectreviews", {}, Authorization="Bearer $(1.status.token)"),
        post(f"{AUTHENTICATION}/tokenreviews", wish(token="$(1.status.token)")),
        get(CM, Authorization="Bearer $(1.status.token)"),
    ),
    case(
        "a token for others is none here",
        MADE,
        post(f"{ACCOUNTS}/s/token", wish(audiences=["x"])),
        get(CM, Authorization="Bearer $(1.status.token)"),
    ),
    case(
        "a token that is none",
        get(CM, Authorization="Bearer nobody"),
        get(CM, Authorization="Basic nobody"),
        get(CM, Authorization="Bearer"),
    ),
)
