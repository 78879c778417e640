"""What the docstrings below the fields of the settings say. Read from the source when somebody asks: an engine that starts never does."""

import ast
import inspect
import textwrap
from functools import cache
from typing import Any

from pydantic import BaseModel


@cache
def descriptions(model: type[BaseModel]) -> dict[str, str]:
    """The description of each described field of a section, its parents' included."""
    found: dict[str, str] = {}
    for one in reversed(model.__mro__):
        if issubclass(one, BaseModel) and one is not BaseModel:
            found |= _of(one)
    return found


def with_descriptions(schema: dict[str, Any], models: dict[str, type[BaseModel]]) -> dict[str, Any]:
    """`schema` with the descriptions of the fields of `models` (by name) in its definitions. Changes and returns it."""
    for name, part in (*schema.get("$defs", {}).items(), (schema.get("title", ""), schema)):
        known = descriptions(models[name]) if name in models else {}
        for key, value in part.get("properties", {}).items():
            if key in known:
                value["description"] = known[key]
    return schema


def _of(model: type[BaseModel]) -> dict[str, str]:
    """Fields of this class alone: a text that stands as a statement after a field."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    assert isinstance(definition, ast.ClassDef)
    found = {}
    for before, after in zip(definition.body, definition.body[1:], strict=False):
        if isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name) and isinstance(after, ast.Expr):
            text = after.value.value if isinstance(after.value, ast.Constant) else None
            if isinstance(text, str):
                found[before.target.id] = inspect.cleandoc(text)
    return found
