"""What a person can do about each reason that AIM conditions and events give."""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Care(StrEnum):
    """Who has to do something."""

    MEND = "mend"
    """Somebody, or it stays as it is."""
    WAIT = "wait"
    """Nobody: it goes on by itself."""
    NONE = "none"
    """Nobody: it is as it was asked for."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """Whether something has to be done, and what can be."""

    care: Care
    text: str = ""


def remedy(reason: str, *, known: bool = True) -> Remedy:
    """What can be done about a reason; of one that is not ours, that its message has to do.

    Not `known`: whether what the reason is about is there could not be read, so that it may be.
    """
    if not known and reason in LOOKED_UP:
        return _UNREAD
    return REMEDIES.get(reason, _FOREIGN)


def _mend(text: str) -> Remedy:
    return Remedy(Care.MEND, text)


def _wait(text: str) -> Remedy:
    return Remedy(Care.WAIT, text)


def _none(text: str = "") -> Remedy:
    return Remedy(Care.NONE, text)


_FOREIGN = _mend("This version of aimctrl does not know the reason; the message says what is known.")

_UNREAD = _wait(
    "Whether it is there cannot be read just now, which is tried again by itself. If the message speaks of rights, "
    "give the operator's service account get, list and watch on that kind."
)

LOOKED_UP = frozenset({"GPUNotAvailable", "ModelNotFound", "RuntimeConfigMissing", "TemplateNotFound"})
"""The reasons that say that something is not there."""

_FINE = _none()

_SECRETS = (
    "Create a Secret of type kubernetes.io/dockerconfigjson that may pull the image, in the object's namespace or, for "
    "cluster-scoped objects, in the operator's, and list it in imagePullSecrets of the template, the model or the "
    "runtime config."
)

_EXPLAIN_TEMPLATE = "`aimctrl explain template` says what keeps it, and what to do."

_EXPLAIN_CACHE = (
    "An artifact cannot be had: `aimctrl explain modelcache` says what is wrong with its volume or its download Job, "
    "and what to do. An AIMModelCache that failed may be deleted: it is made anew."
)

REMEDIES = MappingProxyType(
    {
        "AutoTemplateCreationPending": _wait(
            "Templates follow once the image's labels have been read. Where the message says that one is refused, mend "
            "what refuses it: the operator's rights, a quota or an admission webhook."
        ),
        "AutoTemplatesCreated": _FINE,
        "AutoTemplatesDisabled": _none(
            "Set spec.discovery.autoCreateTemplates to true to have templates made for what the image recommends."
        ),
        "AwaitingDiscovery": _wait(
            "Discovery goes on by itself. `kubectl get jobs,pods -A -l app.kubernetes.io/component=discovery` shows "
            "what runs; how many may at once is the operator's option --max-discovery-jobs."
        ),
        "CacheFailed": _mend(_EXPLAIN_CACHE),
        "CacheNotRequested": _none(
            "Set spec.cacheModel on the service, or spec.caching.enabled on the template, to have the artifacts "
            "downloaded beforehand."
        ),
        "CachePending": _wait(
            "Its artifacts follow by themselves. If it stays so, `aimctrl explain modelcache` says what one waits for."
        ),
        "CacheWarm": _FINE,
        "CacheWarming": _wait("The artifacts are being downloaded; `kubectl get aimmc` shows how far each is."),
        "ConfiguringRoute": _wait(
            "The gateway has to take up the HTTPRoute. If it does not: does the Gateway exist, is its controller "
            "running, and does a listener of it allow routes from this namespace?"
        ),
        "CreatingRuntime": _wait(
            "KServe brings the predictor up, which takes as long as pulling the image and loading the model. If it "
            "stays so, `kubectl describe pods -l serving.kserve.io/inferenceservice=NAME` says what its Pods wait for. "
            "Where the message says that a CRD is not installed, install KServe, which is noticed at once."
        ),
        "DefaultRuntimeConfigNotFound": _none(
            'Create an AIMRuntimeConfig or AIMClusterRuntimeConfig named "default" where there should be defaults.'
        ),
        "DiscoveryDisabled": _none("Set spec.discovery.enabled to true to have the labels of the image read."),
        "DiscoveryFailed": _mend(
            "The message is the last that the discovery Job, or whoever refused it, had to say. Mend the image, or the "
            "template's env, pull secrets or profileId: discovery starts again at once when these change, else after a "
            "pause. Or list the artifacts in spec.modelSources, which needs no discovery."
        ),
        "DownloadFailed": _mend(
            "The log of the download Job says why, `kubectl logs job/NAME`; often the source does not exist, env lacks "
            "the token for it, the download image cannot be pulled, or the size given is too small. It is tried again "
            "after a pause, and at once when these change in the AIMModelCache, or the AIMTemplateCache that made it."
        ),
        "Downloaded": _FINE,
        "Downloading": _wait(
            "It goes on by itself. The log of the download Job, `kubectl logs job/NAME`, says how far it is; where its "
            "Pod waits for something, the message says for what."
        ),
        "GPUNotAvailable": _mend(
            "Add a node with that GPU: it goes on by itself as soon as a node is labelled with it (GPU operators do "
            "that). Or use a template for a GPU model that the cluster has."
        ),
        "ImageNotFound": _mend("Correct spec.image of the model: the registry has no such image, or no such tag."),
        "ImagePullAuthFailure": _mend(_SECRETS),
        "ImagePullBackOff": _mend(
            "The node cannot pull the image; the message has the kubelet's words. Check that the registry can be "
            f"reached from the node and that the image has its architecture. {_SECRETS}"
        ),
        "InferenceServiceCreated": _FINE,
        "InferenceServiceUpdated": _FINE,
        "InlineModelSources": _FINE,
        "MetadataExtracted": _FINE,
        "MetadataExtractionFailed": _mend(
            "The labels of the image are missing or malformed; the message says which. Correct spec.image, or publish "
            "the image with labels below org.amd.silogen or com.amd.aim, or set spec.discovery.enabled to false and "
            "write templates yourself."
        ),
        "MetadataExtractionPending": _wait("The labels of the image are read as soon as it is its turn."),
        "ModelNotFound": _mend(
            "Create the model, an AIMModel in the namespace or an AIMClusterModel, or name another one. A cluster "
            "template sees no models of namespaces, and the model of a template cannot be changed: replace the "
            "template."
        ),
        "ModelNotReady": _mend(
            "`aimctrl explain model` says what keeps the model from being Ready; where it could not be made, the "
            "message says why. Or write a template for it yourself."
        ),
        "MultipleModelsFound": _mend("Name one of these models in spec.model.ref instead of the image."),
        "NameConflict": _mend(
            "The operator never takes over what it did not make: remove or rename the object that has the name, or "
            "give this one another name."
        ),
        "NoRecommendedTemplates": _none("The image recommends no deployments: write templates for the model yourself."),
        "ProfilesDiscovered": _FINE,
        "RegistryUnreachable": _wait(
            "It is tried again by itself. Check the registry's name, that it can be reached from the operator's Pod, "
            "and HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE there."
        ),
        "Resolved": _FINE,
        "RouteFailed": _mend(
            "The message says what is in the way: the Gateway API is not installed, spec.routing.gatewayRef is not "
            "set, or the gateway refuses the route (listener, hostname, allowed namespaces)."
        ),
        "RoutePathConflict": _mend(
            "The older service keeps the path: give this one another in spec.routing.routeTemplate, for example with "
            "{.metadata.name} in it."
        ),
        "RouteReady": _FINE,
        "RouteTemplateInvalid": _mend(
            "Correct spec.routing.routeTemplate of the service or of its runtime config: each {…} is a JSONPath into "
            "the service that has to give exactly one value without a slash, such as {.metadata.name}."
        ),
        "RoutingDisabled": _none("Set spec.routing.enabled and spec.routing.gatewayRef to reach it through a gateway."),
        "RuntimeConfigMissing": _mend(
            "Create a runtime config of that name, an AIMRuntimeConfig in the namespace (for cluster-scoped objects in "
            "the operator's) or an AIMClusterRuntimeConfig; or correct or unset spec.runtimeConfigName."
        ),
        "RuntimeConfigResolved": _FINE,
        "RuntimeFailed": _mend(
            "The message says what went wrong. Where the InferenceService is refused, mend what refuses it: a quota, "
            "an admission webhook, the operator's rights. Where the model does not load, `kubectl logs -l "
            "serving.kserve.io/inferenceservice=NAME -c kserve-container` says more."
        ),
        "RuntimeReady": _FINE,
        "RuntimeResolved": _FINE,
        "ServingRuntimeRefused": _mend(
            "The API server refuses the ServingRuntime. Mend what the message names: the operator's rights, a quota, "
            "an admission webhook, or a version of KServe that knows other fields; it is tried again by itself."
        ),
        "StorageBound": _FINE,
        "StorageFailed": _mend(
            "There can be no PersistentVolumeClaim; the message says why. Name a class that `kubectl get storageclass` "
            "shows and that gives ReadWriteMany volumes in spec.storageClassName of the cache, or in "
            "defaultStorageClassName of the runtime config, or make one the default; and see that no quota refuses it."
        ),
        "StorageLost": _mend(
            "The volume is gone or was replaced, and the artifact with it. Delete the PersistentVolumeClaim if it is "
            "still there: a new one is made, and the artifact is downloaded again."
        ),
        "StoragePending": _wait(
            "The PersistentVolumeClaim is not bound yet. If it stays so, `kubectl describe pvc NAME` has the "
            "provisioner's words: does the storage class give ReadWriteMany volumes, and is its provisioner running?"
        ),
        "TemplateModelMismatch": _mend(
            "Name a template of this model in spec.templateRef, or the model of that template in spec.model.ref."
        ),
        "TemplateNotAvailable": _mend(
            "Add a node with that GPU, which is noticed at once; or name a template for a GPU that the cluster has in "
            "spec.templateRef."
        ),
        "TemplateNotFound": _mend(
            "Create a template for the model in the namespace or in the cluster, correct spec.templateRef, ask for "
            "less in spec.overrides, set spec.template.allowUnoptimized to true, or mend a candidate: each says why it "
            "was dropped."
        ),
        "TemplateNotReady": _wait(f"It goes on by itself once the template is Ready. {_EXPLAIN_TEMPLATE}"),
        "TemplateResolved": _FINE,
        "TemplateSelectionAmbiguous": _mend(
            "Name one of them in spec.templateRef, narrow them down with spec.overrides, or set templateSelection: "
            "Preferred in the runtime config to have them ranked."
        ),
        "TemplatesDegraded": _mend(f"Some templates of the model need help. {_EXPLAIN_TEMPLATE}"),
        "TemplatesFailed": _mend(f"None of the templates of the model works. {_EXPLAIN_TEMPLATE}"),
        "TemplatesNotAvailable": _mend(
            "Add nodes with a GPU that one of the model's templates asks for, which is noticed at once; or write a "
            "template for a GPU model that the cluster has."
        ),
        "TemplatesProgressing": _wait(f"The templates of the model are being discovered. {_EXPLAIN_TEMPLATE}"),
        "TemplatesReady": _FINE,
        "WaitingForCache": _wait(
            "The service follows by itself once the cache is Available. If it stays so, `aimctrl explain "
            "templatecache` says what each artifact waits for."
        ),
        "Warm": _FINE,
        "WarmFailed": _mend(_EXPLAIN_CACHE),
        "WarmRequested": _wait(
            "The template cache begins by itself. If it stays so, `aimctrl explain templatecache` says what it waits "
            "for."
        ),
        "Warming": _wait("The artifacts are being downloaded; `kubectl get aimmc` shows how far each is."),
    }
)
"""By reason: one entry for each member of the reason enums in `aimctrl.api.reasons`."""
