"""The commands by name. A command that belongs to an action of the registry has its title and its guard."""

import difflib
from dataclasses import dataclass
from typing import Final

from v2g_console.console.actions import action_of
from v2g_console.console.plain import acting, dispatching, looking, tagging
from v2g_console.console.plain.console import Do, PlainConsole


@dataclass(frozen=True, slots=True)
class Command:
    """`usage`: how it is written. `action`: whose guard is asked first; `about`: whose title it has, or what it does."""

    usage: str
    do: Do
    about: str
    action: str = ""

    @property
    def name(self) -> str:
        """What is typed."""
        return self.usage.split()[0]

    @property
    def title(self) -> str:
        """What it does."""
        return action_of(self.about).title if "." in self.about and " " not in self.about else self.about


async def show_help(console: PlainConsole, words: list[str]) -> None:
    """All commands, or one."""
    if words:
        command, why = find(words[0])
        console.say(*([why] if command is None else [f"{command.usage}: {command.title}."]))
        return
    console.say(*(f"{command.usage}: {command.title}." for command in COMMANDS))
    console.say("Questions are answered with y; everything else means no. Ctrl+C asks whether to leave.")


COMMANDS: Final[tuple[Command, ...]] = (
    Command("help [COMMAND]", show_help, "All commands, or one"),
    Command("status", looking.status, "Engine, link, fleet, alarms and active dispatches in short"),
    Command("fleet [FILTER]", looking.fleet, "Vehicles, all or those that fit a filter such as soc<0.3 site:paris*"),
    Command("vehicle ID", looking.vehicle, "All that is known of one vehicle"),
    Command("dispatches [ID]", looking.dispatches, "Dispatches, active and past, or all of one"),
    Command("alarms", looking.alarms, "Alarms that are active, unanswered or shelved"),
    Command("link", looking.link, "The MQTT link: connection, security, traffic, refused messages"),
    Command("journal [KIND]", looking.journal, "The newest entries of the journal, all or of a kind such as request", "go.journal"),
    Command("handover [SINCE]", looking.handover, "What the next shift must know"),
    Command("forecast", looking.forecast, "Vehicles and headroom of the next day, hour by hour", "go.outlook"),
    Command("diagnostics", looking.diagnostics, "The engine's own health: loop lag, queues, dropped events", "go.diagnostics"),
    Command("approvals", looking.approvals, "What waits for a second person"),
    Command(
        "dispatch SIGNAL KW DURATION [site=A,B] [segment=A] [vehicle=A,B] [allocator=A] [preempt=yes] [partial=yes]"
        " [start=18:30] [ref=TEXT] [note=TEXT] [test=yes]",
        dispatching.compose,
        "Preview a new dispatch; 300 is up, -300 is down; 90s, 5m, 1h30m",
        "dispatch.compose",
    ),
    Command("arm", dispatching.arm, "composer.arm", "composer.arm"),
    Command("send", dispatching.send, "composer.send", "composer.send"),
    Command("update [ID] KW", acting.update, "Another target for a dispatch; without ID for the only active one"),
    Command(
        "cancel [ID]", acting.cancel, "End a dispatch, without ID the only active one; or take back what you asked and waits for approval"
    ),
    Command("retry [ID]", acting.retry, "Ask the silent vehicles of a dispatch again"),
    Command("stop [REASON]", acting.stop, "dispatch.stop", "dispatch.stop"),
    Command("resume", acting.resume, "dispatch.resume", "dispatch.resume"),
    Command("silent", looking.silent, "Who has not confirmed its release, and what to do by hand", "stop.list"),
    Command("ack [ALARM]", acting.acknowledge, "Acknowledge an alarm, the most urgent one without a name", "alarms.ack"),
    Command("shelve ALARM DURATION REASON", acting.shelve, "Shelve an alarm, with a reason", "alarms.shelve"),
    Command("unshelve ALARM", acting.unshelve, "Take an alarm back from the shelf", "alarms.unshelve"),
    Command("trust VEHICLE", acting.trust, "Trust a vehicle again: forget its failures"),
    Command("tag [caution|inhibit vehicle|site|fleet NAME NOTE]", tagging.tag, "Hang up a tag; without more the tags that hang"),
    Command("untag TAG REASON", tagging.untag, "Take down a tag"),
    Command("ecowatt [dismiss PROPOSAL REASON]", acting.ecowatt, "ecowatt.decide"),
    Command("note TEXT", acting.note, "note.write", "note.write"),
    Command("approve [APPROVAL]", acting.approve, "approval.approve", "approval.approve"),
    Command("reject [APPROVAL [REASON]]", acting.reject, "approval.reject", "approval.reject"),
    Command("unlock", acting.unlock, "console.unlock", "console.unlock"),
    Command("wait DURATION", looking.wait, "Let time pass and tell what happens"),
    Command("quit", acting.leave, "app.quit"),
)
_BY_NAME: Final = {command.name: command for command in COMMANDS}
_ALSO: Final = {"?": "help", "exit": "quit", "q": "quit", "st": "status"}


def find(word: str) -> tuple[Command | None, str]:
    """The command of that name; None and what to write instead."""
    name = word.lower()
    command = _BY_NAME.get(_ALSO.get(name, name))
    if command is not None:
        return command, ""
    near = difflib.get_close_matches(name[:40], _BY_NAME, n=1)
    return None, f"There is no command {word[:40]}: {f'did you mean {near[0]}?' if near else 'type help.'}"
