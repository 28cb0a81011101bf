"""Jobs and CronJobs: defaults, the labels and selector a Job is given, and what may not change.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/job/.
"""

from collections.abc import Iterator

from aimctrl.sandbox.apiserver.builtin.checks import immutable, invalid, not_negative, required, unsupported
from aimctrl.sandbox.apiserver.builtin.pod_defaults import default_template
from aimctrl.sandbox.apiserver.builtin.pod_validation import spec_errors
from aimctrl.sandbox.apiserver.builtin.resetting import Resetting
from aimctrl.sandbox.apiserver.errors import OMITTED, Cause, FieldError
from aimctrl.sandbox.apiserver.schema.node import Object

UID_LABEL = "batch.kubernetes.io/controller-uid"
NAME_LABEL = "batch.kubernetes.io/job-name"

_UNLIMITED = 2**31 - 1
_NUMBERS = (
    "parallelism",
    "completions",
    "activeDeadlineSeconds",
    "backoffLimit",
    "ttlSecondsAfterFinished",
    "backoffLimitPerIndex",
)
_FIXED = ("completionMode", "podFailurePolicy", "backoffLimitPerIndex", "successPolicy", "managedBy")
_COUNTERS = ("active", "succeeded", "failed")
_WHILE_SUSPENDED = ("nodeSelector", "affinity", "tolerations", "schedulingGates")
_FIELDS_OF_SCHEDULE = 5


class JobStrategy(Resetting):
    """A Job finds its Pods by a label with its own uid."""

    def default(self, thing: Object) -> None:
        """Completions, parallelism, retries; and the template's."""
        spec = thing["spec"]
        if "completions" not in spec and "parallelism" not in spec:
            spec["completions"] = 1
        spec.setdefault("parallelism", 1)
        spec.setdefault("backoffLimit", _UNLIMITED if "backoffLimitPerIndex" in spec else 6)
        spec.setdefault("completionMode", "NonIndexed")
        spec.setdefault("suspend", False)
        policy = "Failed" if "podFailurePolicy" in spec else "TerminatingOrFailed"
        spec.setdefault("podReplacementPolicy", policy)
        spec.setdefault("manualSelector", False)
        default_template(spec["template"])
        _label_as_template(thing)

    def prepare_create(self, thing: Object) -> None:
        """Labels the template, and selects what has those labels."""
        super().prepare_create(thing)
        spec, meta = thing["spec"], thing["metadata"]
        if spec["manualSelector"]:
            return
        labels = spec["template"].setdefault("metadata", {}).setdefault("labels", {})
        labels |= {
            UID_LABEL: meta["uid"],
            "controller-uid": meta["uid"],
            NAME_LABEL: meta.get("name", ""),
            "job-name": meta.get("name", ""),
        }
        spec.setdefault("selector", {}).setdefault("matchLabels", {})[UID_LABEL] = meta["uid"]
        _label_as_template(thing)

    def validate(self, thing: Object, old: Object | None, subresource: str) -> list[FieldError]:
        """The spec on its own and against the old one; the status for what controllers may not do."""
        if subresource == "status":
            return [*_status_errors(thing["status"], (old or thing)["status"])]
        if subresource:
            return []
        spec = thing["spec"]
        errors = [*_spec_errors(spec, "spec"), *_match_errors(spec)]
        if old is not None:
            # The server checks an update once as an object and once as a change, and says so in the causes.
            errors += [*errors, *_change_errors(spec, old)]
        return [*_selector_errors(thing), *errors]


def _label_as_template(thing: Object) -> None:
    labels = thing["spec"]["template"].get("metadata", {}).get("labels")
    if labels and not thing["metadata"].get("labels"):
        thing["metadata"]["labels"] = dict(labels)


class CronJobStrategy(Resetting):
    """A Job for each moment of a schedule."""

    def default(self, thing: Object) -> None:
        """Concurrency and history; and the template's."""
        spec = thing["spec"]
        spec.setdefault("concurrencyPolicy", "Allow")
        spec.setdefault("suspend", False)
        spec.setdefault("successfulJobsHistoryLimit", 3)
        spec.setdefault("failedJobsHistoryLimit", 1)
        default_template(spec["jobTemplate"]["spec"]["template"])

    def validate(self, thing: Object, old: Object | None, subresource: str) -> list[FieldError]:
        """The schedule and the template."""
        del old
        if subresource:
            return []
        spec = thing["spec"]
        errors: list[FieldError] = []
        if not spec.get("schedule"):
            errors.append(required("spec.schedule"))
        else:
            errors += _schedule_errors(spec["schedule"])
        return [*errors, *_spec_errors(spec["jobTemplate"]["spec"], "spec.jobTemplate.spec")]


def _schedule_errors(schedule: str) -> Iterator[FieldError]:
    parts = schedule.split()
    if not schedule.startswith("@") and len(parts) != _FIELDS_OF_SCHEDULE:
        words = f"expected exactly {_FIELDS_OF_SCHEDULE} fields, found {len(parts)}: [{' '.join(parts)}]"
        yield invalid("spec.schedule", schedule, words)


def _spec_errors(spec: Object, path: str) -> Iterator[FieldError]:
    for key in _NUMBERS:
        yield from not_negative(f"{path}.{key}", spec.get(key))
    mode = spec.get("completionMode", "NonIndexed")
    if mode not in {"NonIndexed", "Indexed"}:
        yield unsupported(f"{path}.completionMode", mode, ("NonIndexed", "Indexed"))
    if mode == "Indexed" and "completions" not in spec:
        yield required(f"{path}.completions", "when completion mode is Indexed")
    if mode != "Indexed" and "backoffLimitPerIndex" in spec:
        yield invalid(f"{path}.backoffLimitPerIndex", spec["backoffLimitPerIndex"], "requires indexed completion mode")
    found = spec["template"]["spec"]
    yield from spec_errors(found, f"{path}.template.spec")
    if found["restartPolicy"] == "Always":
        yield required(f"{path}.template.spec.restartPolicy", 'valid values: "OnFailure", "Never"')


def _selector_errors(thing: Object) -> Iterator[FieldError]:
    spec, uid = thing["spec"], thing["metadata"].get("uid", "")
    if not spec["manualSelector"] and spec.get("selector") not in (None, {"matchLabels": {UID_LABEL: uid}}):
        yield invalid("spec.selector", spec["selector"], "`selector` not auto-generated")


def _match_errors(spec: Object) -> Iterator[FieldError]:
    selector = spec.get("selector")
    labels = spec["template"].get("metadata", {}).get("labels")
    if selector is None:
        yield required("spec.selector")
    elif not selector.get("matchLabels", {}).items() <= (labels or {}).items():
        yield invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`")


def _change_errors(spec: Object, old: Object) -> Iterator[FieldError]:
    before = old["spec"]
    if spec.get("completions") != before.get("completions") and not _resized(spec, before):
        yield immutable("spec.completions", spec.get("completions"))
    if spec.get("selector") != before.get("selector"):
        yield immutable("spec.selector", spec.get("selector"))
    waiting = before.get("suspend") and not old.get("status", {}).get("startTime")
    if _fixed_template(spec, waiting=waiting) != _fixed_template(before, waiting=waiting):
        path, shown = (
            ("spec.template.spec", spec["template"]["spec"]) if waiting else ("spec.template", spec["template"])
        )
        yield immutable(path, shown)
    for key in _FIXED:
        if spec.get(key) != before.get(key):
            yield immutable(f"spec.{key}", spec.get(key))


def _resized(spec: Object, before: Object) -> bool:
    """Whether an indexed Job grows or shrinks as a whole, which is allowed."""
    return (
        spec["completionMode"] == "Indexed"
        and spec.get("completions") == spec.get("parallelism")
        and ("completions" in before)
    )


def _fixed_template(spec: Object, *, waiting: bool) -> Object:
    template = spec["template"]
    if not waiting:
        return {**template}
    kept = {key: value for key, value in template["spec"].items() if key not in _WHILE_SUSPENDED}
    return {"spec": kept}


def _status_errors(status: Object, old: Object) -> Iterator[FieldError]:
    for key in _COUNTERS:
        yield from not_negative(f"status.{key}", status.get(key))
    for key in ("succeeded", "failed"):
        if status.get(key, 0) < old.get(key, 0) or status.get(key, 0) < 0:
            yield invalid(f"status.{key}", status.get(key, 0), f"cannot decrease the {key} counter")
    done = {c["type"] for c in status.get("conditions") or () if c.get("status") == "True"}
    if "Complete" in done and "completionTime" not in status:
        yield required("status.completionTime", "completionTime is required for Complete jobs")
    for end, sign in (("Complete", "SuccessCriteriaMet"), ("Failed", "FailureTarget")):
        if end in done and sign not in done:
            words = f"cannot set {end}=True condition without the {sign}=true condition"
            yield FieldError(Cause.INVALID, "status.conditions", words, OMITTED)
    if done & {"Complete", "Failed"} and "startTime" not in status:
        yield required("status.startTime", "startTime is required for finished job")
