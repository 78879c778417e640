"""Colour themes from YAML files: found, checked on load, turned into Textual themes.

Style names besides Textual's own: `$muted`, `$good`, `$warning`, `$critical`, `$accent`, `$selection`, `$focus`, `$line`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from platformdirs import user_config_path
from textual.theme import Theme

from v2g_console.console.theme_file import Palette, ThemeError, ThemeFile, read_theme

DEFAULT_THEME: Final = "grey-dark"
_PACKAGE_FOLDER: Final = Path(__file__).parent.parent / "themes"
_CHECKOUT_FOLDER: Final = Path(__file__).parent.parent.parent / "themes"


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
    panel="#2c2c2c",
    foreground="#d0d0d0",
    muted="#949494",
    border="#585858",
    focus="#a8a8a8",
    selection="#38424b",
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
    found: ThemeFile = read_theme(path)
    return as_textual(found.name, found.dark, found.palette)


def stamps(folders: Iterable[Path] | None = None) -> Mapping[Path, tuple[int, int]]:
    """Time and size of every theme file: differs when one was added, changed or removed. Touches the disk."""
    found = {}
    for folder in theme_folders() if folders is None else folders:
        for path in folder.glob("*.yaml"):
            try:
                told = path.stat()
            except OSError:  # gone since it was listed
                continue
            found[path] = told.st_mtime_ns, told.st_size
    return found


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
