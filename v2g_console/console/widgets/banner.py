"""One line under the header that appears when something is wrong: engine gone, STOP latched, link lost, an unanswered alarm."""

from typing import Final

from rich.cells import cell_len
from textual.content import Content

from v2g_console.console.actions import Scope, action_of, actions_of, shown_key
from v2g_console.console.approval_text import left_s, what_text
from v2g_console.console.glyphs import Glyphs
from v2g_console.console.link_text import loss_text
from v2g_console.console.model import ConsoleModel
from v2g_console.console.rights import decidable
from v2g_console.console.safe_text import line, safe_text
from v2g_console.console.shown_alarm import ShowsAlarm
from v2g_console.console.times import clock_of
from v2g_console.console.widgets.lines import Lines
from v2g_console.contract.alarms import AlarmView
from v2g_console.contract.link import LinkState
from v2g_console.contract.snapshot import Snapshot
from v2g_console.domain.units import duration_text

_MEANWHILE: Final = "v1 keep their setpoint, v2 fall back when their lease ends"


class Banner(Lines):
    """Hidden while all is well. `ack_key` acknowledges the alarm that is shown; "" where that key means something else."""

    DEFAULT_CSS = """
    Banner { height: 1; display: none; text-overflow: ellipsis; }
    Banner.-shown { display: block; }
    """

    def __init__(self, model: ConsoleModel, glyphs: Glyphs, ack_key: str | None = None) -> None:
        super().__init__()
        self._model = model
        self._glyphs = glyphs
        self._ack_key = shown_key("alarm.ack", model) if ack_key is None else ack_key

    def on_mount(self) -> None:
        """A screen that opens tells the trouble at once, not with the next picture."""
        self.show_model()

    def on_resize(self) -> None:
        """Fit the new width."""
        self.show_model()

    def show_model(self) -> None:
        """Show the most important trouble, or nothing."""
        text = banner_line(self._model, self._glyphs, self.size.width or self.app.size.width, self._ack_key)
        if isinstance(self.app, ShowsAlarm):
            alarm = alarm_in_banner(self._model)
            self.app.shown_alarm.show(self._model.site_name, None if alarm is None else alarm.alarm_id)
        self.set_class(text is not None, "-shown")
        self.show([] if text is None else [text])


def ack_key(scope: Scope, model: ConsoleModel) -> str:
    """The key that acknowledges the alarm in the banner, as it is shown; "" on screens that have another use for it."""
    keys = action_of("alarm.ack").bound(model)
    taken = {key for action in actions_of(scope) for key in action.bound(model)} if scope is not Scope.GLOBAL else set()
    return "" if taken.intersection(keys) else shown_key("alarm.ack", model)


def alarm_in_banner(model: ConsoleModel) -> AlarmView | None:
    """The alarm that the banner shows, also as the state of a lost link; None if it shows something else or nothing."""
    snapshot, contact, alarm = model.snapshot, model.contact(), model.foremost_alarm()
    if snapshot is None or contact.late or snapshot.engine.stopped or alarm is None:
        return None
    return alarm if snapshot.link.state is LinkState.UP or alarm.kind == "link_lost" else None


def banner_line(model: ConsoleModel, glyphs: Glyphs, width_cells: int, key: str) -> Content | None:
    """What is wrong, most important first; None if nothing is. `key` acknowledges an alarm ("": none does here)."""
    contact = model.contact()
    snapshot = model.snapshot
    if contact.problem:
        age = f" Values are {duration_text(contact.age_s)} old." if snapshot is not None else ""
        heading, problem = f"{glyphs.cross} {contact.heading}", safe_text(contact.problem, 100)
        told, leaves = f"{heading}: {problem}.", f" {shown_key('app.quit', model)} leaves"
        # Both versions say that they differ, and what to do stands last.
        brief = (f"{glyphs.cross} {problem}", f"{heading}: {problem.rpartition(': ')[2]}") if contact.differs else ()
        return _critical(f"{told}{age}{leaves}", f"{told}{leaves}", told, *brief, width_cells=width_cells)
    if contact.late:
        silent = f"{glyphs.cross} ENGINE SILENT for {duration_text(contact.age_s)}"
        return _critical(
            f"{silent}: values on screen are old, the clock stands", f"{silent}: values are old", silent, width_cells=width_cells
        )
    if snapshot is None:
        return None
    if snapshot.engine.stopped:
        return _stop_line(model, snapshot, glyphs, width_cells)
    return (
        _link_line(snapshot, glyphs, width_cells)
        or _alarm_line(model, glyphs, width_cells, key)
        or _approval_line(model, snapshot, glyphs, width_cells)
    )


def _alarm_line(model: ConsoleModel, glyphs: Glyphs, width_cells: int, key: str) -> Content | None:
    alarm = model.foremost_alarm()
    if alarm is None:
        return None
    sign, style = (f"H{glyphs.critical}", "bold reverse $critical") if alarm.priority == 1 else (f"M{glyphs.warn}", "bold $warning")
    told, answer = f" {sign} {safe_text(alarm.text, 80)}", safe_text(alarm.response, 80)
    ends = (f" {key} acknowledges", f" {key} acks") if key else ("",)
    for words in (*(f"{told}: {answer}.{end} " for end in ends), *(f"{told}.{end} " for end in ends)):
        if cell_len(words) <= width_cells:
            break
    return line((words, style))


def _approval_line(model: ConsoleModel, snapshot: Snapshot, glyphs: Glyphs, width_cells: int) -> Content | None:
    if not snapshot.approvals:
        return None
    yours = decidable(model)
    one = (yours or snapshot.approvals)[0]
    decides = bool(yours) and "approve" not in snapshot.engine.denied
    told = f" {glyphs.warn} {safe_text(one.by, 16)} asks {safe_text(what_text(one), 50)}"
    more = f" (and {len(snapshot.approvals) - 1} more)" if len(snapshot.approvals) > 1 else ""
    left = f", {duration_text(left_s(one, snapshot.utc_ms))} left"
    yes, no = (shown_key(action_id, model) for action_id in ("approval.approve", "approval.reject"))
    answer = f": {yes} approves, {no} rejects" if decides else " waits for another supervisor"
    for words in (f"{told}{more}{left}{answer} ", f"{told}{more}{answer} ", f"{told}{answer} "):
        if cell_len(words) <= width_cells:
            break
    return line((words, "bold $warning"))


def _stop_line(model: ConsoleModel, snapshot: Snapshot, glyphs: Glyphs, width_cells: int) -> Content:
    """Who is not back and that the link is down stay longest: they are what somebody must act on."""
    engine = snapshot.engine
    by = safe_text(engine.stopped_by, 20) or "unknown"
    at = "" if engine.stopped_at_ms is None else f" at {clock_of(engine.stopped_at_ms)}"
    silent = snapshot.summary.owed if snapshot.stop is None else snapshot.stop.silent
    who = shown_key("stop.list", model)
    owed = f", {silent} vehicles not back yet ({who})" if silent else ""
    brief = f", {silent} not back ({who})" if silent else ""
    also = f"; link {snapshot.link.state.value}" if snapshot.link.state is not LinkState.UP else ""
    latched, resumes = f"{glyphs.critical} STOP is latched", f". {shown_key('dispatch.resume', model)} resumes"
    return _critical(
        f"{latched} by {by}{at}{owed}{also}{resumes}",
        f"{latched} by {by}{owed}{also}{resumes}",
        f"{latched}{brief}{also}{resumes}",
        f"{latched}{brief}{also}",
        f"{glyphs.critical} STOP{brief}{also}",
        f"{glyphs.critical} STOP{brief}",
        f"{glyphs.critical} STOP, {silent} not back" if silent else f"{glyphs.critical} STOP",
        width_cells=width_cells,
    )


def _link_line(snapshot: Snapshot, glyphs: Glyphs, width_cells: int) -> Content | None:
    match snapshot.link.state:
        case LinkState.UP:
            return None
        case LinkState.CONNECTING | LinkState.SUSPECT:
            return line((f" {glyphs.warn} {loss_text(snapshot.link, width_cells - 4, _MEANWHILE)} ", "bold $warning"))
        case LinkState.DOWN | LinkState.CLOSED:
            since = f"{glyphs.cross} {duration_text((snapshot.utc_ms - snapshot.link.since_ms) / 1000)} "
            lost = loss_text(snapshot.link, width_cells - cell_len(since) - 2, _MEANWHILE)
            return _critical(since + lost, width_cells=width_cells)


def _critical(*texts: str, width_cells: int) -> Content:
    """The first of `texts`, the fullest first, that fits."""
    shown = next((f" {text} " for text in texts if cell_len(text) + 2 <= width_cells), f" {texts[-1]} ")
    return line((shown, "bold reverse $critical"))
