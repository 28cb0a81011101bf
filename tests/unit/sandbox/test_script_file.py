import pytest

from aimctrl.sandbox.aim_image import AimImage
from aimctrl.sandbox.script import ImageScript, Launch
from aimctrl.sandbox.script_file import ScriptFileError, parse_scripts


def test_a_file_tells_images_gateways_claims_and_the_default():
    scripts = parse_scripts(
        """
        images:
          "*/aim-*": {aim: {model: org/m, size_gb: 2.5}}
          "*/aim-broken:*": {pull_error: not-found, pull_seconds: 1}
        gateways: {"closed": refused}
        claims: {"slow-*": pending}
        default: {log: "hello\\n", runs_forever: true}
        """
    )
    dry = Launch("r.example/aim-m:1", args=("dry-run",))
    assert scripts.find(dry) == AimImage(model="org/m", size_gb=2.5)(dry)
    assert scripts.find(Launch("r.example/aim-broken:1")) == ImageScript(pull_error="not-found", pull_seconds=1)
    assert scripts.find(Launch("other")) == ImageScript(log="hello\n", runs_forever=True)
    assert scripts.find_gateway("closed") == "refused"
    assert scripts.find_claim("slow-cache") == "pending"


def test_an_empty_file_is_a_stage_without_directions():
    assert parse_scripts("").find(Launch("a")) == ImageScript()


@pytest.mark.parametrize(
    ("text", "where"),
    [
        pytest.param("images: {a: {run_second: 1}}", "images[a].run_second", id="an unknown field"),
        pytest.param("images: {a: {pull_error: maybe}}", "images[a].pull_error", id="a value that is none"),
        pytest.param("images: {a: {aim: {size: 1}}}", "images[a].aim.size", id="an unknown field of an AIM image"),
        pytest.param("default: {run_seconds: soon}", "default.run_seconds", id="the default"),
        pytest.param("gateways: {a: shut}", "script file.gateways.a", id="a verdict that is none"),
        pytest.param("image: {}", "script file.image", id="an unknown section"),
        pytest.param("- a", "script file", id="a list"),
        pytest.param("{", "script file", id="no YAML"),
    ],
)
def test_an_error_names_the_field(text, where):
    with pytest.raises(ScriptFileError) as caught:
        parse_scripts(text)
    assert str(caught.value).startswith(where)
