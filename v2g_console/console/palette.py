"""The command palette: the registry's actions and the themes, by name."""

from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from v2g_console.console.safe_text import content

if TYPE_CHECKING:
    from v2g_console.console.app import ConsoleApp


class ActionProvider(Provider):
    """Offers what can be done from this screen; an action that can't be done now is offered with its reason."""

    async def discover(self) -> Hits:
        """Everything, before anything is typed."""
        for title, action, told in self._offers():
            yield DiscoveryHit(content(title), partial(self.app.run_action, action), title, _plain(told))

    async def search(self, query: str) -> Hits:
        """What matches."""
        matcher = self.matcher(query)
        for title, action, told in self._offers():
            score = matcher.match(title)
            if score > 0:
                yield Hit(score, matcher.highlight(title), partial(self.app.run_action, action), title, _plain(told))

    def _offers(self) -> list[tuple[str, str, str]]:
        """(title, action of the app, help) of each offer."""
        app: ConsoleApp = self._console()
        offers = [(action.title, f"app.invoke('{action.id}')", app.told_of(action)) for action in app.offered_actions()]
        return offers + [(f"Theme: {name}", f"app.use_theme('{name}')", "") for name in app.shelf.themes]

    def _console(self) -> "ConsoleApp":
        from v2g_console.console.app import ConsoleApp

        assert isinstance(self.app, ConsoleApp)
        return self.app


def _plain(told: str) -> str:
    # Textual reads a hit's help as markup; it takes finished Content as it is, though its annotation says str.
    return cast(str, content(told))
