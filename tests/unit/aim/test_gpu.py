import msgspec
import pytest

from aimctrl.aim.gpu import Inventory
from aimctrl.kube.kinds import Key
from aimctrl.runtime.store import Change, Entry

MI300X = {"amd.com/gpu.device-id": "74a1"}
A100 = {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB"}
EIGHT_AMD = {"amd.com/gpu": "8"}
EIGHT_NVIDIA = {"nvidia.com/gpu": "8"}


@pytest.fixture
def inventory():
    return Inventory()


@pytest.fixture
def told(inventory):
    calls = []
    inventory.subscribe(lambda came, went: calls.append((sorted(came), sorted(went))))
    return calls


def entry(labels=None, capacity=None, **status):
    raw = {"metadata": {"name": "n", "labels": labels or {}}, "status": {"capacity": capacity or {}, **status}}
    return Entry(raw=msgspec.json.encode(raw), version=1, generation=0)


def change(old, new):
    return Change(Key("", "n"), old, new)


def test_an_empty_inventory_has_nothing(inventory):
    assert inventory.models() == ()
    assert not inventory.has("MI300X")
    assert inventory.count("MI300X") == 0
    assert not inventory.nodes("MI300X")
    assert inventory.affinity_terms("H100") == ()


def test_any_spelling_of_a_model_is_found(inventory):
    inventory.update_node("n", MI300X, EIGHT_AMD)
    assert all(inventory.has(name) for name in ("MI300X", "mi300x", "Instinct MI300X", "AMD_Instinct_MI300X_OAM"))
    assert not inventory.has("MI325X")


def test_nodes_and_gpus_are_counted_over_the_cluster(inventory):
    inventory.update_node("b", MI300X, EIGHT_AMD)
    inventory.update_node("a", {"beta.amd.com/gpu.device-id.74a9": "2"}, {"amd.com/gpu": "2"})
    inventory.update_node("c", A100, EIGHT_NVIDIA)
    assert inventory.models() == ("A100", "MI300X")
    assert inventory.nodes("MI300X") == {"a": 2, "b": 8}
    assert inventory.count("MI300X") == 10


def test_a_model_is_there_whatever_is_free(inventory):
    inventory.update_node("n", MI300X, {"amd.com/gpu": "0"})
    assert inventory.has("MI300X")
    assert inventory.count("MI300X") == 0


def test_subscribers_hear_when_a_model_comes_and_when_its_last_node_goes(inventory, told):
    inventory.update_node("a", MI300X, EIGHT_AMD)
    inventory.update_node("b", MI300X, EIGHT_AMD)
    inventory.remove_node("a")
    inventory.remove_node("b")
    inventory.remove_node("b")
    assert told == [(["MI300X"], []), ([], ["MI300X"])]
    assert inventory.models() == ()


def test_a_node_that_changes_its_gpus_is_one_message(inventory, told):
    inventory.update_node("a", MI300X, EIGHT_AMD)
    inventory.update_node("a", A100, EIGHT_NVIDIA)
    assert told[1:] == [(["A100"], ["MI300X"])]


def test_labels_that_go_take_the_model_with_them(inventory, told):
    inventory.update_node("a", MI300X, EIGHT_AMD)
    inventory.update_node("a", {}, EIGHT_AMD)
    assert told[1:] == [([], ["MI300X"])]


def test_a_changed_count_is_kept_and_not_told(inventory, told):
    inventory.update_node("a", MI300X, EIGHT_AMD)
    inventory.update_node("a", MI300X, {"amd.com/gpu": "4"})
    assert inventory.count("MI300X") == 4
    assert len(told) == 1


def test_a_new_list_of_nodes_replaces_all_and_is_told_once(inventory, told):
    inventory.update_node("a", MI300X, EIGHT_AMD)
    inventory.replace(
        [("b", A100, EIGHT_NVIDIA), ("c", MI300X, EIGHT_AMD), ("d", {"amd.com/gpu.device-id": "74a5"}, {})]
    )
    assert told[1:] == [(["A100", "MI325X"], [])]
    assert inventory.nodes("MI300X") == {"c": 8}
    inventory.replace([])
    assert told[2:] == [([], ["A100", "MI300X", "MI325X"])]


def test_the_same_list_again_is_no_news(inventory, told):
    nodes = [("b", A100, EIGHT_NVIDIA)]
    inventory.replace(nodes)
    inventory.replace(nodes)
    assert len(told) == 1


def test_an_inventory_is_the_same_whatever_way_it_came_about(inventory):
    other = Inventory()
    for step in range(50):
        name = f"n{step % 7}"
        if step % 5 == 4:
            inventory.remove_node(name)
        else:
            inventory.update_node(name, [MI300X, A100, {}][step % 3], {"amd.com/gpu": str(step), "nvidia.com/gpu": "1"})
    other.replace((node, dict(facts.labels), dict(facts.capacity)) for node, facts in inventory._facts.items())
    assert other.models() == inventory.models()
    for model in other.models():
        assert other.nodes(model) == inventory.nodes(model)
        assert other.count(model) == inventory.count(model)
        assert other.affinity_terms(model) == inventory.affinity_terms(model)


@pytest.mark.parametrize(
    ("labels", "model", "resource"),
    [
        (MI300X, "MI300X", "amd.com/gpu"),
        (A100, "a100", "nvidia.com/gpu"),
        ({"nvidia.com/gpu.product": "Graphics-Device"}, "Graphics Device", "nvidia.com/gpu"),
        ({}, "H100", "nvidia.com/gpu"),
        ({}, "MI355X", "amd.com/gpu"),
    ],
    ids=["amd", "nvidia", "as labelled", "nvidia by name", "amd by name"],
)
def test_the_vendor_decides_the_resource(inventory, labels, model, resource):
    inventory.update_node("n", labels, {})
    assert inventory.vendor_of(model) == resource


def term(key, operator, *values):
    return {"matchExpressions": [{"key": key, "operator": operator, **({"values": list(values)} if values else {})}]}


def test_affinity_names_every_id_of_an_amd_model_seen_or_not(inventory):
    suffixes = [f"{prefix}amd.com/gpu.device-id.{found}" for prefix in ("", "beta.") for found in ("74a5", "74b9")]
    assert inventory.affinity_terms("MI325X") == (
        term("amd.com/gpu.device-id", "In", "74a5", "74b9"),
        term("beta.amd.com/gpu.device-id", "In", "74a5", "74b9"),
        *(term(key, "Exists") for key in suffixes),
    )


def test_affinity_has_raw_amd_values_as_they_were_written(inventory):
    inventory.update_node("a", {"amd.com/gpu.device-id": "0x74A5"}, {})
    inventory.update_node("b", {"beta.amd.com/gpu.device-id.0x74B9": "1"}, {})
    inventory.update_node("c", {"amd.com/gpu.family": "MI325X"}, {})
    terms = inventory.affinity_terms("MI325X")
    assert term("amd.com/gpu.device-id", "In", "0x74A5", "74a5", "74b9") in terms
    assert term("beta.amd.com/gpu.device-id.0x74B9", "Exists") in terms
    assert term("amd.com/gpu.family", "In", "MI325X") in terms


def test_affinity_has_the_nvidia_values_seen_one_term_per_label(inventory):
    inventory.update_node("a", {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB"}, {})
    inventory.update_node("b", {"nvidia.com/gpu.product": "A100-PCIE-40GB"}, {})
    inventory.update_node("c", {"feature.node.kubernetes.io/nvidia-gpu-model": "A100"}, {})
    inventory.update_node("d", {"nvidia.com/gpu.product": "NVIDIA-H100-NVL"}, {})
    assert inventory.affinity_terms("A100") == (
        term("nvidia.com/gpu.product", "In", "A100-PCIE-40GB", "NVIDIA-A100-SXM4-80GB"),
        term("feature.node.kubernetes.io/nvidia-gpu-model", "In", "A100"),
    )
    inventory.remove_node("b")
    assert inventory.affinity_terms("A100")[0] == term("nvidia.com/gpu.product", "In", "NVIDIA-A100-SXM4-80GB")


def test_nodes_are_followed_through_the_informers_changes(inventory, told):
    inventory.on_change(change(None, entry(MI300X, EIGHT_AMD)))
    inventory.on_change(change(entry(MI300X, EIGHT_AMD), entry(MI300X, EIGHT_AMD, conditions=[{"type": "Ready"}])))
    inventory.on_change(change(entry(MI300X, EIGHT_AMD), None))
    assert told == [(["MI300X"], []), ([], ["MI300X"])]


def test_a_node_of_another_shape_has_no_gpus(inventory, told):
    inventory.on_change(change(None, entry(MI300X, EIGHT_AMD)))
    broken = Entry(raw=b'{"metadata":{"labels":7}}', version=2, generation=0)
    inventory.on_change(change(None, broken))
    assert told[1:] == [([], ["MI300X"])]


RELEVANT = {
    "a heartbeat": (
        entry(MI300X, EIGHT_AMD),
        entry(MI300X, EIGHT_AMD, conditions=[{"type": "Ready", "status": "True"}]),
        False,
    ),
    "another label": (entry(MI300X, EIGHT_AMD), entry(MI300X | {"x": "y"}, EIGHT_AMD), False),
    "another resource": (entry(MI300X, EIGHT_AMD), entry(MI300X, EIGHT_AMD | {"cpu": "9"}), False),
    "gpu label": (entry(MI300X, EIGHT_AMD), entry({"amd.com/gpu.device-id": "74a5"}, EIGHT_AMD), True),
    "gpu capacity": (entry(MI300X, EIGHT_AMD), entry(MI300X, {"amd.com/gpu": "7"}), True),
    "a gpu node comes": (None, entry(MI300X), True),
    "a gpu node goes": (entry(MI300X), None, True),
    "another node comes": (None, entry({"x": "y"}), False),
    "another node goes": (entry({"x": "y"}), None, False),
}


@pytest.mark.parametrize(("old", "new", "relevant"), RELEVANT.values(), ids=RELEVANT)
def test_only_gpu_labels_and_capacity_are_relevant(inventory, told, old, new, relevant):
    def known():
        models = inventory.models()
        return [(name, dict(inventory.nodes(name)), inventory.affinity_terms(name)) for name in models]

    inventory.on_change(change(None, old))
    told.clear()
    before = known()
    inventory.on_change(change(old, new))
    assert (known() != before) is relevant
    assert told == [] or relevant
