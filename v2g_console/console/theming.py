"""Themes of a running console: choosing, and taking up a file that was changed while it runs."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from v2g_console.console.background import start_work
from v2g_console.console.operating import OperatingApp
from v2g_console.console.themes import ThemeShelf, load_themes, stamps

LOOK_EVERY_S: Final = 2.0


class ThemingApp(OperatingApp):
    """Keeps the themes in `shelf`, and looks for changed files every two seconds."""

    shelf: ThemeShelf
    _stamps: Mapping[Path, tuple[int, int]]

    def shelve_themes(self, wanted: str) -> str:
        """Load the themes, take `wanted`; returns what is wrong with that, or ""."""
        self._stamps = stamps()
        self._put_on_shelf(load_themes())
        self.theme, problem = self.shelf.choose(wanted)
        return problem

    def watch_themes(self) -> None:
        """From now on a changed file is taken up by itself."""
        self.set_interval(LOOK_EVERY_S, lambda: start_work(self, "themes", self.look_for_themes, exclusive=True))

    async def look_for_themes(self) -> None:
        """Load the themes again if a file changed. The disk may be slow, so it is looked at beside the loop."""
        newest = await asyncio.to_thread(stamps)
        if newest == self._stamps:
            return
        self._stamps = newest
        shelf = await asyncio.to_thread(load_themes)
        for problem in shelf.problems:
            if problem not in self.shelf.problems:
                self.say(problem, "warning")
        before = self.get_theme(self.theme)
        self._put_on_shelf(shelf)
        self.theme, problem = shelf.choose(self.theme)
        if problem:
            self.say(problem, "warning")
        elif self.get_theme(self.theme) != before:
            self.redraw_theme()
            self.say(f"theme {self.theme} was read again")

    def action_use_theme(self, name: str) -> None:
        """Switch the theme at once."""
        self.theme, problem = self.shelf.choose(name)
        if problem:
            self.say(problem, "warning")

    def do_next_theme(self) -> None:
        """The next theme on the shelf."""
        names = list(self.shelf.themes)
        self.action_use_theme(names[(names.index(self.theme) + 1) % len(names)])
        self.say(f"theme {self.theme}")

    def _put_on_shelf(self, shelf: ThemeShelf) -> None:
        self.shelf = shelf
        for theme in shelf.themes.values():
            self.register_theme(theme)
