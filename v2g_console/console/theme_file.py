"""One theme in a YAML file: read, and checked until everything that is wrong with it is known."""

import difflib
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

import yaml

from v2g_console.config.problems import ConfigError
from v2g_console.config.yaml_file import read_yaml

_HEX: Final = re.compile(r"#[0-9a-fA-F]{6}")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_KEYS: Final = ("name", "dark", "colors")
_LARGEST_FILE_BYTES: Final = 65_536
_READABLE: Final = 4.5
"""Least contrast of text to what is behind it: WCAG 2.2, success criterion 1.4.3."""
_VISIBLE: Final = 3.0
"""Least contrast of marks on the selected row, beside text that has more: WCAG 2.2, success criterion 1.4.11."""
_TEXTS: Final = ("foreground", "muted", "accent", "good", "warning", "critical")
_BEHIND: Final = ("background", "surface", "panel")


class ThemeError(ValueError):
    """A theme file that can't be used; `problems` name file, key and what is wanted."""

    def __init__(self, *problems: str) -> None:
        more = f" (and {len(problems) - 1} more: v2g-console themes check)" if len(problems) > 1 else ""
        super().__init__(problems[0] + more)
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one theme, each `#rrggbb`. Text colours: foreground, muted, accent, good, warning, critical."""

    background: str
    surface: str
    panel: str
    foreground: str
    muted: str
    border: str
    focus: str
    selection: str
    accent: str
    good: str
    warning: str
    critical: str


@dataclass(frozen=True, slots=True)
class ThemeFile:
    """What stands in a file that can be used."""

    name: str
    dark: bool
    palette: Palette


def read_theme(path: Path) -> ThemeFile:
    """The theme in one file. Raises ThemeError with everything that is wrong."""
    document = _document(path)
    problems = [f"{path.name}: unknown key {_quoted(key)}{_near(key, _KEYS)}" for key in document if key not in _KEYS]
    name, dark = document.get("name"), document.get("dark")
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        problems.append(f"{path.name} name: expected lower-case letters, digits and hyphens, got {_quoted(name)}")
    if not isinstance(dark, bool):
        problems.append(f"{path.name} dark: expected true or false, got {_quoted(dark)}")
    colors = document.get("colors")
    problems += _color_problems(path.name, colors)
    if problems or not isinstance(colors, dict) or not isinstance(name, str) or not isinstance(dark, bool):
        raise ThemeError(*problems)
    palette = Palette(**colors)
    problems = _contrast_problems(path.name, palette)
    if problems:
        raise ThemeError(*problems)
    return ThemeFile(name, dark, palette)


def contrast(one: str, other: str) -> float:
    """Contrast of two `#rrggbb` colours, 1 to 21 (WCAG 2.2 relative luminance)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _document(path: Path) -> dict[str, object]:
    try:
        if path.stat().st_size > _LARGEST_FILE_BYTES:
            raise ThemeError(f"{path.name}: larger than a theme can be")
    except OSError as error:
        raise ThemeError(f"{path.name}: can't be read: {error.strerror or error}") from error
    try:
        document = _plain(read_yaml(path).root)
    except ConfigError as error:
        raise ThemeError(f"{path.name}: can't be read: {error.problems[0].message[:160]}") from error
    if not isinstance(document, dict):
        raise ThemeError(f"{path.name}: expected the keys name, dark and colors")
    return document


def _plain(node: yaml.Node | None) -> object:
    """A node as mapping, text or switch. Nothing else has a place in a theme, and nothing else is made of it."""
    if isinstance(node, yaml.MappingNode):
        return {str(key.value) if isinstance(key, yaml.ScalarNode) else "?": _plain(value) for key, value in node.value}
    if not isinstance(node, yaml.ScalarNode):
        return None
    text = str(node.value)
    return text.lower() in ("true", "yes", "on") if node.tag == "tag:yaml.org,2002:bool" else text


def _color_problems(file: str, colors: object) -> list[str]:
    names = [field.name for field in fields(Palette)]
    if not isinstance(colors, dict):
        return [f"{file} colors: expected the colours {', '.join(names)}"]
    problems = [f"{file} colors.{str(key)[:40]}: unknown colour{_near(str(key), names)}" for key in colors if key not in names]
    for name in names:
        value = colors.get(name)
        if name not in colors:
            problems.append(f'{file} colors.{name}: missing, expected "#rrggbb"')
        elif not isinstance(value, str) or _HEX.fullmatch(value) is None:
            problems.append(f'{file} colors.{name}: expected "#rrggbb" (in quotes), got {_quoted(value)}')
    return problems


def _contrast_problems(file: str, palette: Palette) -> list[str]:
    wanted = [(text, behind, _READABLE) for text in _TEXTS for behind in _BEHIND]
    wanted += [("foreground", "selection", _READABLE), *((text, "selection", _VISIBLE) for text in _TEXTS[1:])]
    problems = []
    for text, behind, least in wanted:
        ratio = contrast(getattr(palette, text), getattr(palette, behind))
        if ratio < least:
            problems.append(f"{file} colors.{text}: contrast {ratio:.1f} to {behind} is under {least}: hard to read there")
    return problems


def _near(key: str, known: "list[str] | tuple[str, ...]") -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return f", did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"


def _quoted(value: object) -> str:
    return "nothing" if value is None else repr(str(value)[:40])


def _luminance(color: str) -> float:
    channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
