"""One line under the header that appears when something is wrong: engine gone, STOP latched, link lost, an unanswered alarm."""

from rich.cells import cell_len
from textual.content import Content

from v2g_console.console.actions import shown_key
from v2g_console.console.approval_text import left_s, what_text
from v2g_console.console.glyphs import Glyphs
from v2g_console.console.link_text import loss_text
from v2g_console.console.model import ConsoleModel
from v2g_console.console.rights import decidable
from v2g_console.console.safe_text import line, safe_text
from v2g_console.console.times import clock_of
from v2g_console.console.widgets.lines import Lines
from v2g_console.contract.link import LinkState
from v2g_console.contract.snapshot import Snapshot
from v2g_console.domain.units import duration_text


class Banner(Lines):
    """Hidden while all is well."""

    DEFAULT_CSS = """
    Banner { height: 1; display: none; text-overflow: ellipsis; }
    Banner.-shown { display: block; }
    """

    def __init__(self, model: ConsoleModel, glyphs: Glyphs) -> None:
        super().__init__()
        self._model = model
        self._glyphs = glyphs

    def show_model(self) -> None:
        """Show the most important trouble, or nothing."""
        text = banner_line(self._model, self._glyphs, self.size.width or self.app.size.width)
        self.set_class(text is not None, "-shown")
        self.show([] if text is None else [text])


def banner_line(model: ConsoleModel, glyphs: Glyphs, width_cells: int) -> Content | None:
    """What is wrong, most important first; None if nothing is."""
    contact = model.contact()
    snapshot = model.snapshot
    if contact.problem:
        age = f" Values are {duration_text(contact.age_s)} old." if snapshot is not None else ""
        return _critical(f"{glyphs.cross} ENGINE GONE: {safe_text(contact.problem, 80)}.{age} {shown_key('app.quit', model)} leaves")
    if contact.late:
        return _critical(f"{glyphs.cross} ENGINE SILENT for {duration_text(contact.age_s)}: values on screen are old, the clock stands")
    if snapshot is None:
        return None
    if snapshot.engine.stopped:
        return _stop_line(model, snapshot, glyphs)
    return _link_line(snapshot, glyphs) or _alarm_line(model, glyphs, width_cells) or _approval_line(model, snapshot, glyphs, width_cells)


def _alarm_line(model: ConsoleModel, glyphs: Glyphs, width_cells: int) -> Content | None:
    alarm = model.foremost_alarm()
    if alarm is None:
        return None
    sign, style = (f"H{glyphs.critical}", "bold reverse $critical") if alarm.priority == 1 else (f"M{glyphs.warn}", "bold $warning")
    told, answer = f" {sign} {safe_text(alarm.text, 80)}", safe_text(alarm.response, 80)
    key = shown_key("alarm.ack", model)
    for words in (
        f"{told}: {answer}. {key} acknowledges ",
        f"{told}: {answer}. {key} acks ",
        f"{told}. {key} acknowledges ",
        f"{told}. {key} acks ",
    ):
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


def _stop_line(model: ConsoleModel, snapshot: Snapshot, glyphs: Glyphs) -> Content:
    engine = snapshot.engine
    by = safe_text(engine.stopped_by, 20) or "unknown"
    at = "" if engine.stopped_at_ms is None else f" at {clock_of(engine.stopped_at_ms)}"
    silent = snapshot.summary.owed if snapshot.stop is None else snapshot.stop.silent
    owed = f", {silent} vehicles not back yet ({shown_key('stop.list', model)})" if silent else ""
    also = f"; link {snapshot.link.state.value}" if snapshot.link.state is not LinkState.UP else ""
    return _critical(f"{glyphs.critical} STOP is latched by {by}{at}{owed}{also}. {shown_key('dispatch.resume', model)} resumes")


def _link_line(snapshot: Snapshot, glyphs: Glyphs) -> Content | None:
    match snapshot.link.state:
        case LinkState.UP:
            return None
        case LinkState.CONNECTING | LinkState.SUSPECT:
            return line((f" {glyphs.warn} {loss_text(snapshot.link)} ", "bold $warning"))
        case LinkState.DOWN | LinkState.CLOSED:
            since = duration_text((snapshot.utc_ms - snapshot.link.since_ms) / 1000)
            return _critical(f"{glyphs.cross} {since} {loss_text(snapshot.link)}")


def _critical(text: str) -> Content:
    return line((f" {text} ", "bold reverse $critical"))
