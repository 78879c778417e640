"""Only Content and Text reach widgets: a look at the source of the whole package."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import v2g_console.console

PACKAGE = Path(v2g_console.console.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
MARKUP_WIDGETS = {
    "Static",
    "Label",
    "Button",
    "Option",
    "Tab",
    "TabPane",
    "Checkbox",
    "RadioButton",
    "Link",
    "Markdown",
    "Log",
    "RichLog",
    "Digits",
}
TITLES = {"border_title", "border_subtitle", "tooltip"}
BUILDERS = {"line", "content", "lines", "Content", "assemble", "styled"}


def faults(tree: ast.AST) -> Iterator[str]:
    """What breaks the rule, as `line: what`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _call_faults(node)
        elif isinstance(node, ast.Assign):
            named = [target.attr for target in node.targets if isinstance(target, ast.Attribute) and target.attr in TITLES]
            if named and not _is_content(node.value):
                yield f"{node.lineno}: {named[0]} gets something that is no Content"


def _call_faults(node: ast.Call) -> Iterator[str]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id if isinstance(node.func, ast.Name) else ""
    if name in {"from_markup", "render_str"}:
        yield f"{node.lineno}: {name} reads markup"
    if name == "notify":
        markup = next((word.value for word in node.keywords if word.arg == "markup"), None)
        if not (isinstance(markup, ast.Constant) and markup.value is False):
            yield f"{node.lineno}: notify without markup=False"
        if node.args and isinstance(node.args[0], ast.JoinedStr):
            yield f"{node.lineno}: notify with an f-string"
    if name in MARKUP_WIDGETS and node.args and not _is_content(node.args[0]):
        yield f"{node.lineno}: {name} gets something that is no Content"
    if name == "update" and node.args and isinstance(node.args[0], ast.JoinedStr | ast.Constant):
        yield f"{node.lineno}: update with a string"


def _is_content(value: ast.expr) -> bool:
    if isinstance(value, ast.Constant):
        return value.value is None
    if not isinstance(value, ast.Call):
        return False
    return (value.func.attr if isinstance(value.func, ast.Attribute) else getattr(value.func, "id", "")) in BUILDERS


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_string_reaches_a_widget_as_markup(path: Path) -> None:
    assert list(faults(ast.parse(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    "source",
    [
        'self.notify(f"{x}", markup=False)',
        "self.notify(x)",
        'Static(f"{x}")',
        "Label(name)",
        'pane.border_title = f"{x}"',
        "pane.border_title = name",
        "Content.from_markup(x)",
        'w.update(f"{x}")',
    ],
)
def test_the_look_finds_each_kind_of_fault(source: str) -> None:
    assert list(faults(ast.parse(source)))


def test_private_parts_of_textual_are_used_in_one_file_only() -> None:
    private = ("._filters", "._compositor", "._exit_renderables", "._bindings", "._close_messages", "._exception", "textual._")
    users = {path.name for path in SOURCES for word in private if word in path.read_text(encoding="utf-8")}
    assert users == {"textual_private.py"}
