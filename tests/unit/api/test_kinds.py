from aimctrl.api import kinds


def test_every_kind_of_the_group_is_listed_once():
    assert len(kinds.ALL) == 11
    assert len({kind.resource for kind in kinds.ALL}) == 11
    assert {kind.api_version for kind in kinds.ALL} == {"aim.silogen.ai/v1alpha1"}


def test_cluster_kinds_are_the_ones_that_say_so():
    assert {kind.name for kind in kinds.ALL if not kind.namespaced} == {
        kind.name for kind in kinds.ALL if kind.name.startswith("AIMCluster")
    }


def test_paths():
    assert kinds.AIM_SERVICE.path("team", "chat", "status") == (
        "/apis/aim.silogen.ai/v1alpha1/namespaces/team/aimservices/chat/status"
    )
    assert kinds.AIM_CLUSTER_SERVICE_TEMPLATE.path("", "t") == (
        "/apis/aim.silogen.ai/v1alpha1/aimclusterservicetemplates/t"
    )
