"""The site that a dialog belongs to, as the first line in the dialog's own box: readable without looking away from what one confirms."""

from textual.screen import Screen

from v2g_console.console.safe_text import Part, line
from v2g_console.console.widgets.header import HeaderLine
from v2g_console.console.widgets.lines import Lines

BELONGS_TEXT = "belongs to this site: answer or leave it first (Esc)"


class SiteTag(Lines):
    """The name; `refuse` adds why the console does not go elsewhere now."""

    DEFAULT_CSS = """
    SiteTag { height: 1; width: 1fr; }
    """

    def __init__(self, name: str) -> None:
        super().__init__(classes="site-tag")
        self._name = name

    def on_mount(self) -> None:
        """Show the name."""
        self._draw("")

    def refuse(self) -> None:
        """Somebody wanted to go to another site."""
        self._draw(BELONGS_TEXT)

    def _draw(self, more: str) -> None:
        parts: list[Part] = [(f" {self._name} ", "bold reverse")]
        self.show([line(*parts, " ", (more, "bold $warning"))])


def hang_site_tag(dialog: Screen[object], name: str) -> None:
    """Put the tag on top of the dialog's first box, else of the dialog itself."""
    if not dialog.is_attached or dialog.query(SiteTag):
        return
    box = next((child for child in dialog.children if child.children and not isinstance(child, HeaderLine)), None)
    if box is None:
        dialog.mount(SiteTag(name), before=0 if dialog.children else None)
    else:
        box.mount(SiteTag(name), before=0)
