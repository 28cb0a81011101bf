import pytest
import yaml

from aimctrl.kube.yaml_text import load, load_all


def test_values_are_plain():
    assert load("a: [1, '2', null, {b: true}]") == {"a": [1, "2", None, {"b": True}]}
    assert load(b"") is None


def test_documents_come_one_by_one():
    assert list(load_all("a: 1\n---\nb: 2\n")) == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize("text", ["a: [", "!!python/object/apply:os.getcwd []"], ids=["broken", "code"])
def test_what_is_broken_or_more_than_a_value_is_refused(text):
    with pytest.raises(yaml.YAMLError):
        load(text)
