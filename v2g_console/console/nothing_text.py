"""What an empty list of dispatches says: what to do next, never a key that would be refused."""

from v2g_console.console.actions import action_of, shown_key
from v2g_console.console.model import ConsoleModel


def nothing_runs(model: ConsoleModel) -> str:
    """`No dispatch. Press d for a new one`; without a key for who may not start one, in a recording, and while STOP is latched."""
    if model.replay is not None:
        return "No dispatch at this moment of the recording."
    if model.snapshot is not None and model.snapshot.engine.stopped:
        resume = action_of("dispatch.resume")
        lifted = f"{shown_key(resume.id, model)} resumes" if resume.blocked(model) is None else "somebody else resumes"
        return f"No dispatch can start: STOP is latched. {lifted}"
    if action_of("dispatch.compose").blocked(model) is not None:
        return "No dispatch."
    return f"No dispatch. Press {shown_key('dispatch.compose', model)} for a new one"
