import pytest

from aimctrl.sandbox.script import ImageScript, Launch, Scripts

QUICK, SLOW, FAILING = ImageScript(), ImageScript(run_seconds=60), ImageScript(exit_code=1)


@pytest.mark.parametrize(
    ("glob", "image", "matches"),
    [
        pytest.param("example.org/a:1", "example.org/a:1", True, id="the image itself"),
        pytest.param("*/a:*", "example.org/team/a:1", True, id="a star crosses slashes"),
        pytest.param("a:?", "a:1", True, id="a question mark is one character"),
        pytest.param("a:[12]", "a:3", False, id="a class"),
        pytest.param("*/A:1", "example.org/a:1", False, id="case counts"),
        pytest.param("a", "a:1", False, id="the whole image has to match"),
    ],
)
def test_images_are_matched_by_glob(glob, image, matches):
    scripts = Scripts(default=QUICK)
    scripts.set(glob, SLOW)
    assert scripts.find(Launch(image)) is (SLOW if matches else QUICK)


def test_the_glob_set_last_counts_even_if_it_had_been_set_before():
    scripts = Scripts()
    scripts.set("a*", SLOW)
    scripts.set("*", FAILING)
    assert scripts.find(Launch("a:1")) is FAILING
    scripts.set("a*", SLOW)
    assert scripts.find(Launch("a:1")) is SLOW


def test_a_removed_glob_no_longer_counts():
    scripts = Scripts(default=QUICK)
    scripts.set("a*", SLOW)
    scripts.remove("a*")
    scripts.remove("never set")
    assert scripts.find(Launch("a:1")) is QUICK


def test_a_function_decides_from_the_container_it_runs_in():
    scripts = Scripts(default=lambda launch: ImageScript(log=launch.env["WHO"]))
    assert scripts.find(Launch("a", env={"WHO": "x"})).output == b"x"


def test_a_log_of_bytes_stays_as_it_is():
    assert ImageScript(log=b"\xff\x00").output == b"\xff\x00"


def test_gateways_accept_routes_unless_told_otherwise():
    scripts = Scripts()
    scripts.set_gateway("closed-*", "refused")
    assert [scripts.find_gateway(name) for name in ("open", "closed-1")] == ["accepted", "refused"]


def test_claims_are_bound_unless_told_otherwise():
    scripts = Scripts()
    scripts.set_claim("slow-*", "pending")
    assert [scripts.find_claim(name) for name in ("fast", "slow-1")] == ["bound", "pending"]


def test_a_downloader_is_known_until_somebody_says_otherwise():
    scripts = Scripts(default=SLOW)
    download = Launch("mirror.example/kserve/storage-initializer:v1")
    assert scripts.find(download).runs_forever is False
    assert scripts.find(download) is not SLOW
    scripts.set("*", FAILING)
    assert scripts.find(download) is FAILING


def test_listeners_hear_of_changes_while_they_listen():
    heard: list[str] = []
    scripts = Scripts()
    with scripts.listening(lambda: heard.append("change")):
        scripts.set("a", SLOW)
        scripts.remove("a")
        scripts.set_gateway("g", "ignored")
    scripts.set("a", SLOW)
    assert heard == ["change"] * 3
