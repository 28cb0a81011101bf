"""What a model stands on, and its templates."""

from aimctrl.aim.explain.surroundings import TemplateSeen
from aimctrl.aim.model.decide import decide
from aimctrl.aim.remedies import REMEDIES
from aimctrl.kube.conditions import Condition
from aimctrl.kube.kinds import Key
from unit.aim.explain.look import explained, words
from unit.aim.model.samples import FAST, IMAGE, read, seen

READY = Condition("Ready", "False", "GPUNotAvailable", "no node has the GPU model MI210")
TEMPLATES = (
    TemplateSeen("AIMServiceTemplate", Key("ns", "big"), "NotAvailable", READY, "MI210"),
    TemplateSeen("AIMServiceTemplate", Key("ns", "new"), "Pending", None, ""),
)


def test_its_image_and_metadata() -> None:
    world = seen(read(FAST))
    told = explained(world, decide(world))
    assert words(told, "image") == (IMAGE, "its labels are read", "")
    assert words(told, "metadata") == ("x/llama", "recommends 1 deployment", "")
    assert words(told, "templates") == ("0", "name this model", "")


def test_without_discovery_nothing_is_known_of_the_image() -> None:
    world = seen(discovery={"enabled": False})
    told = explained(world, decide(world))
    assert words(told, "image") == (IMAGE, "its labels are not read", "")
    assert words(told, "metadata") == ("none", "", "")


def test_its_templates_and_their_gpus() -> None:
    world = seen(read())
    told = explained(world, decide(world), templates=TEMPLATES)
    assert [(one.name, one.state, one.reason) for one in told.templates] == [
        ("big", "NotAvailable", "GPUNotAvailable"),
        ("new", "Pending", ""),
    ]
    assert [(one.remedy, one.see) for one in told.templates] == [
        (REMEDIES["GPUNotAvailable"].text, "aimctrl explain template ns/big"),
        ("", ""),
    ]
    assert [(gpu.model, gpu.nodes, gpu.wanted_by) for gpu in told.gpus] == [
        ("MI210", 0, ('AIMServiceTemplate "ns/big"',)),
        ("MI300X", 1, ()),
    ]
