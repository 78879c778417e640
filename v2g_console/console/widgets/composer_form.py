"""The two faces of the composer's upper half: the fields, and the armed plan with its countdown."""

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from v2g_console.console.composer_fields import PARTIAL_WORDS, PREEMPT_WORDS, TEST_WORDS, Checked, FieldTexts, Known, Word, check_fields
from v2g_console.console.composer_flow import ComposerFlow, Step
from v2g_console.console.composer_preview import kept_row, sent_rows, when_row
from v2g_console.console.glyphs import Glyphs, progress_bar
from v2g_console.console.marked_text import marked_line
from v2g_console.console.safe_text import line
from v2g_console.console.widgets.choice_input import ChoiceInput
from v2g_console.console.widgets.lines import Lines
from v2g_console.console.widgets.toggle import Toggle
from v2g_console.contract.replies import PlanView
from v2g_console.contract.requests import Plan
from v2g_console.domain.signal import Signal

FIELDS = ("signal", "power", "duration", "sites", "segments", "allocator")
MORE_FIELDS = ("start", "reference", "note")
_LABELS = {"power": "power kW"}
_EMPTY_MEANS = {"sites": "all", "segments": "all", "start": "now"}
_BAR_CELLS = 20
_LEAST_WORD_CELLS = 12


class ComposerForm(Vertical):
    """The fields with a word beside each. `check` gives the request; `Changed` says that something was typed."""

    class Changed(Message):
        """A field was changed."""

    def __init__(self, glyphs: Glyphs, known: Known, vehicles: tuple[str, ...], start: FieldTexts) -> None:
        super().__init__(id="composer-form")
        self._vehicles, self._start = vehicles, start
        self.glyphs = glyphs
        self._known = known

    @property
    def typed(self) -> str:
        """What was typed to confirm the power."""
        return self.query_one("#composer-typed", Input).value

    def compose(self) -> ComposeResult:
        """One row a field, and the one that is asked for above a limit."""
        start = self._start
        if self._vehicles:
            yield Horizontal(
                Static(Content("only"), classes="composer-label"),
                Lines(id="composer-vehicles", classes="composer-scope"),
                classes="composer-row",
            )
        for name in FIELDS:
            yield self._row(name, _LABELS.get(name, name), self._input(name, getattr(start, name)))
        yield self._row(
            "options",
            "options",
            Toggle("preempt", PREEMPT_WORDS, id="composer-preempt"),
            Toggle("accept partial", PARTIAL_WORDS, id="composer-partial"),
        )
        for name in MORE_FIELDS:
            yield self._row(name, name, self._input(name, getattr(start, name)))
        yield self._row("test", "test", Toggle("test", TEST_WORDS, id="composer-test"))
        yield self._row("typed", "type the power", Input(id="composer-typed", compact=True, max_length=20, restrict=r"[-+0-9., ]*"))

    def on_mount(self) -> None:
        """The last row shows only when it is asked for."""
        self.query_one("#composer-row-typed").display = False
        if self._vehicles:
            self.query_one("#composer-vehicles", Lines).show([marked_line(self._vehicles)])

    @on(Input.Changed)
    @on(Toggle.Turned)
    def changed(self, event: Input.Changed | Toggle.Turned) -> None:
        """Pass it on as one message of ours."""
        event.stop()
        self.post_message(self.Changed())

    def check(self) -> Checked:
        """Check what is written and say a word on each field."""
        written = {name: self.query_one(f"#composer-{name}", Input).value for name in (*FIELDS, *MORE_FIELDS)}
        chosen = {name: self.query_one(f"#composer-{name}", Toggle).word for name in ("preempt", "partial", "test")}
        checked = check_fields(FieldTexts(**written, **chosen), self._known, self._vehicles)
        for name in (*FIELDS, "options", *MORE_FIELDS, "test"):
            self._say(name, getattr(checked, name))
        return checked

    def learn(self, known: Known) -> None:
        """Other names are known now."""
        if known != self._known:
            self._known = known
            self.query_one("#composer-allocator", ChoiceInput).choices = known.allocators
            self.post_message(self.Changed())

    def enter(self) -> None:
        """Put the focus where typing does no harm."""
        self.query_one("#composer-power", Input).focus()

    def ask_typed(self) -> None:
        """Ask for the power to be typed once more."""
        self.query_one("#composer-row-typed").display = True
        written = self.query_one("#composer-typed", Input)
        self._say("typed", Word("as shown in the plan; a large dispatch is confirmed by typing it"))
        written.focus()

    def forget_typed(self) -> None:
        """The power need not be typed for this plan."""
        self.query_one("#composer-row-typed").display = False
        self.query_one("#composer-typed", Input).value = ""

    def _row(self, name: str, label: str, *written: Input | Toggle) -> Horizontal:
        return Horizontal(
            Static(Content(label), classes="composer-label"),
            *written,
            Lines(id=f"composer-says-{name}", classes="composer-word"),
            id=f"composer-row-{name}",
            classes="composer-row",
        )

    def _input(self, name: str, value: str) -> Input:
        # The key that opens the composer is a letter: the field with the focus takes none, so a held key can't spoil it.
        if name == "power":
            return Input(value, id="composer-power", compact=True, max_length=20, restrict=r"[-+0-9., ]*")
        if name in {"signal", "allocator"}:
            choices = tuple(signal.value for signal in Signal) if name == "signal" else self._known.allocators
            return ChoiceInput(value, choices, id=f"composer-{name}")
        return Input(value, id=f"composer-{name}", compact=True, max_length=400, placeholder=_EMPTY_MEANS.get(name, ""))

    def _say(self, name: str, word: Word) -> None:
        text = self.glyphs.draw(word.text)
        said = line((f"{self.glyphs.warn} ", "$warning"), (text, "bold")) if word.wrong else line((text, "$muted"))
        place = self.query_one(f"#composer-says-{name}", Lines)
        if 0 < place.size.width < _LEAST_WORD_CELLS:  # no room for words: what is wrong keeps its sign
            said = line((self.glyphs.warn, "bold $warning") if word.wrong else "")
        place.show([said])


def choosing_keys(focused: Widget | None) -> str:
    """The keys that go through the choices of the field with the focus; "" for a field that is written into."""
    match focused:
        case Toggle():
            return "Space"
        case ChoiceInput() if focused.choices:
            return "Up/Down"
    return ""


class ArmedPanel(Lines, can_focus=True):
    """What will be sent, in large, and how long it stays armed. Has the focus then, and does nothing with any key."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(id="composer-armed")
        self.glyphs = glyphs

    def show_armed(self, plan: PlanView, request: Plan, flow: ComposerFlow, send_key: str) -> None:
        """The armed plan, or the one that is held before it is sent, with the time that is left."""
        held, left_s = flow.step is Step.HELD, flow.left_s()
        of_s = flow.send_delay_s if held else flow.armed_s
        bar = progress_bar(left_s / of_s if of_s else 0.0, _BAR_CELLS, self.glyphs)
        later = f" {flow.send_delay_s:g} s later" if flow.send_delay_s else ""  # which is why less time is left than it stays armed
        state, told = (" SENDS IN ", "Esc calls it back") if held else (" ARMED ", f"{send_key} sends this{later}")
        self.show(
            [
                line((state, "bold reverse"), "  ", (told, "bold"), f"   {left_s:4.1f} s  ", (bar, "$warning")),
                when_row(request),
                *sent_rows(plan, request.sites, request.segments, self.glyphs, marked=len(request.vehicles)),
                kept_row(request),
            ]
        )

    def show_sending(self) -> None:
        """Sent; the engine has not answered yet."""
        self.show([line((" SENDING ", "bold reverse"), "  waiting for the engine's answer")])
