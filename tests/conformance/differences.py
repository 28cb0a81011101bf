"""Where the embedded server answers otherwise, and why; by case. An entry that no longer differs fails its test."""

_GO = "messages show Go structs, or a diff of them, field by field in their order"
_STORED = "the message shows the stored object, whose keys have another order here"
_CRD = "CRDs are checked for what operators get wrong, not for every rule about names and versions"
_SCALE = "the paths of a scale are not checked a second time, on top of the schema"
_RBAC = "what is said beyond allowed or not, and checks of escalation, are left out"

DIFFERENCES: dict[str, str] = {
    "a watch by the old path": "paths below /watch/ have been deprecated since 1.11",
    "a revision of the past": "every revision since the start is remembered",
    "strategic patch: a wrong type": _GO,
    "merge patch of a ConfigMap with a wrong type": _STORED,
    "JSON patch of a ConfigMap with a wrong type": _STORED,
    "an unknown field of a status": _STORED,
    "merge patch of a ConfigMap's kind": _STORED,
    "merge patch of a ConfigMap's version": _STORED,
    "merge patch: spec as text": _SCALE,
    "a bad status": _SCALE,
    "a negative scale": _SCALE,
    "schema: a negative number": _SCALE,
    "two share a field": "kube-apiserver makes null of an object that the last manager left empty, and refuses that",
    "schema: a huge number": "numbers of more than 64 bits are kept whole",
    "duplicate keys": "of two values for one key the last one is taken without a word",
    "AIM 54: service with a template of the wrong type": "a refused write brings no warnings",
    "a CRD's life": "the condition Terminating is left out: the objects go at once",
    "a CRD with no versions": _CRD,
    "a CRD with two storage versions": _GO,
    "a CRD with no storage version": _GO,
    "a CRD with the same version twice": _CRD,
    "a CRD with a bad version": _CRD,
    "a CRD with no schema": _CRD,
    "a CRD with a bad plural": _CRD,
    "a CRD with a bad short name": _CRD,
    "a CRD with preserved unknown fields": _CRD,
    "an object as a list of metadata": "the two forms of metadata are told apart by what there is",
    "a binding's role stays": _GO,
    "a role is not for more than its maker has": _RBAC,
    "a review of nothing": _RBAC,
    "a review that was allowed by a role": _RBAC,
    "an unknown token": _RBAC,
    "reviews are not listed": "one answer, 405, for whatever a review is not for",
    "the version's resources": "componentstatuses have been deprecated since 1.19",
    "the core at once": "componentstatuses have been deprecated since 1.19",
    "a Pod's spec stays": _GO,
    "a claim's spec stays": _GO,
}
