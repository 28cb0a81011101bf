"""Which form of an answer is chosen, and which bodies are read."""

import pytest

from aimctrl.sandbox.apiserver.errors import StatusError
from aimctrl.sandbox.apiserver.negotiation import JSON, PROTOBUF, YAML, Form, decoded, form_of, media_of

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"

FORMS = {
    "": Form(),
    "*/*": Form(),
    YAML: Form(YAML),
    f"{PROTOBUF},{JSON}": Form(),
    f"{TABLE},{JSON}": Form(JSON, "Table"),
    f"{TABLE.replace('v1', 'v1beta1')}, {JSON}": Form(JSON, "Table", "v1beta1"),
    f"{JSON};as=Table;g=other.k8s.io;v=v1, {JSON}": Form(),
    f"{JSON};as=PartialObjectMetadata;g=meta.k8s.io;v=v1": Form(JSON, "PartialObjectMetadata"),
}


@pytest.mark.parametrize(("accept", "form"), FORMS.items())
def test_the_first_form_that_the_server_has_is_chosen(accept: str, form: Form):
    assert form_of(accept) == form


@pytest.mark.parametrize("accept", ["text/html", PROTOBUF])
def test_other_forms_are_not_acceptable(accept: str):
    with pytest.raises(StatusError) as refused:
        form_of(accept)
    assert refused.value.code == 406


def test_parameters_of_a_media_type_do_not_matter():
    assert media_of(f"{JSON}; charset=utf-8") == JSON
    assert media_of("") == JSON


BODIES = {
    "JSON": (b'{"a":1}', JSON),
    "YAML": (b"a: 1", YAML),
    "JSON as YAML": (b'{"a": 1}', YAML),
    "YAML that begins like JSON": (b"{a: 1}", YAML),
    "YAML that begins as JSON": (b'{"a": 1} # one', YAML),
}


@pytest.mark.parametrize(("body", "media"), BODIES.values(), ids=BODIES)
def test_bodies_are_read(body: bytes, media: str):
    assert decoded(body, media) == {"a": 1}


BROKEN = {
    "JSON": (b"{", JSON, 400),
    "YAML": (b"a: [", YAML, 400),
    "neither JSON nor YAML": (b'{"a": 1', YAML, 400),
    "two of JSON as YAML": (b'{"a": 1}{"a": 2}', YAML, 400),
    "Protobuf": (b"{}", PROTOBUF, 400),
    "another": (b"{}", "text/plain", 415),
}


@pytest.mark.parametrize(("body", "media", "code"), BROKEN.values(), ids=BROKEN)
def test_bodies_that_cannot_be_read_are_refused(body: bytes, media: str, code: int):
    with pytest.raises(StatusError) as refused:
        decoded(body, media)
    assert refused.value.code == code
