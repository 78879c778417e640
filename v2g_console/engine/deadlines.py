"""What is due in the life of one dispatch, looked at every tick: time-outs, retries, corrections, renewals, its course, gaps."""

from v2g_console.domain.states import DispatchState
from v2g_console.engine import bounds, reallocation
from v2g_console.engine.core import Core
from v2g_console.engine.dispatch import Running
from v2g_console.engine.errands import Errands, guarded
from v2g_console.engine.mirror import mirror
from v2g_console.engine.owed import Owed
from v2g_console.engine.renewals import due_for_renewal, expire, renew
from v2g_console.engine.retarget import course_due, follow
from v2g_console.engine.rounds import due_for_retry, outdated, resend, time_out


class Deadlines:
    """Has done on the side what is due."""

    def __init__(self, core: Core, owed: Owed, errands: Errands) -> None:
        self._core, self._owed, self._errands = core, owed, errands

    def look(self, running: Running, now: float) -> None:
        """Once a tick."""
        core = self._core
        mirror(core, running)
        if running.sends:
            time_out(core, running, now)
            expire(core, running)
            retries = due_for_retry(core, running, now)
            if retries and core.link_up():
                self._errands.run(resend(core, running, retries))
            # MQTT 3.1.1 knows no expiry: whoever acknowledges an old command may have applied it after the newest.
            if core.link_up() and (anew := outdated(core, running)):
                self._errands.run(resend(core, running, anew, anew=True))
            broken = bounds.look(core, running, now)
            if broken is not None:
                self._errands.send(bounds.correct(core, running, broken))
            if running.state is DispatchState.ACTIVE:
                renewals = due_for_renewal(core, running)
                if len(renewals) and core.link_up():
                    self._errands.send(renew(core, running, renewals))
            if course_due(core, running, now):
                self._errands.send(follow(core, running))
            elif not running.reallocating and reallocation.due(core, running, now):
                running.reallocating = True
                self._errands.run(self._close_gap(running))
        running.changed.set()

    async def _close_gap(self, running: Running) -> None:
        try:
            await guarded(reallocation.close_gap(self._core, running, self._owed))
        finally:
            running.reallocating = False
