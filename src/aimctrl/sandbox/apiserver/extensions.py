"""Subresources with a meaning of their own, and resources that are answered and not stored."""

from collections.abc import Mapping

from aimctrl.sandbox.apiserver.access import Access
from aimctrl.sandbox.apiserver.app import ANY_RESOURCE, Extension
from aimctrl.sandbox.apiserver.reviews import Reviews
from aimctrl.sandbox.apiserver.subresources.pod_log import PodLog
from aimctrl.sandbox.apiserver.subresources.pod_moves import PodMoves
from aimctrl.sandbox.apiserver.subresources.scale import Scales
from aimctrl.sandbox.apiserver.token_reviews import TokenReviews


def extensions(access: Access) -> Mapping[tuple[str, str, str], Extension]:
    """All of them, by group, plural and subresource."""
    reviews, tokens, moves = Reviews(access), TokenReviews(access), PodMoves(access.cluster)
    return {
        ("authorization.k8s.io", "selfsubjectaccessreviews", ""): reviews.self_subject_access,
        ("authorization.k8s.io", "selfsubjectrulesreviews", ""): reviews.self_subject_rules,
        ("authorization.k8s.io", "subjectaccessreviews", ""): reviews.subject_access,
        ("authorization.k8s.io", "localsubjectaccessreviews", ""): reviews.local_subject_access,
        ("authentication.k8s.io", "selfsubjectreviews", ""): reviews.self_subject,
        ("authentication.k8s.io", "tokenreviews", ""): tokens.review,
        ("", "serviceaccounts", "token"): tokens.request,
        ("", "pods", "log"): PodLog(access.cluster).read,
        ("", "pods", "binding"): moves.bind,
        ("", "bindings", ""): moves.bind,
        ("", "pods", "eviction"): moves.evict,
        (*ANY_RESOURCE, "scale"): Scales(access.cluster).answer,
    }
