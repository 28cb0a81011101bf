"""What a removal takes, as it is shown."""

from aimctrl.aim.removal import Fate, Item, Thing
from aimctrl.api.kinds import AIM_SERVICE
from aimctrl.kube.core import PVCS
from aimctrl.kube.external import INFERENCE_SERVICES
from aimctrl.kube.meta import Meta
from aimctrl.render.removal import Shown, report
from aimctrl.render.tree import Look

HELD = Thing(AIM_SERVICE, Meta(name="chat", namespace="ml", finalizers=("aim.silogen.ai/service-cache",)))
ITEMS = (
    Item(Thing(AIM_SERVICE, Meta(name="plain", namespace="ml")), Fate.DELETED),
    Item(HELD, Fate.DELETED),
    Item(Thing(INFERENCE_SERVICES, Meta(name="chat", namespace="ml")), Fate.COLLECTED, "with its AIMService"),
    Item(Thing(PVCS, Meta(name="a", namespace="ml"), "Bound", "45Gi"), Fate.STAYS, "keeps the weights"),
    Item(Thing(PVCS, Meta(name="b", namespace="ml"), "", "512Mi"), Fate.COLLECTED, "with its AIMModelCache"),
)
STEPS = (("Delete the services.", ("kubectl delete",), ("kubectl patch",)), ("Remove the operator.", ("true",), ()))


def test_all_of_it() -> None:
    assert report(Shown(ITEMS, STEPS, ("Beware.",)), "aimctrl uninstall --yes", Look()) == (
        "KIND                   OBJECTS  BECOMES\n"
        "AIMService                   2  deleted\n"
        "InferenceService             1  collected: with its AIMService\n"
        "PersistentVolumeClaim        1  stays: keeps the weights\n"
        "PersistentVolumeClaim        1  collected: with its AIMModelCache\n"
        "\n"
        "Held by finalizers: where no operator runs, these stay Terminating when they are deleted, and their "
        "namespaces and definitions with them.\n"
        "  AIMService ml/chat: aim.silogen.ai/service-cache\n"
        "\n"
        "Volumes with cached weights, 46592Mi in all\n"
        "  PersistentVolumeClaim ml/a: 45Gi, Bound\n"
        "  PersistentVolumeClaim ml/b: 512Mi, Pending, collected\n"
        "\n"
        "In this order\n"
        "1. Delete the services.\n"
        "     kubectl delete\n"
        "   Where they stay Terminating, take the operator's finalizers off:\n"
        "     kubectl patch\n"
        "2. Remove the operator.\n"
        "     true\n"
        "\n"
        "Beware.\n"
        "\n"
        "Events expire by themselves. Secrets, namespaces, KServe and the Gateway API stay, and so does a "
        "PersistentVolume whose class retains it.\n"
        "\n"
        "Nothing was changed. All of it is done by: aimctrl uninstall --yes\n"
    )


def test_long_lists_are_cut_and_text_is_wrapped() -> None:
    many = tuple(Item(HELD, Fate.STAYS, "nobody acts on it") for _ in range(50))
    text = report(Shown(many, (), ()), "", Look(width=60))
    assert "… and 30 more" in text
    assert "Nothing was changed" not in text
    assert "is not installed here" in text
    assert all(len(line) <= 60 for line in text.splitlines())


def test_nothing_is_said_in_a_line() -> None:
    assert report(Shown((), (), ()), "", Look()) == "There is nothing of aimctrl here.\n"
