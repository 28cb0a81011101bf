"""ValidatingAdmissionPolicies: what they must be, and what they refuse.

A real server follows a policy a second after it was bound, so the cases here are few and long. Where two policies
refuse a request, it tells of either: no more than one does here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from conformance.script import (
    CM,
    CORE,
    WIDGETS,
    Case,
    Send,
    Step,
    apply,
    case,
    cm,
    delete,
    get,
    patch,
    post,
    put,
    widget,
)

GROUP = "/apis/admissionregistration.k8s.io/v1"
POLICIES, BINDINGS = f"{GROUP}/validatingadmissionpolicies", f"{GROUP}/validatingadmissionpolicybindings"
HERE = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "$(ns)"}}}
WIDGET_V1BETA1 = WIDGETS.replace("/v1/", "/v1beta1/")

Json = dict[str, Any]


def rule(*resources: str, group: str = "", operations: Sequence[str] = ("CREATE", "UPDATE"), **more: Any) -> Json:
    whole = {"apiGroups": [group], "apiVersions": ["v1"], "operations": [*operations], "resources": [*resources]}
    return whole | more


CONFIG_MAPS = rule("configmaps")


def policy(
    name: str, *validations: Any, rules: Sequence[Json] = (CONFIG_MAPS,), match: Any = None, **spec: Any
) -> Json:
    """A policy of the case's own; a validation that is a text is an expression."""
    whole = [{"expression": each} if isinstance(each, str) else each for each in validations]
    constraints = {"resourceRules": [*rules], **HERE, **(match or {})}
    return {
        "metadata": {"name": f"$(ns)-{name}"},
        "spec": {"matchConstraints": constraints, "validations": whole, **spec},
    }


def binding(name: str, *actions: str, of: str = "", **spec: Any) -> Json:
    whole = {"policyName": f"$(ns)-{of or name}", "validationActions": [*(actions or ("Deny",))], **spec}
    return {"metadata": {"name": f"$(ns)-{name}"}, "spec": whole}


def policed(
    id_: str, policies: Sequence[Json], bindings: Sequence[Json], *steps: Step, before: Sequence[Step] = ()
) -> Case:
    """A case whose steps come when the policies are in force: the last one refuses a ConfigMap `canary`."""
    canary = policy("zz-canary", "object.metadata.name != 'canary'", rules=[rule("configmaps", operations=["CREATE"])])
    made = [post(POLICIES, each) for each in (*policies, canary)]
    made += [post(BINDINGS, each) for each in (*bindings, binding("zz-canary"))]
    awaited = Send("POST", f"{CM}?dryRun=All", cm("canary"), until=422)
    return case(id_, *before, *made, awaited, *steps)


def probe(name: str, says: Any = None, *, holds: str = "false", **more: Any) -> Json:
    """A validation that is about one ConfigMap, whose name begins with that."""
    told = {} if says is None else {"messageExpression": says}
    return {"expression": f"!object.metadata.name.startsWith('{name}.') || {holds}", **told, **more}


SOMEBODY = {"Impersonate_User": "alice", "Impersonate_Group": "system:masters"}


def listed(owner: str, *keys: str) -> str:
    """An expression that says which of these fields there are."""
    return f"[{', '.join(map(repr, keys))}].filter(k, k in {owner}).join(',')"


META = ("creationTimestamp", "generation", "labels", "managedFields", "name", "namespace", "resourceVersion", "uid")
PROBES: Mapping[str, Json] = {
    "plain": probe("plain"),
    "message": probe("message", message="  no good \n"),
    "said": probe("said", "  'no ' + object.metadata.name + ' '", message="unused"),
    "unsaid": probe("unsaid", "object.data.missing + 'x'", message="instead"),
    "empty": probe("empty", "'  '", message="instead"),
    "lines": probe("lines", "'a\\nb'"),
    "forbidden": probe("forbidden", reason="Forbidden"),
    "too-large": probe("too-large", reason="RequestEntityTooLarge", message="too much"),
    "invalid": probe("invalid", reason="Invalid"),
    "missing": probe("missing", holds="object.spec.size > 3"),
    "mistyped": probe("mistyped", holds="object.data.a > 3"),
    "absorbed": probe("absorbed", holds="(object.spec.size > 3 || true)"),
    "index": probe("index", holds="[1, 2][object.metadata.name.size()] == 1"),
    "zero": probe("zero", holds="1 / (object.metadata.name.size() - 6) == 1"),
    "no-bool": probe("no-bool", holds="object.metadata.name"),
    "variable": probe("variable", "variables.words", holds="variables.never"),
    "broken": probe("broken", holds="variables.broken > 1"),
    "above": probe("above", holds="variables.above > 1"),
    "unneeded": probe("unneeded", holds="(true || variables.broken > 1)"),
    "list": probe("list", "variables.list[0] + string(variables.map['a']) + string(variables.list.size())"),
    "user": probe("user", "request.userInfo.username + ' of ' + request.userInfo.groups.join(',')"),
    "extra": probe("extra", "string(has(request.userInfo.uid)) + string(has(request.userInfo.extra))"),
    "kind": probe(
        "kind",
        "[request.kind.group, request.kind.version, request.kind.kind, request.requestKind.kind].join('/')",
    ),
    "resource": probe(
        "resource",
        "[request.resource.group, request.resource.version, request.resource.resource, "
        "request.requestResource.resource].join('/')",
    ),
    "operation": probe("operation", "request.operation + ' ' + request.name + ' ' + string(request.dryRun)"),
    "namespace": probe("namespace", "request.namespace + string(has(request.subResource))"),
    "options": probe(
        "options", listed("request.options", "apiVersion", "dryRun", "fieldManager", "fieldValidation", "kind")
    ),
    "option": probe(
        "option", "[request.options.kind, request.options.apiVersion, request.options.fieldManager].join(' ')"
    ),
    "around": probe("around", "namespaceObject.metadata.name + namespaceObject.status.phase"),
    "labels": probe("labels", "namespaceObject.metadata.labels['kubernetes.io/metadata.name']"),
    "former": probe("former", "oldObject == null ? 'new' : 'was ' + oldObject.metadata.name"),
    "meta": probe("meta", listed("object.metadata", *META)),
    "whole": probe("whole", listed("object", "apiVersion", "data", "kind", "metadata", "spec", "status")),
    "typed": probe("typed", "string(object.kind) + object.apiVersion"),
    "optional": probe("optional", "string(object.?data.?a.orValue('none'))"),
    "tested": probe("tested", "string(has(variables.words))"),
    "quantity": probe("quantity", "string(quantity(object.data.q).isGreaterThan(quantity('1Gi')))"),
}

VARIABLES = [
    {"name": "words", "expression": "'told ' + object.metadata.name"},
    {"name": "never", "expression": "1 > 2"},
    {"name": "broken", "expression": "object.spec.size"},
    {"name": "above", "expression": "variables.broken + 1"},
    {"name": "list", "expression": "['x', 'y']"},
    {"name": "map", "expression": "{'a': 5}"},
]

IGNORED = {"failurePolicy": "Ignore"}
CONDITIONS = [{"name": "named", "expression": "object.metadata.name.startsWith('c1')"}]
TWO = [
    {"name": "one.example.com/a", "expression": "object.spec.a == 1"},
    {"name": "two", "expression": "object.spec.b == 1"},
]
ANOTHER = [*TWO, {"name": "three", "expression": "object.metadata.name != 'none'"}]


def refused(name: str, /, **spec: Any) -> Json:
    """A policy that is good but for what is said here; None takes a field out."""
    whole = policy(name, "true")
    whole["spec"] = {key: value for key, value in (whole["spec"] | spec).items() if value is not None}
    return whole


def validated(*expressions: Any, **spec: Any) -> Json:
    return refused("v", validations=[{"expression": e} if isinstance(e, str) else e for e in expressions], **spec)


def ruled(**parts: Any) -> Json:
    return refused("r", matchConstraints={"resourceRules": [{**CONFIG_MAPS, **parts}]})


def selecting(selector: Json) -> Json:
    return {"resourceRules": [CONFIG_MAPS], "objectSelector": selector}


DELETION = (
    "apiVersion",
    "dryRun",
    "gracePeriodSeconds",
    "kind",
    "orphanDependents",
    "preconditions",
    "propagationPolicy",
)
KIND = {"apiVersion": "v1", "kind": "ConfigMap"}
APPLIED = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy"}
AROUND = {"name": "around", "expression": "namespaceObject.metadata.name != ''"}
OLD = rule("widgets", group="conformance.example.com", apiVersions=["v1beta1"])
LABELLED = {"key": "tier", "operator": "In", "values": ["back", "front"]}
SEEN = {
    "expression": "object.metadata.name != 'old'",
    "messageExpression": "request.kind.version + request.requestKind.version + string(object.apiVersion) + "
    "request.resource.version + request.requestResource.version",
}
SCOPED = {
    "expression": "false",
    "messageExpression": "request.namespace + string(has(namespaceObject.metadata)) + request.name",
}
MOVED = {
    "expression": "false",
    "messageExpression": "request.name + request.subResource + request.kind.group + request.kind.kind + "
    "request.resource.resource + string(object.kind)",
}
MOVE = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "nobody", "namespace": "$(ns)"}}
SCALED = "object.kind == 'Scale' && request.kind.kind == 'Scale' && object.spec.replicas < 5"
LIMIT = "object.metadata.name.size() < int(params.data.longest)"
SECRETS, QUOTAS = rule("secrets"), rule("resourcequotas")
ANNOTATION = {"key": "a", "valueExpression": "'b'"}
BACKWARD = {"name": "a", "expression": "variables.b"}
RESOURCES = (["*/*", "pods"], ["*", "pods"], ["pods/*", "pods/status"], ["*/status", "pods/status"], ["*", "pods/*"])
SELECTORS: tuple[Json, ...] = (
    {"matchLabels": {"not a key": "a"}},
    {"matchLabels": {"a": "not a value"}},
    {"matchExpressions": [{"key": "a", "operator": "In"}]},
    {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]},
    {"matchExpressions": [{"key": "", "operator": "Like"}]},
)
UNCOMPILED = (
    "nothing",
    "object.a",
    "'text'",
    "[1]",
    "{'a': 'b'}",
    "1 + 'a' == 2",
    "object.a ==",
    " ",
    "request.nothing == 1",
    "has(request.nothing)",
    "request.userInfo.name == 'a'",
    "namespaceObject.metadata.nothing == ''",
    "params.a == 1",
    "variables.a == 1",
    "namespaceObject == null",
    "request.userInfo == null",
    "nothing.at.all == 1",
    "oldObject",
    "request.dryRun",
    "request.name",
    "request.userInfo.groups",
)
MESSAGES = (" ", "1", "object.a", "nothing", "request.name", "null")
ACTIONS: tuple[list[str], ...] = ([], ["Deny", "Warn"], ["Deny", "Deny"], ["Refuse"], ["Audit", "Warn"])
REFERENCES: tuple[Json, ...] = (
    {},
    {"name": "a"},
    {"name": "a", "parameterNotFoundAction": "Maybe"},
    {"name": "a", "selector": {}, "parameterNotFoundAction": "Deny"},
    {"selector": {"matchLabels": {"a": "not a value"}}, "parameterNotFoundAction": "Allow"},
)

CASES = (
    policed(
        "a policy's validations",
        [policy("probes", *PROBES.values(), variables=VARIABLES)],
        [binding("probes")],
        *(post(CM, cm(f"{name}.a", {"a": "b", "q": "2Gi"}), **SOMEBODY) for name in PROBES),
        post(f"{CM}?dryRun=All&fieldManager=me&fieldValidation=Strict", cm("operation.b")),
        post(f"{CM}?dryRun=All&fieldManager=me&fieldValidation=Strict", cm("options.b")),
        post(f"{CM}?fieldManager=me", cm("option.b")),
        post(CM, {"metadata": {"generateName": "operation.made-"}}),
        patch(f"{CM}/absorbed.a", {"data": {"c": "d"}}),
    ),
    policed(
        "policies of updates",
        [
            policy("changes", "oldObject == null || object.data.a == oldObject.data.a"),
            policy(
                "told",
                {
                    "expression": "request.operation != 'UPDATE' || !has(object.data.b) || object.data.b != 'no'",
                    "messageExpression": "request.name + ' ' + string(request.options.kind) + ' ' + "
                    "string(has(object.metadata.resourceVersion)) + string(object.metadata.managedFields.size())",
                },
            ),
        ],
        [binding("changes"), binding("told")],
        post(CM, cm("a", {"a": "1"})),
        put(f"{CM}/a", cm("a", {"a": "1", "b": "yes"})),
        put(f"{CM}/a", cm("a", {"a": "2"})),
        patch(f"{CM}/a", {"data": {"a": "2"}}),
        patch(f"{CM}/a?dryRun=All", {"data": {"b": "no"}}),
        apply(f"{CM}/a", cm("a", {"b": "no"}), more="&force=true"),
        apply(f"{CM}/b", cm("b", {"a": "3"})),
        apply(f"{CM}/b", cm("b", {"a": "4"})),
        get(f"{CM}/a"),
    ),
    policed(
        "policies of deletions",
        [
            policy(
                "kept",
                {
                    "expression": "!oldObject.metadata.name.startsWith('kept') || object != null",
                    "messageExpression": "request.name + ' ' + string(request.options.kind) + ' ' + "
                    "string(request.dryRun) + ' ' + " + listed("request.options", *DELETION),
                    "reason": "Forbidden",
                },
                rules=[rule("configmaps", operations=["DELETE"])],
            ),
        ],
        [binding("kept")],
        post(CM, cm("kept.a", labels={"of": "a"})),
        post(CM, cm("kept.b", labels={"of": "b"}, finalizers=["example.com/stay"])),
        post(CM, cm("gone")),
        delete(f"{CM}/kept.a"),
        delete(f"{CM}/kept.a?dryRun=All&propagationPolicy=Foreground"),
        delete(f"{CM}/kept.a", {"preconditions": {"uid": "11111111-1111-1111-1111-111111111111"}}),
        delete(f"{CM}/kept.a", {"gracePeriodSeconds": 3, "propagationPolicy": "Orphan"}),
        delete(f"{CM}/kept.b"),
        delete(f"{CM}/gone"),
        delete(f"{CM}?labelSelector=of=a"),
        get(f"{CM}/kept.a"),
    ),
    policed(
        "failures that are ignored",
        [
            policy("ignored", "object.spec.a == 1", "object.metadata.name != 'no'", **IGNORED),
            policy("unmatched", "false", matchConditions=TWO, **IGNORED),
        ],
        [binding("ignored"), binding("unmatched")],
        post(CM, cm("a")),
        post(CM, cm("no")),
    ),
    policed(
        "match conditions",
        [
            policy("named", "false", matchConditions=CONDITIONS),
            policy("failing", "true", matchConditions=ANOTHER, match={"objectSelector": {"matchLabels": {"a": "b"}}}),
            policy("unknown", "object.metadata.name != 'd1'", matchConditions=[AROUND], rules=[rule("secrets")]),
        ],
        [binding("named"), binding("failing"), binding("unknown")],
        post(CM, cm("c1")),
        post(CM, cm("d1")),
        post(CM, cm("d2", labels={"a": "b"})),
        post(CM, cm("none", labels={"a": "b"})),
        post(f"{CORE}/secrets", {"metadata": {"name": "d1"}}),
    ),
    policed(
        "policies that warn",
        [
            policy("warned", probe("warned", message='with "quotes" and \\ more'), probe("both", message="first")),
            policy("audited", probe("audited"), probe("both")),
            policy("denied", probe("denied"), probe("second")),
        ],
        [binding("warned", "Warn"), binding("audited", "Audit"), binding("also", "Audit", "Warn", of="audited")],
        post(CM, cm("warned.a")),
        put(f"{CM}/warned.a", cm("warned.a", {"a": "b"})),
        post(f"{CM}?fieldValidation=Warn", cm("warned.b") | {"unknown": 1}),
        post(CM, cm("audited.a")),
        post(CM, cm("denied.a")),
        apply(f"{CM}/warned.c", cm("warned.c")),
    ),
    policed(
        "what policies are about",
        [
            policy("status", "false", rules=[rule("widgets/status", group="conformance.example.com")]),
            policy("old", SEEN, rules=[OLD]),
            policy("exact", "false", rules=[OLD], match={"matchPolicy": "Exact"}),
            policy("others", "false", rules=[rule("*")], match={"excludeResourceRules": [CONFIG_MAPS, rule("pods")]}),
            policy("scoped", SCOPED, rules=[rule("*", operations=["*"], scope="Cluster")]),
            policy("labelled", "false", match={"objectSelector": {"matchExpressions": [LABELLED]}}),
            policy("named", "false", rules=[rule("configmaps", resourceNames=["x", "y"])]),
            policy("scaled", SCALED, rules=[rule("widgets/scale", group="*", apiVersions=["*"])]),
            policy("moved", MOVED, rules=[rule("pods/binding", "pods/eviction", group="*", apiVersions=["*"])]),
            policy("unbound", "false"),
            policy("elsewhere", "false"),
        ],
        [
            *map(binding, ("status", "old", "exact", "scoped", "labelled", "named", "scaled", "moved", "nobody")),
            binding("others", matchResources={"resourceRules": [rule("secrets"), rule("configmaps")]}),
            binding("elsewhere", matchResources={"namespaceSelector": {"matchLabels": {"a": "b"}}}),
        ],
        post(WIDGET_V1BETA1, widget("b", {"size": 3}) | {"apiVersion": "conformance.example.com/v1beta1"}),
        post(WIDGETS, widget("a", {"size": 3, "replicas": 1})),
        post(WIDGETS, widget("old", {"size": 3})),
        patch(f"{WIDGETS}/a/status", {"status": {"phase": "Up"}}),
        patch(f"{WIDGETS}/a", {"spec": {"size": 4}}),
        get(f"{WIDGETS}/a/scale"),
        patch(f"{WIDGETS}/a/scale", {"spec": {"replicas": 2}}),
        patch(f"{WIDGETS}/a/scale", {"spec": {"replicas": 7}}),
        post(f"{CORE}/secrets", {"metadata": {"name": "a"}}),
        post(f"{CORE}/serviceaccounts", {"metadata": {"name": "a"}}),
        post(f"{CORE}/pods/nobody/binding", {**MOVE, "target": {"kind": "Node", "name": "nowhere"}}),
        post(f"{CORE}/pods/nobody/eviction", {**MOVE, "apiVersion": "policy/v1", "kind": "Eviction"}),
        post(CM, cm("a")),
        post(CM, cm("x")),
        post(CM, cm("b", labels={"tier": "back"})),
        patch(f"{CM}/a", {"metadata": {"labels": {"tier": "back"}}}),
        patch("/api/v1/namespaces/$(ns)", {"metadata": {"labels": {"more": "yes"}}}),
    ),
    policed(
        "policies with parameters",
        [
            policy("limit", LIMIT, paramKind=KIND),
            policy("many", "object.metadata.name.size() < int(params.data.longest)", paramKind=KIND, rules=[SECRETS]),
            policy("strict", "params != null", paramKind=KIND, rules=[rule("serviceaccounts")]),
            policy("gone", "true", paramKind=KIND, rules=[rule("limitranges")]),
            policy("unknown", "true", paramKind={"apiVersion": "a.example.com/v1", "kind": "Thing"}, rules=[QUOTAS]),
        ],
        [
            binding("limit", paramRef={"name": "limit", "namespace": "$(ns)", "parameterNotFoundAction": "Deny"}),
            binding("many", paramRef={"selector": {"matchLabels": {"is": "p"}}, "parameterNotFoundAction": "Allow"}),
            binding("strict"),
            binding("gone", paramRef={"name": "nothing", "parameterNotFoundAction": "Deny"}),
            binding("unknown", paramRef={"name": "nothing", "parameterNotFoundAction": "Deny"}),
        ],
        Send("POST", f"{CM}?dryRun=All", cm("short"), until=201),  # a real server has to learn of the parameters first
        post(CM, cm("short")),
        post(CM, cm("much-too-long")),
        post(f"{CORE}/secrets", {"metadata": {"name": "longer"}}),
        post(f"{CORE}/secrets", {"metadata": {"name": "much-longer"}}),
        post(f"{CORE}/serviceaccounts", {"metadata": {"name": "a"}}),
        post(f"{CORE}/limitranges", {"metadata": {"name": "a"}}),
        post(f"{CORE}/resourcequotas", {"metadata": {"name": "a"}}),
        before=(
            post(CM, cm("limit", {"longest": "10"})),
            post(CM, cm("p1", {"longest": "20"}, labels={"is": "p"})),
            post(CM, cm("p2", {"longest": "9"}, labels={"is": "p"})),
        ),
    ),
    case(
        "a policy's life",
        post(POLICIES, policy("a", "true")),
        get(f"{POLICIES}/$(ns)-a"),
        patch(f"{POLICIES}/$(ns)-a", {"spec": {"failurePolicy": "Ignore"}}),
        patch(f"{POLICIES}/$(ns)-a", {"metadata": {"labels": {"a": "b"}}}),
        put(f"{POLICIES}/$(ns)-a", policy("a", "false")),
        patch(f"{POLICIES}/$(ns)-a/status", {"status": {"observedGeneration": 2}}),
        patch(f"{POLICIES}/$(ns)-a", {"spec": {"validations": [{"expression": "1"}]}}),
        apply(f"{POLICIES}/$(ns)-b", {**APPLIED, **policy("b", "true")}),
        post(BINDINGS, binding("a")),
        get(f"{BINDINGS}/$(ns)-a"),
        patch(f"{BINDINGS}/$(ns)-a", {"spec": {"validationActions": ["Audit"]}}),
        put(f"{BINDINGS}/$(ns)-a", binding("a")),
        delete(f"{BINDINGS}/$(ns)-a"),
        delete(f"{POLICIES}/$(ns)-a"),
        get("/apis/admissionregistration.k8s.io"),
    ),
    case(
        "policies of which something is missing",
        post(POLICIES, {"metadata": {"name": "$(ns)"}}),
        post(POLICIES, refused("a", matchConstraints=None)),
        post(POLICIES, refused("a", matchConstraints={})),
        post(POLICIES, refused("a", validations=None)),
        post(POLICIES, refused("a", validations=[])),
        post(POLICIES, refused("a", validations=[{}])),
        post(POLICIES, refused("a", variables=[{}])),
        post(POLICIES, refused("a", matchConditions=[{}])),
        post(POLICIES, refused("a", matchConditions=[*CONDITIONS, *CONDITIONS])),
        post(POLICIES, refused("a", matchConditions=[{"name": "not a name", "expression": "true"}])),
        post(POLICIES, refused("a", matchConditions=[{"name": f"n{i}", "expression": "true"} for i in range(65)])),
        post(POLICIES, refused("a", auditAnnotations=[{}])),
        post(POLICIES, refused("a", auditAnnotations=[ANNOTATION, ANNOTATION])),
        post(POLICIES, refused("a", failurePolicy="Maybe")),
        post(POLICIES, refused("a", paramKind={})),
        post(POLICIES, refused("a", paramKind={"apiVersion": "a/b/c", "kind": "Thing"})),
    ),
    case(
        "policies about nothing",
        *(post(POLICIES, ruled(**{name: []})) for name in ("apiGroups", "apiVersions", "operations", "resources")),
        *(post(POLICIES, ruled(**{name: ["*", "a"]})) for name in ("apiGroups", "apiVersions", "operations")),
        *(post(POLICIES, ruled(**{name: [""]})) for name in ("apiGroups", "apiVersions", "operations", "resources")),
        *(post(POLICIES, ruled(resources=each)) for each in RESOURCES),
        post(POLICIES, ruled(scope="Everywhere")),
        *(post(POLICIES, ruled(resourceNames=each)) for each in (["a", "a"], ["a/b"], [".."], ["a%"])),
        post(POLICIES, refused("r", matchConstraints={"resourceRules": [CONFIG_MAPS], "matchPolicy": "Like"})),
        *(post(POLICIES, refused("r", matchConstraints=selecting(each))) for each in SELECTORS),
    ),
    case(
        "expressions that do not compile",
        *(post(POLICIES, validated(each)) for each in UNCOMPILED),
        post(POLICIES, validated("true", variables=[{"name": "a", "expression": "nothing"}])),
        post(POLICIES, validated("true", variables=[{"name": "not a name", "expression": "1"}])),
        post(POLICIES, validated("true", variables=[{"name": "in", "expression": "1"}])),
        post(POLICIES, validated("variables.b", variables=[{"name": "a", "expression": "true"}])),
        post(POLICIES, validated("variables.a", variables=[{"name": "a", "expression": "1"}])),
        post(POLICIES, validated("true", variables=[BACKWARD, {"name": "b", "expression": "1"}])),
        post(POLICIES, validated("true", matchConditions=[{"name": "a", "expression": "variables.a"}])),
        post(POLICIES, validated("true", matchConditions=[{"name": "a", "expression": " 'text' "}])),
        post(POLICIES, validated("true", auditAnnotations=[{"key": "a", "valueExpression": "1"}])),
        *(post(POLICIES, validated({"expression": "true", "messageExpression": each})) for each in MESSAGES),
        *(post(POLICIES, validated({"expression": "true", "message": each})) for each in (" ", "a\nb", "")),
        post(POLICIES, validated({"expression": "true", "reason": "Because"})),
        post(POLICIES, validated({"expression": "a.b", "messageExpression": "c.d", "message": "e\nf"})),
    ),
    case(
        "bindings of which something is missing",
        post(BINDINGS, {"metadata": {"name": "$(ns)"}}),
        post(BINDINGS, binding("a", policyName="")),
        post(BINDINGS, binding("a", policyName="Not A Name")),
        *(post(BINDINGS, binding("a", validationActions=each)) for each in ACTIONS),
        *(post(BINDINGS, binding("a", paramRef=each)) for each in REFERENCES),
        post(BINDINGS, binding("a", matchResources={"matchPolicy": "Like"})),
        post(BINDINGS, binding("a", matchResources={"resourceRules": [{}]})),
    ),
    case(
        "a policy that asks who may",
        post(POLICIES, validated("authorizer.group('').resource('pods').check('create').allowed()")),
    ),
)
