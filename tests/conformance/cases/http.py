"""Media types, forms of answers, dry runs, broken bodies."""

from conformance.script import CM, JSON_PATCH, WIDGETS, YAML, case, cm, get, patch, post, put, widget

A = f"{WIDGETS}/a"
YAML_CM = b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  k: v\n"
META = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METAS = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"
ACCEPTS = {
    "anything": "*/*",
    "anything of application": "application/*",
    "YAML": "application/yaml",
    "text": "text/plain",
    "HTML or JSON": "text/html,application/json;q=0.5",
    "metadata": META,
    "metadata in v1beta1": META.replace("v=v1", "v=v1beta1"),
    "metadata in an unknown version": META.replace("v=v1", "v=v7"),
    "an unknown form": META.replace("PartialObjectMetadata", "Picture"),
    "a table or JSON": f"{TABLE},application/json",
    "an unknown form or JSON": META.replace("PartialObjectMetadata", "Picture") + ",application/json",
    "YAML or JSON": "application/yaml,application/json",
}
BODIES = {
    "an open brace": b"{",
    "garbage": b"garbage",
    "a number": b"7",
    "a list": b"[]",
    "a text": b'"a"',
    "null": b"null",
    "two objects": b"{}{}",
    "a comma too much": b'{"a":1,}',
    "no quotes": b"{a:1}",
    "single quotes": b"{'a':1}",
    "a missing value": b'{"a":}',
    "a missing colon": b'{"a" 1}',
    "a missing comma": b'{"a":1 "b":2}',
    "an open text": b'{"a":"b',
    "an open list": b'{"a":[1',
    "a list with a comma": b'{"a":[1,]}',
    "a bad word": b'{"a":trve}',
    "a bad number": b'{"a":01}',
    "a bad escape": b'{"a":"\\q"}',
    "a line break in a text": b'{"a":"b\nc"}',
    "blanks": b"   ",
    "YAML as JSON": YAML_CM,
    "no text at all": b"\xff\xfe",
}

CASES = (
    *(
        case(
            f"Accept {words}",
            post(CM, cm("a")),
            get(f"{CM}/a", Accept=text),
            post(WIDGETS, widget("a")),
            get(A, Accept=text),
        )
        for words, text in ACCEPTS.items()
    ),
    *(case(f"a body of {words}", post(CM, body), post(WIDGETS, body)) for words, body in BODIES.items()),
    case(
        "lists of metadata",
        post(WIDGETS, widget("a")),
        get(WIDGETS, Accept=METAS),
        get(f"{WIDGETS}?limit=1", Accept=METAS),
        get(f"{CM}?labelSelector=nobody", Accept=METAS),
    ),
    case(
        "an object as a list of metadata", post(WIDGETS, widget("a")), get(A, Accept=METAS), get(WIDGETS, Accept=META)
    ),
    case(
        "a table of Widgets",
        post(WIDGETS, widget("a", {"color": "red"})),
        get(WIDGETS, Accept=TABLE),
        get(A, Accept=TABLE),
    ),
    case(
        "a table without objects",
        post(WIDGETS, widget("a", {"color": "red"})),
        get(f"{WIDGETS}?includeObject=None", Accept=TABLE),
    ),
    case(
        "a table with objects",
        post(WIDGETS, widget("a", {"color": "red"})),
        get(f"{WIDGETS}?includeObject=Object", Accept=TABLE),
    ),
    case("a table of nothing", get(WIDGETS, Accept=TABLE)),
    case("a table of ConfigMaps", post(CM, cm("a", {"k": "v"})), get(f"{CM}/a", Accept=TABLE)),
    case("a refusal as a table", get(A, Accept=TABLE), get(A, Accept="application/yaml")),
    case("a created object as metadata", post(CM, cm("a"), Accept=META), post(WIDGETS, widget("a"), Accept=TABLE)),
    case("a body of YAML", post(CM, YAML_CM, YAML), get(f"{CM}/a", Accept="application/yaml")),
    case("a body of broken YAML", post(CM, b"a: [", YAML), post(CM, b"a: b: c", YAML), post(CM, b"\t- a", YAML)),
    case(
        "a body of text",
        post(CM, cm("a"), "text/plain"),
        post(WIDGETS, widget("a"), "text/plain"),
        put(f"{CM}/a", cm("a"), "text/plain"),
    ),
    case("a body without a type", post(CM, cm("a"), ""), post(WIDGETS, widget("a"), "")),
    case("a body with parameters", post(CM, cm("a"), "application/json; charset=utf-8")),
    case("a bad type of a body", post(CM, cm("a"), "json")),
    case("a patch of an unknown type", post(CM, cm("a")), patch(f"{CM}/a", {}, "text/plain"), patch(f"{CM}/a", {}, "")),
    case(
        "a body of more than 3 MiB",
        post(CM, cm("a", {"k": "x" * 3_200_000})),
        post(WIDGETS, widget("a", {"labels": {"k": "x" * 3_200_000}})),
    ),
    case("a patch of more than 3 MiB", post(CM, cm("a")), patch(f"{CM}/a", {"data": {"k": "x" * 3_200_000}})),
    case("a large ConfigMap", post(CM, cm("a", {"k": "x" * 1_100_000}))),
    case(
        "a dry creation",
        post(f"{CM}?dryRun=All", cm("a")),
        get(f"{CM}/a"),
        post(f"{WIDGETS}?dryRun=All", widget("a")),
        get(A),
    ),
    case("a dry creation with a generated name", post(f"{CM}?dryRun=All", {"metadata": {"generateName": "made-"}})),
    case("a dry creation of what is there", post(CM, cm("a")), post(f"{CM}?dryRun=All", cm("a"))),
    case("a dry update", post(CM, cm("a", {"k": "1"})), put(f"{CM}/a?dryRun=All", cm("a", {"k": "2"})), get(f"{CM}/a")),
    case("a dry patch", post(WIDGETS, widget("a")), patch(f"{A}?dryRun=All", {"spec": {"size": 4}}), get(A)),
    case(
        "a dry run of some",
        post(f"{CM}?dryRun=Some", cm("a")),
        put(f"{CM}/a?dryRun=Some", cm("a")),
        patch(f"{CM}/a?dryRun=", {}),
    ),
    case("pretty answers", post(CM, cm("a")), get(f"{CM}/a?pretty=true"), get(f"{CM}/a?pretty=false")),
    case("unknown options", post(f"{CM}?colour=red", cm("a")), get(f"{CM}/a?colour=red")),
    case("a long manager", post(f"{CM}?fieldManager={'m' * 129}", cm("a")), post(f"{CM}?fieldManager=a%0Ab", cm("b"))),
    case(
        "a manager from the User-Agent",
        post(CM, cm("a", {"k": "v"}), User_Agent="kubectl/v1 (linux)"),
        post(CM, cm("b", {"k": "v"}), User_Agent="curl"),
    ),
    case("a slash at the end", get(f"{CM}/a/")),
    case("a JSON patch of text", post(CM, cm("a")), patch(f"{CM}/a", b'"a"', JSON_PATCH)),
    case(
        "no token",
        get(f"{CM}/a", Authorization=""),
        get(f"{CM}/a", Authorization="Bearer nobody"),
        get(f"{CM}/a", Authorization="Basic YTpi"),
    ),
)
