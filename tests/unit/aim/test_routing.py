import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimctrl.aim.routing import InvalidRoute, Path, default_path, render

SERVICE = {
    "apiVersion": "aim.silogen.ai/v1alpha1",
    "kind": "AIMService",
    "metadata": {
        "name": "chat",
        "namespace": "ml-team",
        "uid": "8a7b",
        "generation": 3,
        "labels": {
            "team": "NLP",
            "app.kubernetes.io/name": "Chat",
            "empty": "",
            "dotted.key": "D",
            "dashed-key": "E",
            "sp ace": "F",
        },
        "annotations": {
            "note": "a b/c",
            "ünï": "Ü",
            "query": "a?b#c",
            "percent": "50%",
            "dots": "..",
            "dot": ".",
            "brace": "{x}",
            "star": "*",
        },
    },
    "spec": {
        "model": {"ref": "llama"},
        "replicas": 2,
        "cacheModel": True,
        "ratio": 0.5,
        "nothing": None,
        "env": [{"name": "A", "value": "one"}, {"name": "B", "value": "two"}],
    },
}

GOOD = {
    "literal": ("/a/b", "/a/b"),
    "no leading slash": ("a/b", "/a/b"),
    "trailing slash": ("/a/", "/a"),
    "many slashes": ("//a///b//", "/a/b"),
    "root alone": ("/", "/"),
    "literal is lowercased": ("/Team/A", "/team/a"),
    "literal is encoded": ("/a b/ü", "/a%20b/%C3%BC"),
    "percent in a literal is a percent sign": ("/a%2Fb", "/a%252fb"),
    "reserved characters": ("/a:b@c,d;e=f&g+h", "/a%3Ab%40c%2Cd%3Be%3Df%26g%2Bh"),
    "unreserved characters": ("/a-b.c_d~e", "/a-b.c_d~e"),
    "the seed's example": ("/{.metadata.namespace}/{.metadata.labels['team']}/{.spec.model}/", "/ml-team/nlp/llama-3"),
    "dollar root": ("/{$.metadata.name}", "/chat"),
    "no root": ("/{metadata.name}", "/chat"),
    "bracket root": ("/{['metadata']['name']}", "/chat"),
    "spaces in the braces": ("/{ .metadata.name }", "/chat"),
    "double quotes": ('/{.metadata.labels["team"]}', "/nlp"),
    "unquoted bracket": ("/{.metadata.labels[team]}", "/nlp"),
    "label with dots and slash": ("/{.metadata.labels['app.kubernetes.io/name']}", "/chat"),
    "label with a dot": ("/{.metadata.labels['dotted.key']}", "/d"),
    "label with a dash": ("/{.metadata.labels.dashed-key}", "/e"),
    "label with a space": ("/{.metadata.labels['sp ace']}", "/f"),
    "braces in quotes": ("/{.metadata.annotations['brace']}", "/%7Bx%7D"),
    "within a segment": ("/v1-{.metadata.name}-x", "/v1-chat-x"),
    "two in a segment": ("/{.metadata.namespace}{.metadata.name}", "/ml-teamchat"),
    "the resolved model": ("/{.spec.model}", "/llama-3"),
    "the resolved model, dollar": ("/{$.spec.model}", "/llama-3"),
    "the resolved model, brackets": ("/{['spec']['model']}", "/llama-3"),
    "the model as the service names it": ("/{.spec.model.ref}", "/llama"),
    "number": ("/{.spec.replicas}", "/2"),
    "fraction": ("/{.spec.ratio}", "/0.5"),
    "boolean": ("/{.spec.cacheModel}", "/true"),
    "index": ("/{.spec.env[0].value}", "/one"),
    "last": ("/{.spec.env[-1].value}", "/two"),
    "slice of one": ("/{.spec.env[1:2].value}", "/two"),
    "wildcard that matches once": ("/{.spec.model.*}", "/llama"),
    "descendant that matches once": ("/{..uid}", "/8a7b"),
    "unicode value": ("/{.metadata.annotations['note']}".replace("note", "query"), "/a%3Fb%23c"),
    "percent in a value": ("/{.metadata.annotations['percent']}", "/50%25"),
    "star in a value": ("/{.metadata.annotations['star']}", "/%2A"),
    "dots within a segment": ("/a{.metadata.annotations['dots']}b", "/a..b"),
    "empty value drops its segment": ("/{.metadata.labels['empty']}/a", "/a"),
    "empty value in a segment": ("/a{.metadata.labels['empty']}/b", "/a/b"),
}


@pytest.mark.parametrize(("template", "path"), GOOD.values(), ids=GOOD)
def test_a_template_gives_its_path(template, path):
    assert render(template, SERVICE, "llama-3") == Path(path)


BAD = {
    "empty": ("", "empty path"),
    "empty by its values": ("/{.metadata.labels['empty']}/", "empty path"),
    "nothing there": ("/{.metadata.labels['missing']}", "matches nothing"),
    "nothing there, deep": ("/{.a.b.c}", "matches nothing"),
    "null": ("/{.spec.nothing}", "no value"),
    "object": ("/{.metadata}", "not a single"),
    "list": ("/{.spec.env}", "not a single"),
    "several": ("/{.spec.env[*].value}", "matches 2 values"),
    "several by descent": ("/{..name}", "matches 3 values"),
    "several fields": ("/{.metadata['name','uid']}", "too complex"),
    "one field many times": ("/{" + "['metadata','metadata']" * 9 + "}", "too complex"),
    "one index many times": ("/{.spec.env" + "[0,0]" * 9 + "}", "too complex"),
    "back to the root": ("/{.*.$.*.$.*}", "too complex"),
    "index too large": ("/{.spec.env[9].value}", "matches nothing"),
    "index far too large": ("/{.spec.env[99999999999999999999].value}", ""),
    "index of an object": ("/{.spec[0]}", ""),
    "slash in a value": ("/{.metadata.annotations['note']}", "slash"),
    "dot segment": ("/a/./b", "segment"),
    "dot dot segment": ("/a/../b", "segment"),
    "dot dot from a value": ("/a/{.metadata.annotations['dots']}/b", "segment"),
    "dot dot from two values": ("/{.metadata.annotations['dot']}{.metadata.annotations['dot']}", "segment"),
    "unclosed brace": ("/{.metadata.name", "braces"),
    "unopened brace": ("/.metadata.name}", "braces"),
    "nested braces": ("/{{.metadata.name}}", "braces"),
    "unclosed quote": ("/{.metadata.labels['team]}", "braces"),
    "no expression": ("/{}", "not a JSONPath"),
    "blank expression": ("/{ }", "not a JSONPath"),
    "no jsonpath": ("/{.metadata..}", "not a JSONPath"),
    "kubectl's escapes": (r"/{.metadata.labels.app\.kubernetes\.io/name}", "not a JSONPath"),
    "filter": ("/{.spec.env[?(@.name=='A')].value}", "not a JSONPath"),
    "unknown operator": ("/{.spec.`len`}", "not a JSONPath"),
    "parent": ("/{.metadata.name.`parent`.uid}", "no place in a route"),
    "union": ("/{.metadata.name|uid}", "no place in a route"),
    "where": ("/{.metadata where name}", "no place in a route"),
    "two descents": ("/{..*..*..*}", "too complex"),
    "a long chain": ("/{" + ".a" * 100 + "}", "too complex"),
    "a long expression": ("/{." + "a" * 600 + "}", "more than 512"),
    "a long template": ("/a" * 3000, "more than 4096"),
    "deep parentheses": ("/{" + "(" * 200 + "a" + ")" * 200 + "}", ""),
    "half a character": ("/\ud800", "not Unicode"),
}


@pytest.mark.parametrize(("template", "message"), BAD.values(), ids=BAD)
def test_a_template_that_gives_no_path_says_why(template, message):
    outcome = render(template, SERVICE, "llama-3")
    assert isinstance(outcome, InvalidRoute)
    assert message in outcome.message


@pytest.mark.parametrize("name", [None], ids=["unresolved"])
def test_a_model_that_is_not_resolved_is_missing_data(name):
    assert render("/{.spec.model}", SERVICE, name) == InvalidRoute("{.spec.model} has no value")


@pytest.mark.parametrize(("length", "fits"), [(198, True), (199, True), (200, False), (201, False)])
def test_a_path_has_fewer_than_200_characters(length, fits):
    outcome = render("/" + "a" * (length - 1), SERVICE, None)
    assert isinstance(outcome, Path if fits else InvalidRoute)


def test_the_length_counts_after_encoding():
    assert isinstance(render("/" + "ü" * 33, SERVICE, None), Path)
    assert render("/" + "ü" * 34, SERVICE, None) == InvalidRoute("the path has 205 characters, 199 are allowed")


def test_dropped_slashes_do_not_count():
    assert render("/" * 300 + "a", SERVICE, None) == Path("/a")


def test_the_default_is_namespace_and_uid():
    assert default_path("ml-team", "8a7b") == Path("/ml-team/8a7b")


@pytest.mark.parametrize("value", ["\ud800", "ﬀ", "İ", "a\x00b", "a\nb", "日本", "%2e%2e"], ids=ascii)
def test_any_value_gives_a_clean_path_or_none(value):
    outcome = render("/{.v}", {"v": value}, None)
    if isinstance(outcome, Path):
        assert outcome.value.isascii()
        assert outcome.value.isprintable()
        assert outcome.value not in {"/.", "/.."}


@given(st.text(max_size=60))
def test_any_text_renders_or_is_refused(template):
    outcome = render(template, SERVICE, "m")
    if isinstance(outcome, Path):
        assert outcome.value.startswith("/")
        assert "//" not in outcome.value
        assert len(outcome.value) < 200


@given(st.text(alphabet="$.*[]'\":,()|&@`abc0-? \\", max_size=30))
def test_any_expression_renders_or_is_refused(expression):
    render(f"/{{{expression}}}", SERVICE, "m")


def test_a_deep_object_is_refused_not_fatal():
    deep: dict = {}
    for _ in range(5000):
        deep = {"a": deep}
    assert isinstance(render("/{..nothing}", deep, None), InvalidRoute)


def test_the_grammar_is_imported_when_it_is_needed():
    code = "import sys, aimctrl.aim.routing; assert not any(name.startswith('jsonpath_ng') for name in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
