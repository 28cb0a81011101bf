"""What the labels of an image say."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimctrl.aim.model.deployments import MOST_DEPLOYMENTS, TEXT_LIMIT, LabelsError
from aimctrl.aim.model.labels import LABELS_LIMIT, read_labels
from aimctrl.api.model import ModelStatus

OLD, NEW = "org.amd.silogen.", "com.amd.aim."
NAMED = {f"{OLD}model.canonicalName": "meta-llama/Llama-3.1-8B-Instruct"}

FAST = {"gpuModel": "MI300X", "gpuCount": 1, "metric": "latency", "precision": "fp8"}
WIDE = {"gpuModel": "MI325X", "gpuCount": 8, "metric": "throughput", "precision": "bf16", "profileId": "p-1"}


def deployments(text, name="model.recommendedDeployments"):
    found = read_labels(NAMED | {f"{OLD}{name}": text}).model.recommended_deployments
    return [deployment.wire() for deployment in found]


def test_all_labels_have_their_place():
    labels = NAMED | {
        f"{OLD}model.source": "https://huggingface.co/x",
        f"{OLD}model.tags": "text-generation, chat,, instruction",
        f"{OLD}model.versions": "1.0",
        f"{OLD}model.variants": "['amd/x-FP8', 'meta/x']",
        f"{OLD}title": "Llama",
        f"{OLD}description.full": "A model.\nIt answers.",
        f"{OLD}release.notes": "",
        f"{OLD}hfToken.required": "True",
        f"{OLD}model.deployments": json.dumps([FAST]),
        "org.opencontainers.image.version": "1.2.0",
        "org.opencontainers.image.vendor": "AMD",
        "maintainer": "somebody",
    }
    found = read_labels(labels)
    assert found.model.wire() == {
        "canonicalName": "meta-llama/Llama-3.1-8B-Instruct",
        "source": "https://huggingface.co/x",
        "title": "Llama",
        "descriptionFull": "A model.\nIt answers.",
        "tags": ["text-generation", "chat", "instruction"],
        "versions": ["1.0"],
        "variants": ["amd/x-FP8", "meta/x"],
        "hfTokenRequired": True,
        "recommendedDeployments": [FAST],
    }
    assert found.oci == {"vendor": "AMD", "version": "1.2.0"}
    assert found.original_labels == labels
    assert list(found.original_labels) == sorted(labels)


@pytest.mark.parametrize(
    ("labels", "title"),
    [
        ({f"{OLD}title": "old"}, "old"),
        ({f"{NEW}title": "new"}, "new"),
        ({f"{OLD}title": "old", f"{NEW}title": "new"}, "new"),
        ({f"{OLD}title": "old", f"{NEW}title": " "}, "old"),
        ({f"{OLD}title": " "}, None),
    ],
    ids=["older prefix", "newer prefix", "newer wins", "unless it is blank", "blank"],
)
def test_both_prefixes_are_read(labels, title):
    assert read_labels(NAMED | labels).model.title == title


@pytest.mark.parametrize("labels", [{}, {f"{OLD}model.canonicalName": " "}, {"org.opencontainers.image.title": "x"}])
def test_without_a_canonical_name_there_is_no_model(labels):
    with pytest.raises(LabelsError, match=r"no label org\.amd\.silogen\.model\.canonicalName or com\.amd\.aim\."):
        read_labels(labels)


@pytest.mark.parametrize(
    ("text", "required"),
    [("true", True), ("True", True), ("1", True), ("False", False), ("no", False), ("maybe", None), ("", None)],
)
def test_whether_a_token_is_required(text, required):
    assert read_labels(NAMED | {f"{NEW}hfToken.required": text}).model.hf_token_required is required


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ()),
        (" , ", ()),
        ("a", ("a",)),
        ("a, b ,c", ("a", "b", "c")),
        ('["a", "b"]', ("a", "b")),
        ("['a, b', 'c']", ("a, b", "c")),
        ("[1, 2.5]", ("1", "2.5")),
        ("[]", ()),
        ("[a, b]", ("a", "b")),
        ("['a', {'b': 1}, None]", ("a",)),
        (r"['\ud800', 'a']", ("a",)),
        (f"[0x{'f' * 60_000}, 'a']", ("a",)),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_words_are_listed_in_several_ways_and_none_is_refused(text, words):
    assert read_labels(NAMED | {f"{OLD}model.tags": text}).model.tags == words


@pytest.mark.parametrize("name", ["model.deployments", "model.recommendedDeployments"])
@pytest.mark.parametrize(
    "text",
    [
        json.dumps([FAST, WIDE]),
        f"{json.dumps(FAST)}, {json.dumps(WIDE)}",
        str([FAST, WIDE]),
        f"{FAST}, {WIDE}",
        f"  {FAST},\n{WIDE}\n",
        f"{FAST}, {WIDE},",
    ],
    ids=["json", "json with commas", "python", "python with commas", "spaces", "a comma too many"],
)
def test_deployments_are_listed_in_several_ways(text, name):
    assert deployments(text, name) == [FAST, WIDE]


def test_a_single_deployment_needs_no_brackets():
    assert deployments(str(FAST)) == [FAST]


@pytest.mark.parametrize("text", ["", " ", "[]"])
def test_an_image_may_recommend_nothing(text):
    assert deployments(text) == []


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"gpuModel": "MI300X"}, {"gpuModel": "MI300X"}),
        ({"metric": "Latency ", "precision": "FP8"}, {"metric": "latency", "precision": "fp8"}),
        ({"gpuModel": "MI300X", "gpuCount": "8"}, {"gpuModel": "MI300X", "gpuCount": 8}),
        ({"metric": "latency", "precision": None, "gpuModel": ""}, {"metric": "latency"}),
        ({"profileId": "p", "description": "it's [good], {really}"}, {"profileId": "p", "description": "it's [good], {really}"}),
        ({"metric": "latency", "unknown": {"x": [1]}}, {"metric": "latency"}),
    ],
    ids=["only a GPU", "case", "a count as text", "unset", "description", "unknown fields"],
)  # fmt: skip
@pytest.mark.parametrize("write", [json.dumps, str], ids=["json", "python"])
def test_what_a_deployment_leaves_out_is_left_open(given, found, write):
    assert deployments(write([given])) == [found]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("latency", 'not a list of objects: "latency"'),
        ("[{'gpuModel': 'MI300X'}", "not a list of objects"),
        ("'a'", "deployment 1 is no object"),
        ("[1]", "deployment 1 is no object"),
        ("{}", "deployment 1 names no gpuModel"),
        ("{'gpuCount': 1, 'description': 'x'}", "deployment 1 names no gpuModel"),
        ("{'metric': 'latency'}, {'metric': 'speed'}", 'deployment 2: metric is "speed", which is none of latency, throughput'),
        ("{'precision': 'fp12'}", 'precision is "fp12", which is none of auto, fp4, fp8, fp16, fp32, bf16, int4, int8'),
        ("{'precision': 8}", "precision is 8"),
        ("{'metric': ['latency']}", "metric is a list"),
        ("{'gpuModel': 300}", "gpuModel is 300, not text"),
        (f"{{'gpuModel': '{'x' * 129}'}}", "not text of at most 128 characters"),
        ("{'gpuModel': 'MI300X', 'gpuCount': 0}", "gpuCount is 0, not a whole number from 1 to 1024"),
        ("{'gpuModel': 'MI300X', 'gpuCount': 1025}", "gpuCount is 1025"),
        ("{'gpuModel': 'MI300X', 'gpuCount': 1.0}", "gpuCount is 1.0"),
        ("{'gpuModel': 'MI300X', 'gpuCount': True}", "gpuCount is true"),
        ("{'gpuModel': 'MI300X', 'gpuCount': '٣'}", "gpuCount is"),
        (f"{{'gpuModel': 'MI300X', 'gpuCount': 0x{'f' * 1000}}}", "gpuCount is too large a number"),
        ("{'gpuModel': 'MI300X', 'gpuCount': 1e999}", "gpuCount is Infinity"),
        (r"{'gpuModel': '\ud800'}", "not text of at most"),
        (f"{{'profileId': '{'x' * 254}'}}", "not text of at most 253"),
    ],
    ids=lambda value: value[:40],
)  # fmt: skip
def test_what_no_template_could_have_is_refused(text, told):
    with pytest.raises(LabelsError) as caught:
        deployments(text)
    assert told in str(caught.value)
    assert len(str(caught.value)) < 300


HOSTILE = {
    "nested lists": "[" * 30_000 + "]" * 30_000,
    "nested objects": '{"a":' * 10_000 + "1" + "}" * 10_000,
    "nested parentheses": "(" * 30_000 + ")" * 30_000,
    "signs": "[" + "-" * 60_000 + "1]",
    "sums": "[1" + "+1" * 30_000 + "]",
    "a call": "[__import__('os').system('true')]",
    "a comprehension": "[x for x in (1,)]",
    "a format": "[f'{1}']",
    "many digits": f"[{'9' * 60_000}]",
    "an open string": "['" + "\\" * 60_000,
    "an open string with many quotes": "['" + "\\'" * 30_000,
    "many strings": "[" + "''" * 30_000 + "]",
    "zero bytes": "[\0]",
    "ellipsis": "[...]",
    "a set of sets": "[{{1}}]",
    "a list for a key": "[{[1]: 1}]",
    "a lone surrogate in JSON": '[{"gpuModel": "\\ud800"}]',
    "too long": "[" + " " * TEXT_LIMIT + "]",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_refused_like_any_other(text):
    with pytest.raises(LabelsError):
        deployments(text)


def test_more_deployments_than_anybody_means_are_refused():
    assert len(deployments(json.dumps([FAST] * MOST_DEPLOYMENTS))) == MOST_DEPLOYMENTS
    with pytest.raises(LabelsError, match="recommends 101 deployments, more than 100"):
        deployments(json.dumps([FAST] * (MOST_DEPLOYMENTS + 1)))


def test_labels_that_no_status_could_hold_are_refused():
    with pytest.raises(LabelsError, match="larger than 256 KiB"):
        read_labels(NAMED | {"x": "y" * LABELS_LIMIT})
    with pytest.raises(LabelsError, match="larger than 256 KiB"):
        read_labels(NAMED | {"x": "\0" * (LABELS_LIMIT // 6)})
    with pytest.raises(LabelsError, match="not Unicode"):
        read_labels(NAMED | {"x": "\ud800"})


def test_what_was_read_survives_the_status():
    found = read_labels(NAMED | {f"{OLD}model.deployments": str([FAST]), "é": "\0\u2028"})
    status = ModelStatus(image_metadata=found)
    assert ModelStatus.model_validate(status.wire()).image_metadata == found


@given(st.text() | st.text(alphabet="[]{}'\",:\\ 01aA.-"))
def test_any_text_is_a_list_of_deployments_or_refused(text):
    try:
        found = read_labels(NAMED | {f"{OLD}model.deployments": text, f"{OLD}model.tags": text})
    except LabelsError:
        return
    ModelStatus.model_validate(ModelStatus(image_metadata=found).wire())
