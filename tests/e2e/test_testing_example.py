"""The fixtures of `aimctrl.testing`, as somebody else's tests use them: in a folder of their own."""

import sys
from pathlib import Path

import pytest

from aimctrl import testing
from controlplane import ControlPlane
from support.pages import DOCS, blocks

pytest_plugins = ["pytester"]

PAGE = DOCS / "how-to" / "test-a-controller.md"
SOURCE = Path(testing.__file__).parents[1]


def shown(containing: str) -> str:
    """The page's Python block with that text in it."""
    (block,) = (block.text for block in blocks(PAGE) if block.language == "python" and containing in block.text)
    return block


@pytest.fixture
def theirs(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with the page's controller in it, and aimctrl installed."""
    monkeypatch.setenv("PYTHONPATH", str(SOURCE))
    pytester.makefile(
        ".toml",
        pyproject='[tool.pytest.ini_options]\nasyncio_mode = "auto"\nasyncio_default_fixture_loop_scope = "function"\npythonpath = ["."]\n',
    )
    pytester.makepyfile(greeter=shown("class Greeter"), conftest='pytest_plugins = ["aimctrl.testing"]\n')
    return pytester


def run(theirs: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return theirs.run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments, timeout=120)


def test_the_example_needs_no_conftest(theirs: pytest.Pytester) -> None:
    theirs.makepyfile(conftest="", test_greeter='pytest_plugins = ["aimctrl.testing"]\n' + shown("async def test_"))
    run(theirs).assert_outcomes(passed=2)


def test_the_example_fails_where_the_controller_is_wrong(theirs: pytest.Pytester) -> None:
    wrong = shown("class Greeter").replace('{"hello": who}', '{"hello": "nobody"}')
    test = shown("async def test_").replace("eventually(greeting)", "eventually(greeting, timeout=0.3)")
    theirs.makepyfile(greeter=wrong, test_greeter=test)
    done = run(theirs, "-k", "deleted")
    done.assert_outcomes(failed=1, deselected=1)
    done.stdout.fnmatch_lines(["*AssertionError: not within 0.3 s; seen last: False*"])


def test_the_example_passes_on_a_real_cluster(theirs: pytest.Pytester, control_plane: ControlPlane) -> None:
    theirs.makepyfile(test_greeter=shown("async def test_").replace('"home"', '"testing-example"'))
    run(theirs, f"--aimctrl-apiserver=real:{control_plane.kubeconfig}").assert_outcomes(passed=1, skipped=1)


def test_pods_run_on_nodes_that_were_made(theirs: pytest.Pytester) -> None:
    theirs.makepyfile(
        test_pods="""
        from aimctrl.kube.core import NODES, PODS
        from aimctrl.kube.kinds import Key
        from aimctrl.sandbox.script import ImageScript

        async def test_a_pod_fails_as_scripted(client, namespace, kubelet, eventually):
            kubelet.set("*/job:*", ImageScript(exit_code=3))
            await client.create(NODES, {"metadata": {"name": "one"}})
            spec = {"containers": [{"name": "main", "image": "registry.test/job:v1"}], "restartPolicy": "Never"}
            await client.create(PODS, {"metadata": {"name": "job", "namespace": namespace}, "spec": spec})

            async def failed():
                return PODS.decode(await client.get(PODS, Key(namespace, "job"))).status.phase == "Failed"

            await eventually(failed)
        """
    )
    run(theirs).assert_outcomes(passed=1)


def test_faults_are_to_be_had(theirs: pytest.Pytester) -> None:
    theirs.makepyfile(
        test_faults="""
        import pytest
        from aimctrl.kube.core import NODES
        from aimctrl.runtime import Controller, Result
        from aimctrl.runtime.errors import ServerError
        from aimctrl.sandbox.apiserver.faults import WRITES, Fault

        async def test_refusal(client, faults):
            faults.add(Fault(code=500, resource="nodes"))
            with pytest.raises(ServerError):
                await client.list_page(NODES)
            faults.clear()
            assert (await client.list_page(NODES)).items == []

        async def test_a_clock_that_jumps(client, faults):
            faults.add(Fault(verbs=WRITES, clock=-86400 * 365 * 10))
            created = await client.create(NODES, {"metadata": {"name": "n"}})
            assert created.creation_timestamp.year < 2020

        async def test_a_manager_survives_that_the_past_is_forgotten(manager, client, faults, eventually):
            seen = []

            class Noting:
                async def reconcile(self, request):
                    seen.append(request.key.name)
                    return Result()

            rule = faults.add(Fault(verbs=("create",), resource="nodes", every=2, compact=True))
            manager.add(Controller("noting", NODES, Noting()))
            await manager.start()
            for name in "abcd":
                await client.create(NODES, {"metadata": {"name": name}})
            await eventually(lambda: set(seen) == set("abcd"), timeout=60)
            assert rule.struck == 2
        """
    )
    run(theirs).assert_outcomes(passed=3)


def test_what_breaks_a_manager_fails_its_test(theirs: pytest.Pytester) -> None:
    theirs.makepyfile(
        test_broken="""
        async def test_one(manager):
            async def broken():
                raise RuntimeError("it broke")

            manager.add_runnable(broken, name="broken")
            await manager.start()
        """
    )
    done = run(theirs)
    done.stdout.fnmatch_lines(["*RuntimeError: it broke*"])
    assert done.ret == 1


@pytest.mark.parametrize("server", ["elsewhere", "real:", "real:/nowhere/kubeconfig"])
def test_unknown_server_is_wrong_usage(theirs: pytest.Pytester, server: str) -> None:
    done = run(theirs, f"--aimctrl-apiserver={server}")
    assert done.ret == 4
    assert "--aimctrl-apiserver" in done.stderr.str()
