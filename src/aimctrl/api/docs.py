"""What the source says of a model's fields: the string below each, which only the CRDs need.

Pydantic's `use_attribute_docstrings` looks for them when a model is defined, in all programs and at every start.
"""

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel

Docs = Mapping[str, str]


def described(model: type[BaseModel]) -> Docs:
    """What there is to say of the model's fields, by name; the nearest class that declares a field is heard."""
    found: dict[str, str] = {}
    for owner in reversed(model.__mro__):
        own = _of_module(owner.__module__).get(owner.__qualname__, {})
        for name in inspect.get_annotations(owner):
            found.pop(name, None)
            if name in own:
                found[name] = own[name]
    return found


@cache
def _of_module(name: str) -> Mapping[str, Docs]:
    """The docs of all classes of a module, by qualified name; none where there is no source."""
    try:
        source = inspect.getsource(sys.modules[name])
    except (OSError, TypeError):
        return {}
    return dict(_classes(ast.parse(source), ""))


def _classes(node: ast.AST, path: str) -> Iterator[tuple[str, Docs]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield f"{path}{child.name}", dict(_fields(child))
            yield from _classes(child, f"{path}{child.name}.")
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _classes(child, f"{path}{child.name}.<locals>.")
        elif not isinstance(child, ast.expr):
            yield from _classes(child, path)


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, after in zip(node.body, node.body[1:], strict=False):
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        text: Any = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else None
        if isinstance(text, str):
            yield field.target.id, inspect.cleandoc(text)
