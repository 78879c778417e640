"""What every screen has: header, banner, a body of its own and the footer of keys; and the conventions screens follow."""

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widget import Widget

from v2g_console.console.actions import Action, Scope, actions_of
from v2g_console.console.glyphs import Glyphs
from v2g_console.console.keys import NamedKeys, key_text
from v2g_console.console.model import ConsoleModel
from v2g_console.console.textual_private import rebind
from v2g_console.console.widgets.action_bar import ActionBar
from v2g_console.console.widgets.banner import Banner, ack_key
from v2g_console.console.widgets.header import HeaderLine
from v2g_console.console.widgets.notice_bar import NoticeBar
from v2g_console.console.widgets.replay_bar import ReplayBar
from v2g_console.console.widgets.site_strip import SiteStrip
from v2g_console.contract.snapshot import Snapshot


def bindings_of(actions: Iterable[Action], keys: NamedKeys | None = None) -> list[BindingType]:
    """Textual bindings that lead to `app.invoke(id)`; keys that must work in fields have priority. `keys`: those configured."""
    return [
        Binding(key, f"app.invoke('{action.id}')", action.title, key_display=key_text(key), priority=action.in_fields)
        for action in actions
        for key in (keys or {}).get(action.id, action.keys)
    ]


class ConsoleScreen(Screen[None]):
    """A full screen. A subclass names its `scope`, yields its body and shows snapshots.

    Actions of its scope (see `actions.ACTIONS`) call `do_<handler>` on it. `Screen[None]`: it never returns a value; dialogs do.
    """

    scope: ClassVar[Scope] = Scope.GLOBAL

    def __init_subclass__(cls) -> None:
        """Bind the keys of the subclass's scope."""
        if cls.scope is not Scope.GLOBAL and "BINDINGS" not in cls.__dict__:
            cls.BINDINGS = bindings_of(actions_of(cls.scope))
        super().__init_subclass__()

    def __init__(self, model: ConsoleModel, glyphs: Glyphs) -> None:
        super().__init__()
        self.model = model
        self.glyphs = glyphs
        self._composed = False
        rebind(self, bindings_of(actions_of(self.scope), model.keys), model.keys)

    def compose(self) -> ComposeResult:
        """Header, banner, body, footer."""
        yield HeaderLine(self.model, self.glyphs)
        if self.model.neighbours:
            yield SiteStrip(self.model, self.glyphs)
        yield Banner(self.model, self.glyphs, ack_key(self.scope, self.model))
        if self.model.replay is not None:
            yield ReplayBar(self.model.replay, self.glyphs)
        yield from self.compose_body()
        yield ActionBar(self.model, self.scope)
        yield NoticeBar(self.glyphs)

    def compose_body(self) -> Iterable[Widget]:
        """The widgets between banner and footer."""
        return ()

    def on_mount(self) -> None:
        """Show what is known already, so that a new screen never starts empty. Textual calls this besides a subclass's `on_mount`."""
        self._composed = True
        self.refresh_from_model()

    def on_screen_resume(self) -> None:
        """Nothing was drawn here while another screen covered this one."""
        self.refresh_from_model()

    @property
    def crumb(self) -> str:
        """Where one is, in the header; what is from the network must be made safe."""
        return self.scope.value

    def refresh_from_model(self) -> None:
        """Show the newest snapshot and the state of the contact with the engine; called once a refresh tick."""
        if not (self._composed and self.app.is_running):
            return
        self.query_one(HeaderLine).show_model()
        for strip in self.query(SiteStrip):
            strip.show_sites()
        self.query_one(Banner).show_model()
        for bar in self.query(ReplayBar):
            bar.show_replay()
        self.query_one(ActionBar).show_model()
        self.query_one(NoticeBar).show_notices()
        if self.model.snapshot is not None:
            self.apply_snapshot(self.model.snapshot)

    def apply_snapshot(self, snapshot: Snapshot) -> None:
        """Show `snapshot` in the body; under 20 ms, only what changed."""

    @property
    def dispatch_scope(self) -> tuple[str, ...]:
        """Ids of the vehicles that a new dispatch from this screen is limited to; () for all."""
        return ()

    def do_back(self) -> None:
        """Leave this screen, once: a second key of the same burst must not take the one below with it."""
        if self.is_active:
            self.dismiss()
