"""What the server tells of itself."""

from conformance.script import case, get

V2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

CASES = (
    case("the version's resources", get("/api/v1")),
    case("a group", get("/apis/apps"), get("/apis/conformance.example.com")),
    case("a group's resources", get("/apis/apps/v1"), get("/apis/batch/v1"), get("/apis/aim.silogen.ai/v1alpha1")),
    case(
        "the resources of RBAC and reviews",
        get("/apis/rbac.authorization.k8s.io/v1"),
        get("/apis/authorization.k8s.io/v1"),
        get("/apis/coordination.k8s.io/v1"),
    ),
    case("health", get("/healthz"), get("/livez"), get("/readyz"), get("/livez/ping"), get("/nothing")),
    case("the core at once", get("/api", Accept=V2)),
    case("a group that is not there", get("/apis/nobody.example.com")),
)
