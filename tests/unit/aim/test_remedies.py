"""Every reason an AIM object may give has a remedy."""

import re
from enum import StrEnum

import pytest

from aimctrl.aim.explain.kinds import EXPLAINED
from aimctrl.aim.remedies import LOOKED_UP, REMEDIES, Care, remedy
from aimctrl.api import reasons

ENUMS = [
    value
    for value in vars(reasons).values()
    if isinstance(value, type) and issubclass(value, StrEnum) and value.__name__.endswith("Reason")
]
KNOWN = {member.value for enum in ENUMS for member in enum}


def test_the_enums_of_reasons_are_found() -> None:
    assert {"ModelReason", "TemplateReason", "ServiceReason", "CacheReason", "EventReason"} <= {
        e.__name__ for e in ENUMS
    }


def test_every_reason_has_a_remedy_and_there_is_none_for_reasons_that_nobody_gives() -> None:
    assert set(REMEDIES) == KNOWN
    assert list(REMEDIES) == sorted(REMEDIES)


@pytest.mark.parametrize("reason", sorted(KNOWN))
def test_what_somebody_has_to_mend_or_wait_for_is_said_in_sentences(reason: str) -> None:
    found = remedy(reason)
    assert found.care is Care.NONE or found.text
    assert found.text == found.text.strip()
    assert not found.text or found.text[-1] in ".?`"
    assert "  " not in found.text


MENDS = {
    "CacheFailed": ("`aimctrl explain modelcache`", "AIMModelCache"),
    "DiscoveryFailed": ("env", "pull secrets", "profileId", "spec.modelSources"),
    "DownloadFailed": ("`kubectl logs job/NAME`", "env", "image", "size"),
    "GPUNotAvailable": ("Add a node", "template for a GPU model that the cluster has"),
    "ImageNotFound": ("spec.image",),
    "ImagePullAuthFailure": ("kubernetes.io/dockerconfigjson", "imagePullSecrets"),
    "ImagePullBackOff": ("registry", "architecture", "imagePullSecrets"),
    "MetadataExtractionFailed": ("spec.image", "org.amd.silogen", "spec.discovery.enabled"),
    "ModelNotFound": ("AIMModel", "AIMClusterModel", "name another one"),
    "ModelNotReady": ("`aimctrl explain model`", "template"),
    "MultipleModelsFound": ("spec.model.ref",),
    "NameConflict": ("remove or rename",),
    "RouteFailed": ("Gateway API", "spec.routing.gatewayRef", "listener"),
    "RoutePathConflict": ("spec.routing.routeTemplate", "{.metadata.name}"),
    "RouteTemplateInvalid": ("spec.routing.routeTemplate", "{.metadata.name}"),
    "RuntimeConfigMissing": ("AIMRuntimeConfig", "AIMClusterRuntimeConfig", "spec.runtimeConfigName"),
    "RuntimeFailed": ("quota", "`kubectl logs -l serving.kserve.io/inferenceservice=NAME"),
    "ServingRuntimeRefused": ("rights", "quota", "webhook"),
    "StorageFailed": ("`kubectl get storageclass`", "spec.storageClassName", "defaultStorageClassName"),
    "StorageLost": ("Delete the PersistentVolumeClaim",),
    "TemplateModelMismatch": ("spec.templateRef", "spec.model.ref"),
    "TemplateNotAvailable": ("Add a node", "spec.templateRef"),
    "TemplateNotFound": ("Create a template", "spec.templateRef", "spec.overrides", "spec.template.allowUnoptimized"),
    "TemplateSelectionAmbiguous": ("spec.templateRef", "spec.overrides", "templateSelection: Preferred"),
    "TemplatesDegraded": ("`aimctrl explain template`",),
    "TemplatesFailed": ("`aimctrl explain template`",),
    "TemplatesNotAvailable": ("Add nodes", "write a template"),
    "WarmFailed": ("`aimctrl explain modelcache`",),
}
"""By reason: the fields, commands and objects that a remedy has to name, since somebody has to do something."""


def test_all_that_somebody_has_to_mend_is_in_the_table() -> None:
    assert set(MENDS) == {reason for reason, found in REMEDIES.items() if found.care is Care.MEND}


@pytest.mark.parametrize(("reason", "named"), MENDS.items(), ids=MENDS)
def test_what_has_to_be_mended_is_named(reason: str, named: tuple[str, ...]) -> None:
    text = remedy(reason).text
    assert [words for words in named if words not in text] == []


def test_commands_in_remedies_are_ones_that_there_are() -> None:
    commands = {word for found in REMEDIES.values() for word in re.findall(r"`aimctrl explain (\w+)`", found.text)}
    assert commands == {"template", "model", "templatecache", "modelcache"} & set(EXPLAINED)


@pytest.mark.parametrize("reason", sorted(LOOKED_UP))
def test_of_what_cannot_be_read_nobody_is_told_to_create_it(reason: str) -> None:
    assert remedy(reason).care is Care.MEND
    assert remedy(reason, known=False).care is Care.WAIT
    assert "cannot be read" in remedy(reason, known=False).text


def test_only_a_lookup_can_be_undecided() -> None:
    assert remedy("NameConflict", known=False) == remedy("NameConflict")


@pytest.mark.parametrize(
    ("reason", "care"),
    [
        ("Resolved", Care.NONE),
        ("RoutingDisabled", Care.NONE),
        ("AwaitingDiscovery", Care.WAIT),
        ("ModelNotFound", Care.MEND),
        ("SomethingNew", Care.MEND),
    ],
)
def test_it_is_told_who_has_to_do_something(reason: str, care: Care) -> None:
    assert remedy(reason).care is care
