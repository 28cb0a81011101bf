from pathlib import Path

import yaml

from aimctrl import manifests

COMMITTED = Path(__file__).parents[2] / "deploy" / "crds"


def test_the_committed_crds_are_the_generated_ones():
    committed = {path.name: path.read_text(encoding="utf-8") for path in COMMITTED.glob("aim.*")}
    assert committed == manifests.crd_files(), "run `make crds` and commit the result"


def test_crds_are_sorted_by_name():
    names = [crd["metadata"]["name"] for crd in manifests.crds()]
    assert names == sorted(names)
    assert len(names) == 11


def test_the_text_is_plain_yaml_that_says_what_the_crds_say():
    text = manifests.to_yaml(manifests.crds())
    assert list(yaml.safe_load_all(text)) == manifests.crds()
    assert "&id" not in text


def test_two_runs_give_the_same_bytes():
    assert manifests.crd_files() == manifests.crd_files()
