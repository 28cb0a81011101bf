"""The revision of the definitions: how an operator knows those of an earlier release, which drop what they lack."""

from collections.abc import Mapping
from typing import Final

REVISION: Final = 1
"""One more with every release that changes a schema; a test knows which schemas each revision had."""

ANNOTATION: Final = "aim.silogen.ai/schema-revision"
"""On each CustomResourceDefinition."""


def revision(annotations: Mapping[str, str]) -> int:
    """The revision of a definition; 0 where it has none."""
    said = annotations.get(ANNOTATION, "")
    return int(said) if said.isascii() and said.isdigit() else 0
