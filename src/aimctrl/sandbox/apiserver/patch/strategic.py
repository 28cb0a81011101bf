"""Strategic merge patches, which know by which key the items of a list are merged.

Source: https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md,
and the answers of a kube-apiserver v1.36 (hack/controlplane).
"""

from collections.abc import Callable
from typing import Any

from aimctrl.sandbox.apiserver.errors import StatusError, bad_request
from aimctrl.sandbox.apiserver.gotext import printed, type_name
from aimctrl.sandbox.apiserver.metadata import go_type
from aimctrl.sandbox.apiserver.patch.order import Key, arranged
from aimctrl.sandbox.apiserver.schema.node import ANY, NOTHING, Json, Node, Object, is_array, is_object

_DIRECTIVE = "$patch"
_RETAIN = "$retainKeys"
_DELETE = "$deleteFromPrimitiveList"
_ORDER = "$setElementOrder"

_OBJECT = "map[string]interface {}"


def apply_strategic(node: Node, document: Object, patch: Json) -> Object:
    """The document, of a built-in kind, with the patch in it; it is changed in place, and takes over parts of that.

    Raises:
        StatusError: 400 or 500 where it is no patch, 422 where lists hold lists.
    """
    if patch is None:
        return document
    if not is_object(patch):
        raise bad_request(f"json: cannot unmarshal {go_type(patch)} into Go value of type map[string]interface {{}}")
    return _merge(node, document, patch)


def _merge(node: Node, document: Object, patch: Object) -> Object:
    if _DIRECTIVE in patch:
        return _directed(patch)
    patch = _retained(document, dict(patch))
    for key in [key for key in patch if key.startswith(_ORDER)]:
        _reorder(node, document, patch, key)
    for key, value in patch.items():
        deleting = key.startswith(_DELETE)
        name = _named(key, "invalid patch format of primitive list") if deleting else key
        current = document.get(name, NOTHING)
        if value is None:
            document.pop(name, None)
        elif type(current) is type(value) and isinstance(value, (dict, list)):
            document[name] = _merged(node.child(name) or ANY, current, value, deleting=deleting)
        elif not deleting:
            _set(document, name, value)
    return document


def _merged(node: Node, current: Json, value: Json, *, deleting: bool) -> Json:
    """Two objects, or two lists, merged as the schema says."""
    if is_object(value):
        return value if node.merge_strategy == "replace" else _merge(node, current, value)
    if deleting or node.merge_strategy.startswith("merge"):
        return _merge_lists(node, current, value, deleting=deleting)
    return value


def _directed(patch: Object) -> Object:
    directive = patch[_DIRECTIVE]
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != _DIRECTIVE}
    if directive == "delete":
        return {}
    raise _failed(f"unknown patch type: {printed(directive)} in map: {printed(patch)}")


def _retained(document: Object, patch: Object) -> Object:
    """The patch without its list of keys to keep; other keys of the document are gone."""
    if _RETAIN not in patch:
        return patch
    keys = patch.pop(_RETAIN)
    named = [key for key, value in patch.items() if value is not None and not key.startswith((_DELETE, _ORDER))]
    if not is_array(keys) or any(key not in keys for key in named):
        raise bad_request("invalid patch format of retainKeys")
    for key in [key for key in document if key not in keys]:
        del document[key]
    return patch


def _set(document: Object, key: str, value: Json) -> None:
    """Puts a value in the place of what there was, if any; one that is to be deleted is taken out."""
    document.pop(key, None)
    if (clean := _clean(value)) is not NOTHING:
        document[key] = clean


def _clean(value: Json) -> Any:
    """A value without nulls in its objects and without what has a directive; NOTHING where it has one itself."""
    if is_object(value):
        if _DIRECTIVE in value:
            return NOTHING
        parts = {key: _clean(part) for key, part in value.items() if part is not None}
        return {key: part for key, part in parts.items() if part is not NOTHING}
    if is_array(value):
        return [part for part in map(_clean, value) if part is not NOTHING]
    return value


def _merge_lists(node: Node, live: list[Json], patch: list[Json], *, deleting: bool) -> list[Json]:
    if not live and not patch:
        return live
    if not _of_objects(live, patch):
        if deleting:
            return arranged([item for item in live if item not in patch], patch, live, _itself)
        merged = live + [item for item in patch if item not in live]
        return arranged(_once(merged), patch, live, _itself)
    if not node.merge_key:
        raise _failed("cannot merge lists without merge key")
    key = _key(node.merge_key)
    live, patch = _specials(live, patch, key)
    return arranged(_merge_items(node.items or ANY, live, patch, key), patch, live, key)


def _merge_items(node: Node, live: list[Json], patch: list[Json], key: Key) -> list[Json]:
    merged = list(live)
    for item in patch:
        wanted = key(item)
        place = next((at for at, other in enumerate(merged) if _is(other, key, wanted)), None)
        if place is None:
            merged.append(item)
        else:
            merged[place] = _merge(node, merged[place], item)
    return merged


def _specials(live: list[Json], patch: list[Json], key: Key) -> tuple[list[Json], list[Json]]:
    """The live list and the patch after the items of the patch that say what to do, rather than what to have."""
    plain = [item for item in patch if _DIRECTIVE not in item]
    replacing = False
    for item in patch:
        directive = item.get(_DIRECTIVE)
        if directive == "delete":
            gone = key(item)
            live = [other for other in live if not _is(other, key, gone)]
        elif directive == "replace":
            replacing = True
        elif directive == "merge":
            raise _failed("merging lists cannot yet be specified in the patch")
        elif _DIRECTIVE in item:
            raise _failed(f"unknown patch type: {printed(directive)} in map: {printed(item)}")
    return (plain, []) if replacing else (live, plain)


def _reorder(node: Node, document: Object, patch: Object, directive: str) -> None:
    """Merges the list that a directive gives the order of, and takes both out of the patch."""
    order = _list(patch.pop(directive))
    name = _named(directive, "invalid patch format of setElementOrder list")
    child = node.child(name) or ANY
    live, wanted = document.get(name, NOTHING), patch.pop(name, NOTHING)
    if live is not NOTHING:
        _list(live)
    key = _key(child.merge_key) if child.merge_key else _itself
    if wanted is not NOTHING and order:
        _check_order(_list(wanted), order, key)
    if live is NOTHING and wanted is NOTHING:
        return
    if live in (NOTHING, []) and wanted in (NOTHING, []):
        raise _failed("no elements in any of the given slices")
    if live is NOTHING:
        document[name] = arranged(_clean(wanted), order, [], key)
    elif wanted is NOTHING:
        document[name] = arranged(live, order, live, key)
    else:
        merged = _merged(child, live, wanted, deleting=False)
        room = _filled(live, wanted, key) if all(map(is_object, wanted)) else live
        document[name] = arranged(merged, order, room, key)


def _filled(live: list[Json], wanted: list[Json], key: Key) -> list[Json]:
    """The live list, where what is new has the room of what is deleted: so the server orders what has no order."""
    if any(item.get(_DIRECTIVE) == "replace" for item in wanted):
        return live
    gone = [key(item) for item in wanted if item.get(_DIRECTIVE) == "delete"]
    kept = [item for item in live if key(item) not in gone]
    there = [key(item) for item in kept]
    new = [item for item in wanted if _DIRECTIVE not in item and key(item) not in there]
    return (kept + new)[: len(live)]


def _check_order(wanted: list[Json], order: list[Json], key: Key) -> None:
    """Refuses items that are not in the order that the patch itself gives."""
    place = 0
    for item in wanted:
        directive = item.get(_DIRECTIVE) if is_object(item) else None
        if directive == "delete":
            continue
        if directive is None:
            while place < len(order) and key(order[place]) != key(item):
                place += 1
        if place == len(order):
            listed = f"{printed(wanted)}\n doesn't match {_ORDER} list:\n{printed(order)}\n"
            raise _failed(f"The order in patch list:\n{listed}")
        place += directive is None


def _of_objects(*lists: list[Json]) -> bool:
    """Whether the items of two lists, of which one has any, are objects, and not scalars; all must be of one type."""
    names = [type_name(item) for items in lists for item in items]
    if is_array(lists[0][0] if lists[0] else lists[1][0]):
        message = "the server rejected our request due to an error in our request"
        raise StatusError(422, "Invalid", message, details={})
    if len(set(names)) > 1:
        raise _failed(f"list element types are not identical: [{' '.join(map(printed, lists))}]")
    return names[0] == _OBJECT


def _once(items: list[Json]) -> list[Json]:
    return [item for at, item in enumerate(items) if item not in items[:at]]


def _named(directive: str, wrong: str) -> str:
    """The field that a directive is about, such as `containers` of `$setElementOrder/containers`."""
    start, found, name = directive.partition("/")
    if not found or start not in {_ORDER, _DELETE}:
        raise bad_request(wrong)
    return name


def _itself(item: Json) -> Json:
    return item


def _key(name: str) -> Callable[[Json], Json]:
    def read(item: Json) -> Json:
        if not is_object(item):
            raise _failed(f"expected a map[string]interface {{}}, but received a {type_name(item)}")
        if name not in item:
            raise _failed(f"map: {printed(item)} does not contain declared merge key: {name}")
        return item[name]

    return read


def _is(item: Json, key: Key, wanted: Json) -> bool:
    return bool(key(item) == wanted)


def _list(value: Json) -> list[Json]:
    if not is_array(value):
        raise _failed(f"expected a []interface {{}}, but received a {type_name(value)}")
    return value


def _failed(message: str) -> StatusError:
    """An error that the server does not classify."""
    return StatusError(500, "", message)
