"""Where the embedded server answers otherwise, and why; by case. An entry that no longer differs fails its test."""

_GO = "messages show Go structs, or a diff of them, field by field in their order"

DIFFERENCES: dict[str, str] = {
    "a scale of a Widget is applied": "kube-apiserver fails there, as no version of a custom kind is that of a Scale",
    "strategic patch: a wrong type": _GO,
    "merge patch of a ConfigMap's kind": "a patched object is not read as one of the kind it says it is",
    "schema: a huge number": "numbers of more than 64 bits are kept whole",
    "the version's resources": "componentstatuses have been deprecated since 1.19",
    "the core at once": "componentstatuses have been deprecated since 1.19",
    "a Pod's spec stays": _GO,
    "a claim's spec stays": _GO,
    "a policy that asks who may": "expressions of policies know no authorizer, and one that does is refused",
}
