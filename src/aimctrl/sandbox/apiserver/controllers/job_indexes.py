"""Indexed Jobs: each completion has an index, whose pod succeeds once; nothing here has an effect.

Limits of failures per index and success policies have no effect.
Source: https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode.
"""

from collections.abc import Iterable, Iterator
from itertools import count, groupby, islice

from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.values import entries, section

INDEX = "batch.kubernetes.io/job-completion-index"

_VARIABLE = "JOB_COMPLETION_INDEX"
_LABEL = {"fieldRef": {"apiVersion": "v1", "fieldPath": f"metadata.labels['{INDEX}']"}}


def indexed(job: Object) -> bool:
    """Whether a Job is one of these."""
    return bool(job["spec"].get("completionMode") == "Indexed")


def completed(job: Object, pods: Iterable[Object] = ()) -> frozenset[int]:
    """The indexes that have succeeded, by the Job's status, and of these pods."""
    said: str = section(job, "status").get("completedIndexes", "")
    return frozenset((*_read(said), *_indexes(pods)))


def text_of(indexes: Iterable[int]) -> str:
    """Indexes as the status says them, such as `0-2,4,5`."""
    runs = groupby(enumerate(sorted(indexes)), key=lambda pair: pair[1] - pair[0])
    return ",".join(_run([index for _, index in run]) for _, run in runs)


def missing(job: Object, pods: Iterable[Object], wanted: int) -> list[int]:
    """That many indexes which neither have succeeded nor have one of these pods, the lowest first."""
    taken = {*completed(job), *_indexes(pods)}
    free = (index for index in count() if index not in taken)
    return list(islice(free, wanted))


def give_index(pod: Object, job_name: str, index: int) -> None:
    """Makes the pod of an index of one that was made from the template, in place."""
    meta, spec = pod["metadata"], pod["spec"]
    meta["generateName"] = f"{job_name}-{index}-"
    for part in ("labels", "annotations"):
        meta[part] = {**meta.get(part, {}), INDEX: str(index)}
    spec["hostname"] = f"{job_name}-{index}"
    for container in (*entries(spec, "initContainers"), *entries(spec, "containers")):
        named = container.setdefault("env", [])
        if all(variable["name"] != _VARIABLE for variable in named):
            named.append({"name": _VARIABLE, "valueFrom": _LABEL})


def _indexes(pods: Iterable[Object]) -> Iterator[int]:
    for pod in pods:
        said = pod["metadata"].get("annotations", {}).get(INDEX, "")
        if said.isdigit():
            yield int(said)


def _read(text: str) -> Iterator[int]:
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def _run(indexes: list[int]) -> str:
    """Indexes that follow each other."""
    first, last = indexes[0], indexes[-1]
    return f"{first}-{last}" if last - first > 1 else ",".join(map(str, indexes))
