"""Saved views of the fleet: a name for a filter, an order and columns; a file in the user's configuration folder, checked on load."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from platformdirs import user_config_path

from v2g_console.console.fleet_filter import LONGEST_FILTER_CHARS
from v2g_console.console.widgets.fleet_index import Order, SortKey

MOST_VIEWS: Final = 50
LONGEST_NAME_CHARS: Final = 32
_LARGEST_FILE_BYTES: Final = 64 * 1024


class SavedView(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One view as it stands in the file."""

    name: str
    filter: str = ""
    columns: tuple[SortKey, ...] = ()
    sort: SortKey = SortKey.ID
    descending: bool = False

    @property
    def order(self) -> Order:
        """How its list is sorted."""
        return Order(self.sort, self.descending)


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: int
    views: tuple[SavedView, ...]


class ViewsError(ValueError):
    """Views can't be read or written; the message says which file and what to do."""


@dataclass(frozen=True, slots=True)
class ViewsFile:
    """The views of one user. Nothing is kept in memory: two consoles of the same person see each other's."""

    path: Path

    def load(self) -> tuple[SavedView, ...]:
        """All views, in alphabetic order; none without a file. Raises ViewsError."""
        try:
            with self.path.open("rb") as file:
                body = file.read(_LARGEST_FILE_BYTES + 1)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise ViewsError(f"{self.path}: can't be read: {error.strerror or error}") from error
        if len(body) > _LARGEST_FILE_BYTES:
            raise ViewsError(f"{self.path}: larger than {_LARGEST_FILE_BYTES} bytes: mend or remove it")
        try:
            found = msgspec.json.decode(body, type=_File)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ViewsError(f"{self.path}: {str(error)[:160]}: mend or remove it") from error
        if found.version != 1:
            raise ViewsError(f"{self.path}: is of version {found.version}, this program knows 1")
        problem = "" if len(found.views) <= MOST_VIEWS else f"more than {MOST_VIEWS} views"
        problem = problem or next(filter(None, (fault_in(view) for view in found.views)), "")
        if problem or len({view.name for view in found.views}) < len(found.views):
            raise ViewsError(f"{self.path}: {problem or 'two views have one name'}: mend or remove it")
        return tuple(sorted(found.views, key=lambda view: view.name))

    def save(self, view: SavedView) -> None:
        """Keep a view, in place of one with its name. Raises ViewsError; a file that can't be read is never written over."""
        others = [one for one in self.load() if one.name != view.name]
        problem = fault_in(view)
        if problem:
            raise ViewsError(problem)
        if len(others) >= MOST_VIEWS:
            raise ViewsError(f"there are {MOST_VIEWS} views already: delete one first")
        self._write((*others, view))

    def delete(self, name: str) -> None:
        """Forget a view. Raises ViewsError."""
        self._write(tuple(one for one in self.load() if one.name != name))

    def _write(self, views: tuple[SavedView, ...]) -> None:
        body = msgspec.json.format(msgspec.json.encode(_File(version=1, views=views)), indent=1)
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # mkstemp makes files of mode 0600.
            descriptor, name = tempfile.mkstemp(dir=self.path.parent, prefix=".views-")
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(body + b"\n")
                Path(name).replace(self.path)
            except OSError:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise ViewsError(f"{self.path}: can't be written: {error.strerror or error}") from error


def user_views() -> ViewsFile:
    """The views of who runs the program."""
    return ViewsFile(user_config_path("v2g-console") / "views.json")


def fault_in(view: SavedView) -> str:
    """What is wrong with a view, or ""."""
    if not 0 < len(view.name) <= LONGEST_NAME_CHARS or not view.name.isprintable() or view.name.strip() != view.name:
        return f"a view's name has 1 to {LONGEST_NAME_CHARS} printable characters, got {view.name[:LONGEST_NAME_CHARS]!r}"
    if len(view.filter) > LONGEST_FILTER_CHARS or not view.filter.isprintable():
        return f"view {view.name!r}: a filter has at most {LONGEST_FILTER_CHARS} printable characters"
    if len(set(view.columns)) < len(view.columns):
        return f"view {view.name!r}: a column stands there twice"
    return ""
