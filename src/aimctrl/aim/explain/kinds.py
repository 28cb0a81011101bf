"""What can be explained, and what to type for it."""

from types import MappingProxyType
from typing import Any

from aimctrl.aim.shared import MODEL_KINDS, TEMPLATE_KINDS
from aimctrl.api.kinds import AIM_MODEL_CACHE, AIM_SERVICE, AIM_TEMPLATE_CACHE
from aimctrl.kube.kinds import Key, Kind

EXPLAINED: MappingProxyType[str, tuple[Kind[Any], ...]] = MappingProxyType(
    {
        "service": (AIM_SERVICE,),
        "template": TEMPLATE_KINDS,
        "model": MODEL_KINDS,
        "templatecache": (AIM_TEMPLATE_CACHE,),
        "modelcache": (AIM_MODEL_CACHE,),
    }
)
"""By the word on the command line: the kinds, in the order in which a name is looked up."""

_WORDS = {kind.name: word for word, kinds in EXPLAINED.items() for kind in kinds}


def command(kind: str, key: Key) -> str:
    """The command that explains an object.

    Raises KeyError for a kind that is not explained.
    """
    return f"aimctrl explain {_WORDS[kind]} {key}"
