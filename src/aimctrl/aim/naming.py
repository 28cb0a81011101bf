"""Names and labels of everything the operator creates, each a pure function of what it stands for (SPEC §§2, 3, 5, 6).

Labels: https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/.
"""

from typing import Any, Final

from aimctrl.kube.names import LABEL_LIMIT, canonical_json, dns_label, fit, short_hash

MANAGED_BY: Final = "app.kubernetes.io/managed-by"
COMPONENT: Final = "app.kubernetes.io/component"
MANAGER: Final = "aim"
"""The value of `MANAGED_BY` on what the operator creates."""

OWN_LABELS: Final = "aim.silogen.ai/"
"""The prefix of the operator's own labels."""
TEMPLATE: Final = "aim.silogen.ai/template"
TEMPLATE_METRIC: Final = "aim.silogen.ai/template.metric"
TEMPLATE_PRECISION: Final = "aim.silogen.ai/template.precision"
MODEL_ID: Final = "aim.silogen.ai/model-id"
SERVICE_NAME: Final = "aim.silogen.ai/service-name"
IMAGE: Final = "aim.silogen.ai/aim-image"
AUTO_GENERATED: Final = "aim.silogen.ai/auto-generated"
AUTO_CREATED: Final = "aim.silogen.ai/auto-created"
DERIVED: Final = "aim.silogen.ai/derived-template"
OVERRIDES: Final = "aim.silogen.ai/overrides"
"""On a derived template: the overrides it was made for, as canonical JSON."""
TEMPLATE_CACHE: Final = "aim.silogen.ai/template-cache"
REQUESTED_BY: Final = "aim.silogen.ai/requested-by"
FOR_SERVICE, FOR_TEMPLATE = "service", "template"
"""The values of `REQUESTED_BY` on template caches that were not made by hand."""

CACHE_LIMIT: Final = 48
"""Characters of a model cache's name, so that its PVC's and Job's fit."""

_TAG_LIMIT = 40
_SHORT_METRICS = {"latency": "lat", "throughput": "thr"}


def generated_template_name(model: str, gpu: str, count: int, metric: str, precision: str) -> str:
    """`<model>-<count>x-<gpu>-<lat|thr>-<precision>-<4 hex>`, the model part cut; for a recommended deployment."""
    digest = short_hash(f"{model}-{gpu}-x{count}-{metric}-{precision}", 4)
    profile = dns_label(f"{count}x-{gpu}-{_SHORT_METRICS.get(metric, metric)}-{precision}", LABEL_LIMIT - 10)
    return fit(model.lower(), f"-{profile}-{digest}")


def model_name(image: str) -> str:
    """`<image>-<tag>-<8 hex>` for the model created for a container image: the last part of its path, its tag.

    An image without a tag is named without one. The hash is over the whole reference.
    """
    path = image.partition("@")[0].rpartition("/")[2]
    name, _, tag = path.partition(":")
    suffix = f"-{dns_label(tag, _TAG_LIMIT)}" if tag else ""
    return fit(dns_label(name), f"{suffix}-{short_hash(image)}")


def derived_template_name(base: str, overrides: Any, apart: bytes = b"") -> str:
    """`<base>-ovr-<8 hex>` over the overrides (their JSON, what is unset left out); the base's name too where cut.

    `apart`: the spec in canonical form, where a template of another spec has the plain name; `-<4 hex>` of it follow.
    """
    tail = f"-{short_hash(apart, 4)}" if apart else ""
    plain = f"{base}-ovr-{short_hash(canonical_json(overrides))}{tail}"
    if len(plain) <= LABEL_LIMIT:
        return plain
    return fit(base, f"-ovr-{short_hash(canonical_json([base, overrides]))}{tail}")


def inference_service_name(service: str, namespace: str) -> str:
    """The service's name, or `<cut>-<8 hex>` where KServe's `<name>-predictor-<namespace>` would pass 63 characters.

    At least one letter of the service's name is kept, however long the namespace's.
    """
    room = LABEL_LIMIT - len(f"-predictor-{namespace}")
    if len(service) <= room:
        return service
    digest = short_hash(service)
    return fit(service, f"-{digest}", max(room, len(digest) + 2))


def model_cache_name(source: str) -> str:
    """The RFC 1123 form of a source's name (a slash becomes a dash), at most 48 characters."""
    return dns_label(source, CACHE_LIMIT)


def model_cache_name_apart(source: str, uri: str) -> str:
    """The same with 8 hex over the source's URI, for where the plain name is another source's."""
    return fit(dns_label(source), f"-{short_hash(uri)}", CACHE_LIMIT)
