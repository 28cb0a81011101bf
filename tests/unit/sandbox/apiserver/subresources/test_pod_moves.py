from support.asking import Asker, asker

# The answers are those of kube-apiserver 1.36.

BUDGETS = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
NO_ROOM = "Cannot evict pod as it would violate the pod's disruption budget."


def binding(pod: str, **target: str):
    meta = {"name": pod, "labels": {"l": "m"}, "annotations": {"a": "b"}}
    return {"metadata": meta, "target": target}


def eviction(name: str, **options):
    return {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}, "deleteOptions": options}


async def pod(at: Asker, name: str):
    return (await at.ask("GET", f"{at.pods}/{name}"))[1]


async def test_a_binding_puts_a_pod_on_a_node():
    async with asker() as at:
        await at.have_pod("p")
        done = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
        assert await at.ask("POST", f"{at.pods}/p/binding", binding("p", kind="Node", name="n")) == (201, done)
        bound = await pod(at, "p")
        assert bound["spec"]["nodeName"] == "n"
        assert (bound["metadata"]["labels"], bound["metadata"]["annotations"]) == ({"l": "m"}, {"a": "b"})
        scheduled = {each["type"]: each["status"] for each in bound["status"]["conditions"]}
        assert scheduled == {"PodScheduled": "True"}


async def test_a_binding_that_makes_no_sense_is_refused():
    async with asker() as at:
        await at.have_pod("p")
        cases = [
            (binding("other", name="n"), 400, "name in URL does not match name in Binding object"),
            (binding("p"), 500, "target.name: Required value"),
            (
                binding("p", kind="Zone", name="n"),
                500,
                'target.kind: Unsupported value: "Zone": supported values: "Node", "<empty>"',
            ),
        ]
        for body, code, message in cases:
            assert await at.said("POST", f"{at.pods}/p/binding", body) == (code, message)
        missing = await at.said("POST", f"{at.pods}/q/binding", binding("q", name="n"))
        assert missing == (404, 'pods "q" not found')
        assert (await at.said("GET", f"{at.pods}/p/binding"))[0] == 405


async def test_a_pod_is_bound_once():
    async with asker() as at:
        await at.have_pod("p")
        await at.ask("POST", f"{at.pods}/p/binding", binding("p", name="n"))
        bindings = "/api/v1/namespaces/default/bindings"
        twice = 'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "n"'
        assert await at.said("POST", bindings, binding("p", name="other")) == (409, twice)


async def test_an_eviction_deletes_a_pod_and_a_dry_one_does_not():
    async with asker() as at:
        await at.have_pod("p")
        assert (await at.said("POST", f"{at.pods}/p/eviction", eviction("p", dryRun=["All"])))[0] == 201
        assert (await at.ask("GET", f"{at.pods}/p"))[0] == 200
        assert (await at.said("POST", f"{at.pods}/p/eviction", eviction("p")))[0] == 201
        assert (await at.ask("GET", f"{at.pods}/p"))[0] == 404
        other = await at.said("POST", f"{at.pods}/p/eviction", eviction("q"))
        assert other == (400, "name in URL does not match name in Eviction object")


async def test_a_budget_lets_as_many_go_as_it_says():
    async with asker() as at:
        for name in ("p", "q"):
            await at.have_pod(name, node="n", app="x")
            await at.patch_status(f"{at.pods}/{name}", {"phase": "Running"})
        selector = {"matchLabels": {"app": "x"}}
        await at.ask("POST", BUDGETS, {"metadata": {"name": "b"}, "spec": {"minAvailable": 1, "selector": selector}})
        code, answer = await at.ask("POST", f"{at.pods}/p/eviction", eviction("p"))
        assert (code, answer["message"], answer["details"]["retryAfterSeconds"]) == (429, NO_ROOM, 10)
        counts = {"currentHealthy": 2, "desiredHealthy": 1, "expectedPods": 2}
        await at.patch_status(f"{BUDGETS}/b", {"observedGeneration": 1, "disruptionsAllowed": 1, **counts})
        assert (await at.said("POST", f"{at.pods}/p/eviction", eviction("p")))[0] == 201
        going = await pod(at, "p")
        assert going["metadata"]["deletionGracePeriodSeconds"] == 30
        said = [(c["type"], c["reason"], c["message"]) for c in going["status"]["conditions"]]
        assert said == [("DisruptionTarget", "EvictionByEvictionAPI", "Eviction API: evicting")]
        code, answer = await at.ask("POST", f"{at.pods}/q/eviction", eviction("q"))
        (cause,) = answer["details"]["causes"]
        assert (code, answer["message"]) == (429, NO_ROOM)
        words = "The disruption budget b needs 1 healthy pods and has 2 currently"
        assert cause == {"reason": "DisruptionBudget", "message": words}
        status = (await at.ask("GET", f"{BUDGETS}/b"))[1]["status"]
        assert (status["disruptionsAllowed"], list(status["disruptedPods"])) == (0, ["p"])
