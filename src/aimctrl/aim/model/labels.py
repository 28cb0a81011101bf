"""What the labels of an AIM image say: untrusted text in, status.imageMetadata or a reason out (SPEC §2); pure.

`com.amd.aim.` is the newer prefix and wins where both are used. The deployments in
`model.recommendedDeployments` are read in `deployments.py`.
"""

from collections.abc import Mapping
from typing import Final

from aimctrl.aim.model.deployments import LabelsError, parse_deployments, parse_words
from aimctrl.api.model import ImageMetadata, ModelMetadata
from aimctrl.kube.names import canonical_json

PREFIXES: Final = ("com.amd.aim.", "org.amd.silogen.")
OCI_PREFIX: Final = "org.opencontainers.image."

LABELS_LIMIT: Final = 256 * 2**10
"""Bytes of JSON that all labels may have together: they go to a status twice, and etcd takes about 1.5 MB an object."""

_TRUE = frozenset({"true", "1", "yes"})
_FALSE = frozenset({"false", "0", "no"})


def read_labels(labels: Mapping[str, str]) -> ImageMetadata:
    """The metadata in an image's labels.

    Raises LabelsError, saying which label is missing or what is wrong with it.
    """
    _check_size(labels)
    name = _label(labels, "model.canonicalName")
    if not name:
        wanted = " or ".join(f"{prefix}model.canonicalName" for prefix in reversed(PREFIXES))
        raise LabelsError(f"the image has no label {wanted}")
    return ImageMetadata(
        model=ModelMetadata(
            canonical_name=name,
            source=_label(labels, "model.source"),
            title=_label(labels, "title"),
            description_full=_label(labels, "description.full"),
            release_notes=_label(labels, "release.notes"),
            tags=parse_words(_label(labels, "model.tags") or ""),
            versions=parse_words(_label(labels, "model.versions") or ""),
            variants=parse_words(_label(labels, "model.variants") or ""),
            hf_token_required=_switch(_label(labels, "hfToken.required") or ""),
            recommended_deployments=parse_deployments(
                _label(labels, "model.recommendedDeployments", "model.deployments") or ""
            ),
        ),
        oci={key.removeprefix(OCI_PREFIX): labels[key] for key in sorted(labels) if key.startswith(OCI_PREFIX)},
        original_labels={key: labels[key] for key in sorted(labels)},
    )


def _check_size(labels: Mapping[str, str]) -> None:
    try:
        size = len(canonical_json(dict(labels)))
    except UnicodeEncodeError as error:
        raise LabelsError("the labels hold text that is not Unicode") from error
    if size > LABELS_LIMIT:
        raise LabelsError(f"the labels are larger than {LABELS_LIMIT // 2**10} KiB together")


def _label(labels: Mapping[str, str], *names: str) -> str | None:
    """The first that is not blank, of the newer prefix before the older."""
    found = (labels.get(prefix + name, "").strip() for prefix in PREFIXES for name in names)
    return next((text for text in found if text), None)


def _switch(text: str) -> bool | None:
    """None for what is neither yes nor no: it is only told to people."""
    word = text.lower()
    return True if word in _TRUE else False if word in _FALSE else None
