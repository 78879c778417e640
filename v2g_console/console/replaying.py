"""The console over a recording: the same screens, and the keys that move through it."""

from typing import ClassVar

from textual.binding import BindingType

from v2g_console.attach.recording import Flag
from v2g_console.console.actions import Action, Scope, actions_of
from v2g_console.console.app import ConsoleApp
from v2g_console.console.options import ConsoleExit
from v2g_console.console.replay import ReplayPort
from v2g_console.console.screens.base import bindings_of


class ReplayApp(ConsoleApp):
    """Plays; acts on nothing."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of(actions_of(Scope.REPLAY))
    _said_end = False

    @property
    def replay(self) -> ReplayPort:
        """The recording."""
        assert self.model.replay is not None
        return self.model.replay

    def show_model(self) -> None:
        """Draw, and say once when the recording is at its end."""
        super().show_model()
        status = self.replay.status()
        if status.ended and not self._said_end:
            why = f": {status.damage}" if status.damage else ""
            self.say(f"end of the recording{why}. p plays it again, q leaves", "warning" if status.damage else "information")
        self._said_end = status.ended

    def offered_actions(self) -> tuple[Action, ...]:
        """The palette moves through the recording too."""
        return actions_of(Scope.REPLAY) + super().offered_actions()

    async def do_quit_console(self) -> None:
        """Leave without a question."""
        self.exit(ConsoleExit.DETACHED)

    def do_replay_pause(self) -> None:
        """Stop, or go on."""
        status = self.replay.status()
        self.replay.pause(not status.paused and not status.ended)
        self.tick()

    def do_replay_faster(self) -> None:
        """The next speed."""
        self._moved(f"speed x{self.replay.change_speed(1):g}")

    def do_replay_slower(self) -> None:
        """The speed before."""
        self._moved(f"speed x{self.replay.change_speed(-1):g}")

    def do_replay_back_10s(self) -> None:
        """A little back."""
        self._seek(-10.0)

    def do_replay_on_10s(self) -> None:
        """A little on."""
        self._seek(10.0)

    def do_replay_back_1min(self) -> None:
        """Further back."""
        self._seek(-60.0)

    def do_replay_on_1min(self) -> None:
        """Further on."""
        self._seek(60.0)

    def do_replay_next_event(self) -> None:
        """On to the next thing that happened."""
        self._next(Flag.EVENT, "event")

    def do_replay_next_alarm(self) -> None:
        """On to the next alarm."""
        self._next(Flag.ALARM, "alarm")

    def _next(self, flag: Flag, name: str) -> None:
        if not self.replay.next_event(flag):
            self.say(f"no {name} follows in this recording")
        self.tick()

    def _seek(self, delta_s: float) -> None:
        self.replay.seek_by(delta_s)
        self.tick()

    def _moved(self, told: str) -> None:
        self.note(told, "information")
        self.tick()
