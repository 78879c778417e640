"""Colour themes from YAML files: found, checked on load, turned into Textual themes.

Style names besides Textual's own: `$muted`, `$good`, `$warning`, `$critical`, `$accent`, `$selection`, `$focus`, `$line`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

import yaml
from platformdirs import user_config_path
from textual.theme import Theme

from v2g_console.config.problems import ConfigError
from v2g_console.config.yaml_file import read_yaml

DEFAULT_THEME: Final = "grey-dark"
_PACKAGE_FOLDER: Final = Path(__file__).parent.parent / "themes"
_CHECKOUT_FOLDER: Final = Path(__file__).parent.parent.parent / "themes"
_HEX: Final = re.compile(r"#[0-9a-fA-F]{6}")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_LARGEST_FILE_BYTES: Final = 65_536
_READABLE: Final = 4.5
"""Least contrast of text to what is behind it: WCAG 2.2, success criterion 1.4.3."""


class ThemeError(ValueError):
    """A theme file that can't be used; the message names file, key and what is wanted."""


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
class ThemeShelf:
    """The themes that could be loaded, by name in order of finding, and what was wrong with the others."""

    themes: dict[str, Theme]
    problems: tuple[str, ...]

    def choose(self, name: str) -> tuple[str, str]:
        """`(name to use, problem or "")`: the wanted theme, else the default, else the first one."""
        if name in self.themes:
            return name, ""
        known = ", ".join(self.themes)
        instead = DEFAULT_THEME if DEFAULT_THEME in self.themes else next(iter(self.themes))
        return instead, f"theme {name[:40]!r} is not there, {instead} is used; known are {known}"


BUILT_IN: Final = Palette(
    background="#1c1c1c",
    surface="#222222",
    panel="#303030",
    foreground="#d0d0d0",
    muted="#949494",
    border="#585858",
    focus="#a8a8a8",
    selection="#3f4a54",
    accent="#9fb8cc",
    good="#a8c8a8",
    warning="#e0b040",
    critical="#ff6b5e",
)
"""The default's colours, for when no file can be read at all."""


def theme_folders() -> tuple[Path, ...]:
    """Where themes are looked for; a later folder's theme replaces an earlier one of the same name."""
    return (_PACKAGE_FOLDER, _CHECKOUT_FOLDER, user_config_path("v2g-console") / "themes")


def load_themes(folders: Iterable[Path] | None = None) -> ThemeShelf:
    """All themes of the folders. A bad file costs itself only and is named in `problems`."""
    themes: dict[str, Theme] = {}
    problems: list[str] = []
    for folder in theme_folders() if folders is None else folders:
        for path in sorted(folder.glob("*.yaml")) if folder.is_dir() else ():
            try:
                theme = load_theme(path)
            except ThemeError as error:
                problems.append(str(error))
            else:
                themes[theme.name] = theme
    if not themes:
        themes[DEFAULT_THEME] = as_textual(DEFAULT_THEME, True, BUILT_IN)
        problems.append("no theme file found: the built-in grey is used")
    return ThemeShelf(themes, tuple(problems))


def load_theme(path: Path) -> Theme:
    """The theme in one file. Raises ThemeError."""
    try:
        if path.stat().st_size > _LARGEST_FILE_BYTES:
            raise ThemeError(f"{path.name}: larger than a theme can be")
    except OSError as error:
        raise ThemeError(f"{path.name}: can't be read: {error.strerror or error}") from error
    try:
        root = read_yaml(path).root
    except ConfigError as error:
        raise ThemeError(f"{path.name}: can't be read: {error.problems[0].message[:160]}") from error
    document = _plain(root)
    if not isinstance(document, dict):
        raise ThemeError(f"{path.name}: expected the keys name, dark and colors")
    unknown = [str(key) for key in document if key not in {"name", "dark", "colors"}]
    if unknown:
        raise ThemeError(f"{path.name}: unknown key {unknown[0][:40]!r}; known are name, dark, colors")
    name, dark = document.get("name"), document.get("dark")
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise ThemeError(f"{path.name} name: expected lower-case letters, digits and hyphens, got {str(name)[:40]!r}")
    if not isinstance(dark, bool):
        raise ThemeError(f"{path.name} dark: expected true or false, got {str(dark)[:40]!r}")
    palette = _palette(path.name, document.get("colors"))
    _check_contrast(path.name, palette)
    return as_textual(name, dark, palette)


def _plain(node: yaml.Node | None) -> object:
    """A node as mapping, text or switch. Nothing else has a place in a theme, and nothing else is made of it."""
    if isinstance(node, yaml.MappingNode):
        return {str(key.value) if isinstance(key, yaml.ScalarNode) else "?": _plain(value) for key, value in node.value}
    if not isinstance(node, yaml.ScalarNode):
        return None
    text = str(node.value)
    return text.lower() in ("true", "yes", "on") if node.tag == "tag:yaml.org,2002:bool" else text


def _palette(file: str, colors: object) -> Palette:
    names = [field.name for field in fields(Palette)]
    if not isinstance(colors, dict):
        raise ThemeError(f"{file} colors: expected the colours {', '.join(names)}")
    unknown = [str(key) for key in colors if key not in names]
    if unknown:
        raise ThemeError(f"{file} colors.{unknown[0][:40]}: unknown colour; known are {', '.join(names)}")
    for name in names:
        value = colors.get(name)
        if not isinstance(value, str) or _HEX.fullmatch(value) is None:
            raise ThemeError(f'{file} colors.{name}: expected "#rrggbb" (in quotes), got {str(value)[:40]!r}')
    return Palette(**colors)


def _check_contrast(file: str, palette: Palette) -> None:
    for text in ("foreground", "muted", "accent", "good", "warning", "critical"):
        for behind in ("background", "surface"):
            ratio = contrast(getattr(palette, text), getattr(palette, behind))
            if ratio < _READABLE:
                raise ThemeError(f"{file} colors.{text}: contrast {ratio:.1f} to {behind} is under {_READABLE}: nobody could read it")


def contrast(one: str, other: str) -> float:
    """Contrast of two `#rrggbb` colours, 1 to 21 (WCAG 2.2 relative luminance)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: str) -> float:
    channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def variables(palette: Palette) -> dict[str, str]:
    """The style names of ours, for Textual's style sheets and `Content` styles."""
    return {
        "muted": palette.muted,
        "good": palette.good,
        "critical": palette.critical,
        "selection": palette.selection,
        "focus": palette.focus,
        "line": palette.border,
        "border": palette.focus,
        "border-blurred": palette.border,
        "block-cursor-background": palette.selection,
        "block-cursor-foreground": palette.foreground,
        "input-selection-background": palette.selection,
        "scrollbar": palette.border,
        "scrollbar-background": palette.surface,
        "scrollbar-corner-color": palette.surface,
    }


def as_textual(name: str, dark: bool, palette: Palette) -> Theme:
    """A palette as Textual wants it."""
    return Theme(
        name=name,
        primary=palette.accent,
        secondary=palette.border,
        accent=palette.accent,
        warning=palette.warning,
        error=palette.critical,
        success=palette.good,
        foreground=palette.foreground,
        background=palette.background,
        surface=palette.surface,
        panel=palette.panel,
        boost=palette.surface,
        dark=dark,
        variables=variables(palette),
    )
