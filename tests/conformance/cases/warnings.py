"""Fields that nobody knows or that are there twice: what is said, and to whom it is said with a refusal."""

from conformance.script import APPLY, CM, CORE, STRATEGIC, WIDGETS, YAML, case, cm, patch, post, put, widget

TWICE = b'{"apiVersion":"conformance.example.com/v1","kind":"Widget","metadata":{"name":"a","labels":{"x":"1","x":"2"}},"spec":{"size":1,"size":2,"nope":1,"items":[{"name":"a","name":"b"}],"free":{"a":1,"a":2}}}'
THRICE = b'{"apiVersion":"conformance.example.com/v1","kind":"Widget","metadata":{"name":"a"},"spec":{"size":1,"size" : 2, "size":3}}'
MAP = b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","name":"a"},"data":{"x":"1","x":"2"},"nope":1}'
POD = b'{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{"containers":[{"name":"x","name":"a","image":"i","nope":1,"env":[{"name":"a","value":"1","value":"2"}]}],"nope":2}}'
TEXT = b"apiVersion: conformance.example.com/v1\nkind: Widget\nmetadata:\n  name: a\nspec:\n  size: 1\n  size: 2\n"
LEVELS = ("?dryRun=All&fieldValidation=Strict", "?dryRun=All&fieldValidation=Ignore", "?dryRun=All")
SAID = LEVELS[1:]

CASES = (
    case("a Widget with keys twice", *(post(f"{WIDGETS}{level}", TWICE) for level in LEVELS)),
    case("a Widget with a key thrice", post(f"{WIDGETS}?dryRun=All", THRICE)),
    case("a ConfigMap with keys twice", *(post(f"{CM}{level}", MAP) for level in LEVELS)),
    case("a Pod with keys twice", *(post(f"{CORE}/pods{level}", POD) for level in LEVELS)),
    case("an update with keys twice", post(WIDGETS, widget("a")), *(put(f"{WIDGETS}/a{v}", TWICE) for v in LEVELS)),
    case("YAML with keys twice", *(post(f"{WIDGETS}{level}", TEXT + b"  nope: 1\n", YAML) for level in LEVELS)),
    case(
        "a merge patch with keys twice",
        post(WIDGETS, widget("a")),
        *(patch(f"{WIDGETS}/a{level}", b'{"spec":{"size":1,"size":2,"nope":1}}') for level in LEVELS),
    ),
    case(
        "a strategic patch with keys twice",
        post(CM, cm("a")),
        *(patch(f"{CM}/a{level}", b'{"data":{"x":"1","x":"2"},"nope":1}', STRATEGIC) for level in LEVELS),
    ),
    case(
        "an apply with keys twice",
        *(patch(f"{WIDGETS}/a{level}&fieldManager=alice", TEXT, APPLY) for level in LEVELS),
        *(patch(f"{WIDGETS}/a{level}&fieldManager=alice", THRICE, APPLY) for level in SAID),
    ),
    case(
        "refused writes bring warnings",
        post(WIDGETS, widget("a", {"size": 99, "nope": 1})),
        post(WIDGETS, widget("b", {"nope": 1}, finalizers=["bare"])),
        post(WIDGETS, widget("b", {"nope": 1}, finalizers=["bare"])),
        put(f"{WIDGETS}/b", widget("b", {"nope": 1}, resourceVersion="1")),
        patch(f"{WIDGETS}/b", {"spec": {"size": 99, "nope": 1}}),
        patch(f"{WIDGETS}/none", {"spec": {"nope": 1}}),
        put(f"{WIDGETS}/none", widget("none", {"nope": 1}, resourceVersion="1")),
        post(CM, cm("A_") | {"nope": 1}),
        post(CM, cm("a") | {"nope": 1, "data": "text"}),
    ),
)
