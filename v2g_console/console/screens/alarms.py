"""Alarms: what wants an answer, what is shelved, how many there are; acknowledged and shelved here."""

from typing import ClassVar, Final

from textual import on
from textual.content import Content
from textual.widget import Widget

from v2g_console.console.actions import Scope
from v2g_console.console.alarm_subject import NOT_FRESH, Place, action_for, dispatch_of, place_of, written_for
from v2g_console.console.alarming import ANSWERABLE, acknowledge, acknowledge_visible, shelve, unshelve
from v2g_console.console.deliberate import Deliberate
from v2g_console.console.exporting import Listed
from v2g_console.console.glyphs import Glyphs
from v2g_console.console.listed_rows import ALARM_FIELDS, rows_of
from v2g_console.console.model import ConsoleModel
from v2g_console.console.safe_text import line
from v2g_console.console.screens.listing import ListingScreen
from v2g_console.console.shown_alarm import SETTLED_S
from v2g_console.console.times import clock_of, date_and_clock
from v2g_console.console.widgets.alarm_table import STATE_WORDS, AlarmTable
from v2g_console.console.widgets.text_pane import Said, fitted
from v2g_console.contract.alarms import AlarmRates, AlarmView
from v2g_console.contract.snapshot import Snapshot
from v2g_console.domain.alarm_cycle import AlarmState

TOP_SHOWN: Final = 3
CRITICAL: Final = 1


class AlarmsScreen(ListingScreen):
    """The list in the engine's order, and below it what to do about the alarm under the cursor.

    Retry, update and cancel are about the dispatch of that alarm while this screen is on top; afterwards about the one selected before.
    A key that comes just after the cursor went to a neighbour, since its alarm was over, was meant for the one that is gone.
    """

    scope: ClassVar[Scope] = Scope.ALARMS
    about_lines = 4
    filter_hint = "kind, state or word"

    def __init__(self, model: ConsoleModel, glyphs: Glyphs, written: str = "") -> None:
        super().__init__(model, glyphs, written)
        self._selected_before = model.selected_dispatch_id
        self._displaced = False
        self._key = Deliberate(SETTLED_S, model.now_s)

    def make_table(self) -> Widget:
        """The alarms."""
        return AlarmTable(self.glyphs)

    def apply_snapshot(self, snapshot: Snapshot) -> None:
        """The newest alarms, with their ages."""
        table = self.query_one(AlarmTable)
        table.utc_ms = snapshot.utc_ms
        table.show(snapshot.alarms)
        if table.displaced():
            self._displaced = True
            self._key.shown()
        self._turn_keys()
        self.draw_around()

    def on_screen_suspend(self) -> None:
        """Another screen, or a dialog, is on top: keys are about what that one shows."""
        self.model.no_dispatch_here = ""

    def on_unmount(self) -> None:
        """Looking at alarms selects nothing."""
        self.model.no_dispatch_here = ""
        self.model.selected_dispatch_id = self._selected_before

    def selected(self, row_id: str) -> None:
        """The operator chose this one."""
        self._displaced = False
        self._turn_keys()

    def counts(self) -> Content:
        """How many, and how fast they come."""
        snapshot = self.model.snapshot
        return line("") if snapshot is None else counts_line(snapshot, self.glyphs, max(10, self.size.width - 34))

    def about(self, width_cells: int) -> list[Content]:
        """The alarm under the cursor: what it says, what to do, who did what."""
        alarm, snapshot = self.query_one(AlarmTable).under_cursor(), self.model.snapshot
        rates = [] if snapshot is None else [rates_line(snapshot.alarm_rates, width_cells)]
        if alarm is None:
            return rates
        said = line((alarm.text, "bold")).truncate(width_cells, ellipsis=True)
        todo = line(("do  ", "$muted"), alarm.response).truncate(width_cells, ellipsis=True)
        return [said, todo, story_line(alarm, width_cells), *rates]

    def listed(self) -> Listed:
        """The alarms that the filter lets through."""
        rows = self.query_one(AlarmTable).listed
        more = "the journal has those that are over (`h`)"
        return Listed("alarms", "alarm", "alarms", len(rows), ALARM_FIELDS, lambda: rows_of(rows, ALARM_FIELDS), more=more)

    async def do_ack_alarm_here(self) -> None:
        """Acknowledge the alarm under the cursor."""
        alarm = self._chosen(ANSWERABLE, "nothing to acknowledge")
        if alarm is not None:
            await acknowledge(self.operating, alarm)

    async def do_ack_visible(self) -> None:
        """Acknowledge those on screen, after a question."""
        await acknowledge_visible(self.operating, self.query_one(AlarmTable).on_screen)

    async def do_shelve_alarm(self) -> None:
        """Put the alarm under the cursor on the shelf."""
        alarm = self._chosen(ANSWERABLE | {AlarmState.ACKNOWLEDGED}, "it can't be shelved")
        if alarm is not None and alarm.priority == CRITICAL:
            self.operating.say("critical alarms can't be shelved: acknowledge it (a) and mend its cause", "warning")
        elif alarm is not None and not alarm.active:
            gone = alarm.kind.replace("_", " ")
            self.operating.say(f"{gone} is gone already, there is nothing to keep quiet: acknowledge it (a)", "warning")
        elif alarm is not None:
            await shelve(self.operating, alarm)

    async def do_unshelve_alarm(self) -> None:
        """Take the alarm under the cursor back."""
        alarm = self._chosen(frozenset({AlarmState.SHELVED}), "it is not shelved")
        if alarm is not None:
            await unshelve(self.operating, alarm)

    async def do_open_alarm(self) -> None:
        """The dispatch an alarm is about, or the screen with the details of its cause."""
        alarm, snapshot = self._meant(), self.model.snapshot
        if alarm is None or snapshot is None:
            return
        place, view = place_of(alarm), dispatch_of(alarm, snapshot)
        if place is Place.DISPATCH and view is None:
            self.operating.say("the engine keeps no figures of that dispatch any more: this is what the journal has", "warning")
            place = Place.JOURNAL
        if place is Place.JOURNAL:
            await self._open_journal(written_for(alarm))
            return
        if view is not None:
            self.model.no_dispatch_here, self.model.selected_dispatch_id = "", view.dispatch_id
        elif place is Place.LATE_VEHICLES:
            self.model.fleet_view.wanted_filter = NOT_FRESH
        await self.operating.run_action(f"app.invoke('{action_for(place)}')")

    @on(AlarmTable.RowChosen)
    async def chosen(self) -> None:
        """Enter, or a click on the alarm under the cursor."""
        await self.run_action("app.invoke('alarms.open')")

    async def do_alarm_history(self) -> None:
        """What the journal says of alarms."""
        await self._open_journal("kind:alarm")

    async def _open_journal(self, written: str) -> None:
        from v2g_console.console.screens.journal import JournalScreen

        await self.app.push_screen(JournalScreen(self.model, self.glyphs, written=written))

    def _meant(self) -> AlarmView | None:
        """The alarm under the cursor, if the key just pressed can only be meant for it; else it is said why not."""
        alarm = self.query_one(AlarmTable).under_cursor()
        if alarm is None:
            self.operating.say("no alarm is selected: put the cursor on one", "warning")
        elif self._displaced and not self._key.decided():
            told = alarm.kind.replace("_", " ")
            self.operating.say(
                f"nothing done: the alarm under the cursor is over, this is another ({told}); press again in a second", "warning"
            )
            return None
        else:
            self._displaced = False
        return alarm

    def _turn_keys(self) -> None:
        """Retry, update and cancel go to the dispatch of the alarm that has been under the cursor long enough to be read."""
        alarm, snapshot = self.query_one(AlarmTable).under_cursor(), self.model.snapshot
        if snapshot is None or not self.is_active or (self._displaced and not self._key.ready):
            return
        view = None if alarm is None else dispatch_of(alarm, snapshot)
        if view is not None:
            self.model.no_dispatch_here, self.model.selected_dispatch_id = "", view.dispatch_id
        elif alarm is not None:
            self.model.no_dispatch_here = f"the alarm under the cursor ({alarm.kind.replace('_', ' ')}) is about no dispatch"
        else:
            self.model.no_dispatch_here = "there is no alarm under the cursor"

    def _chosen(self, states: frozenset[AlarmState], otherwise: str) -> AlarmView | None:
        """The alarm under the cursor, if it is in one of `states`; else it is said why not."""
        alarm = self._meant()
        if alarm is None:
            return None
        if alarm.state not in states:
            self.operating.say(f"{alarm.kind.replace('_', ' ')} is {STATE_WORDS[alarm.state]}: {otherwise}", "warning")
            return None
        return alarm


def counts_line(snapshot: Snapshot, glyphs: Glyphs, width_cells: int) -> Content:
    """`Alarms  2 active  1 new  1 shelved  3 in 10 min`; a flood stands out."""
    alarms, rates = snapshot.alarms, snapshot.alarm_rates
    active = sum(alarm.active and alarm.state is not AlarmState.SHELVED for alarm in alarms)
    waiting = sum(alarm.state in ANSWERABLE for alarm in alarms)
    said = [
        Said("Alarms", "bold"),
        Said(f"{active} active"),
        Said(f"{waiting} unanswered", "bold" if waiting else "", 1),
        Said(f"{glyphs.warn} FLOOD {rates.last_10_min} in 10 min" if rates.flood else "", "bold $warning"),
        Said(f"{rates.shelved} shelved" if rates.shelved else "", need=2),
        Said(f"{rates.stale} stale" if rates.stale else "", need=3),
    ]
    return fitted(said, width_cells)


def rates_line(rates: AlarmRates, width_cells: int) -> Content:
    """`3 in 10 min (most 7), 41 in 24 h: shortfall 20, ack rate low 9`."""
    top = ", ".join(f"{kind.replace('_', ' ')} {count}" for kind, count in rates.top[:TOP_SHOWN])
    said = [
        Said(f"{rates.last_10_min} in 10 min", "$muted"),
        Said(f"at most {rates.most_in_10_min}", "$muted", 2),
        Said(f"{rates.last_24_h} in 24 h", "$muted", 1),
        Said(f"most often: {top}" if top else "", "$muted", 3),
    ]
    return fitted(said, width_cells)


def story_line(alarm: AlarmView, width_cells: int) -> Content:
    """Since when, who answered, who shelved it until when and why, and whether it flickers."""
    cleared = "" if alarm.cleared_ms is None else f"cleared {clock_of(alarm.cleared_ms)}"
    answered = "" if alarm.acknowledged_ms is None else f"acknowledged by {alarm.acknowledged_by} at {clock_of(alarm.acknowledged_ms)}"
    until = "" if alarm.shelved_until_ms is None else f"shelved by {alarm.shelved_by} until {date_and_clock(alarm.shelved_until_ms)}"
    said = [
        Said(until, "bold", 0),
        Said(alarm.shelf_reason, need=1),
        Said(answered, need=1),
        Said(cleared, need=2),
        Said("flickers: its delay or dead-band is wrong" if alarm.chattering else "", "bold", 3),
        Said("stale: mend its cause or change its rule" if alarm.stale else "", "bold", 3),
        Said(f"raised {date_and_clock(alarm.raised_ms)}", "$muted", 4),
    ]
    return fitted(said, width_cells).truncate(width_cells, ellipsis=True)
