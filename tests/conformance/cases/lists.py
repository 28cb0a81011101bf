"""Lists: pages, selectors, and the revisions at which they look."""

from conformance.script import CM, WIDGETS, Send, case, cm, delete, get, patch, post, widget

THREE = tuple(post(CM, cm(name, labels={"run": "x", "name": name, "n": str(i)})) for i, name in enumerate("cab", 1))
WIDGETS_3 = tuple(
    post(WIDGETS, widget(name, {"color": color, "size": 1}, labels={"tier": tier}))
    for name, color, tier in (("a", "red", "web"), ("b", "blue", "web"), ("c", "red", "db"))
)
OURS = f"{CM}?labelSelector=run"
OWN = f"{CM}?fieldSelector=metadata.name!=kube-root-ca.crt"


def selected(*selectors: str) -> tuple[Send, ...]:
    return tuple(get(f"{WIDGETS}?labelSelector={selector}") for selector in selectors)


GOOD_LABELS = {
    "equal": "tier=web",
    "equal twice": "tier==web",
    "not equal": "tier!=web",
    "in a set": "tier+in+(web,db)",
    "not in a set": "tier+notin+(web)",
    "there": "tier",
    "not there": "!tier",
    "two": "tier=web,tier!=db",
    "unequal to what is not there": "other!=1",
    "an empty value": "tier=",
    "greater": "tier>3",
    "less": "tier<3",
    "spaces": "+tier+=+web+",
    "a prefix": "example.com/a=b",
    "nothing": "",
    "an empty value in a set": "tier+in+(,web)",
}
BAD_LABELS = {
    "a bad value": "a=b%20c",
    "a bad key": "-a=b",
    "no key": "=b",
    "a bracket missing": "a+in+(b",
    "no bracket": "a+in+b",
    "a comma at the end": "a=b,",
    "two equal signs more": "a===b",
    "an unknown word": "a+of+(b)",
    "an empty set": "a+in+()",
    "greater than a word": "a>b",
    "a long value": "a=" + "x" * 64,
    "only an exclamation mark": "!",
    "a key with two slashes": "a/b/c=d",
}
BAD_FIELDS = {
    "an unknown field": "spec.nothing=1",
    "no operator": "metadata.name",
    "a set": "metadata.name+in+(a)",
    "an unknown field of metadata": "metadata.uid=1",
    "an escape that is none": "metadata.name=a%5Cb",
}
OPTIONS = {
    "a limit that is no number": "limit=many",
    "a negative limit": "limit=-1",
    "a limit of zero": "limit=0",
    "a bad token": "continue=abc",
    "a bad token of base64": "continue=e30",
    "a token with a revision": "continue=abc&resourceVersion=1",
    "a revision that is none": "resourceVersion=abc",
    "a negative revision": "resourceVersion=-1",
    "revision 0": "resourceVersion=0&labelSelector=nobody",
    "a match without a revision": "resourceVersionMatch=Exact",
    "an unknown match": "resourceVersion=1&resourceVersionMatch=Nearly",
    "an exact match of 0": "resourceVersion=0&resourceVersionMatch=Exact",
    "a match and a token": "resourceVersion=1&resourceVersionMatch=Exact&continue=abc",
    "initial events": "sendInitialEvents=true",
    "initial events with a match": "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=0",
    "a timeout that is no number": "timeoutSeconds=soon",
    "an unknown option": "colour=red",
    "bookmarks": "allowWatchBookmarks=true&labelSelector=nobody",
}

CASES = (
    case("an empty list", get(f"{CM}?labelSelector=nobody"), get(WIDGETS)),
    case("a list is in the order of names", *THREE, get(OURS)),
    case("a list of Widgets", *WIDGETS_3, get(WIDGETS)),
    case(
        "a list of everywhere",
        *THREE,
        get("/api/v1/configmaps?labelSelector=run&fieldSelector=metadata.namespace=$(ns)"),
    ),
    case("pages", *THREE, get(f"{OURS}&limit=2"), get(f"{OURS}&limit=2&continue=$(3.metadata.continue)")),
    case(
        "pages of Widgets",
        *WIDGETS_3,
        get(f"{WIDGETS}?limit=1"),
        get(f"{WIDGETS}?limit=1&continue=$(3.metadata.continue)"),
        get(f"{WIDGETS}?limit=1&continue=$(4.metadata.continue)"),
    ),
    case("a page for all", *WIDGETS_3, get(f"{WIDGETS}?limit=3"), get(f"{WIDGETS}?limit=500")),
    case(
        "pages look at one moment",
        *WIDGETS_3,
        get(f"{WIDGETS}?limit=1"),
        delete(f"{WIDGETS}/b"),
        post(WIDGETS, widget("d")),
        patch(f"{WIDGETS}/c", {"spec": {"size": 9}}),
        get(f"{WIDGETS}?continue=$(3.metadata.continue)"),
        get(f"{WIDGETS}?limit=9"),
    ),
    case("pages with a selector", *WIDGETS_3, get(f"{WIDGETS}?limit=1&labelSelector=tier=web")),
    case("pages of a field selector", *WIDGETS_3, get(f"{WIDGETS}?limit=1&fieldSelector=spec.color=red")),
    *(case(f"label selector: {words}", *WIDGETS_3, *selected(text)) for words, text in GOOD_LABELS.items()),
    *(
        case(f"bad label selector: {w}", *selected(text), get(f"{CM}?labelSelector={text}"))
        for w, text in BAD_LABELS.items()
    ),
    *(
        case(f"bad field selector: {w}", get(f"{WIDGETS}?fieldSelector={text}"), get(f"{CM}?fieldSelector={text}"))
        for w, text in BAD_FIELDS.items()
    ),
    case(
        "field selectors",
        *WIDGETS_3,
        get(f"{WIDGETS}?fieldSelector=metadata.name=a"),
        get(f"{WIDGETS}?fieldSelector=metadata.name!=a"),
        get(f"{WIDGETS}?fieldSelector=metadata.name==a,metadata.namespace=$(ns)"),
        get(f"{WIDGETS}?fieldSelector=metadata.namespace=other"),
        get(f"{WIDGETS}?fieldSelector=spec.color=red"),
        get(f"{WIDGETS}?fieldSelector=spec.color!=red,metadata.name!=z"),
        get(f"{WIDGETS}?fieldSelector=spec.color=red&labelSelector=tier=db"),
        get(f"{WIDGETS}?fieldSelector=spec.color="),
    ),
    *(case(f"list with {words}", get(f"{OWN}&{text}"), get(f"{WIDGETS}?{text}")) for words, text in OPTIONS.items()),
    case(
        "a list at an exact revision",
        *WIDGETS_3,
        delete(f"{WIDGETS}/a"),
        patch(f"{WIDGETS}/b", {"spec": {"size": 9}}),
        get(f"{WIDGETS}?resourceVersion=$(2.metadata.resourceVersion)&resourceVersionMatch=Exact"),
        get(f"{WIDGETS}?resourceVersion=$(0.metadata.resourceVersion)&resourceVersionMatch=Exact"),
        get(f"{WIDGETS}?resourceVersion=$(0.metadata.resourceVersion)&resourceVersionMatch=NotOlderThan"),
        get(f"{WIDGETS}?resourceVersion=$(0.metadata.resourceVersion)"),
        get(f"{WIDGETS}?resourceVersion=$(1.metadata.resourceVersion)&limit=1"),
    ),
    case(
        "get at a revision",
        post(CM, cm("a")),
        get(f"{CM}/a?resourceVersion=0"),
        get(f"{CM}/a?resourceVersion=$(0.metadata.resourceVersion)"),
        get(f"{CM}/a?resourceVersion=abc"),
        get(f"{CM}/b?resourceVersion=0"),
    ),
)
