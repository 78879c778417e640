"""What the composer shows beside its fields: the plan as it would be sent, and what is to be told of it."""

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import Static

from v2g_console.console.composer_changes import after_changes
from v2g_console.console.composer_flow import ComposerFlow
from v2g_console.console.composer_preview import preview_rows
from v2g_console.console.composer_words import no_plan_rows
from v2g_console.console.glyphs import Glyphs
from v2g_console.console.safe_text import line, lines
from v2g_console.console.widgets.text_pane import TextPane
from v2g_console.contract.replies import PlanView


class PlanPane(TextPane, can_focus=False):
    """The plan of what is in the fields, or why there is none. It scrolls with the keys of the screen."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(id="composer-preview")
        self._glyphs = glyphs

    def show_plan(self, flow: ComposerFlow, before: PlanView | None, says: tuple[str, ...]) -> None:
        """`before`: the plan that was shown when the engine refused it for another one; `says`: what is told, for want of a plan."""
        self.show(self._rows(flow, before, says))

    def scroll_pages(self, pages: int) -> None:
        """Read the rest of a plan that is longer than the pane."""
        self.scroll_relative(y=pages * max(1, self.size.height - 1), animate=False)

    def _rows(self, flow: ComposerFlow, before: PlanView | None, says: tuple[str, ...]) -> list[Content]:
        plan = flow.plan
        if flow.request is None:
            return [line(("the plan shows when the fields are right", "$muted"))]
        if plan is None:
            return no_plan_rows(says, flow.arm_when_planned)
        rows = preview_rows(plan, max(1, self.size.width - 1), self.size.height, self._glyphs)
        rows = after_changes(before, plan, rows, self._glyphs)
        # An older plan stays readable while the new one is made, but never looks like the new one.
        return rows if flow.current else [line(("planning: what follows is the plan before the last change", "bold")), *rows]


class ToldPane(Static):
    """What the operator is told of the last step, in bold; an alert in the colour of a warning, and with its mark."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(id="composer-says")
        self._glyphs = glyphs
        self._drawn: Content | None = None

    def show(self, told: Sequence[str], *, alert: bool) -> None:
        """Show `told`, a line each; nothing is drawn anew for the same words."""
        mark, style = (f"{self._glyphs.warn} ", "bold $warning") if alert else ("", "bold")
        content = lines([line((mark, style), (text, style)) for text in told if text])
        if self._drawn is None or not content.is_same(self._drawn):
            self._drawn = content
            self.update(content)
