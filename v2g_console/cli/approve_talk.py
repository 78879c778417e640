"""The talk with the engine behind `approve`: read what waits, show it, approve just that."""

from pathlib import Path

from v2g_console.cli.approvals_text import approval_lines
from v2g_console.cli.engine import caller, print_json, print_lines, refused, talk_to_engine
from v2g_console.config.load import load_for_client
from v2g_console.contract.exit_codes import ExitCode
from v2g_console.contract.port import EnginePort
from v2g_console.contract.replies import Accepted, Refused, StatusView
from v2g_console.contract.requests import Approve, Status
from v2g_console.contract.snapshot import ApprovalView, DispatchView


def approve(config_path: Path | None, socket_file: Path | None, approval_id: str, revision: int | None, *, as_json: bool) -> int:
    """Approve `approval_id` in the revision given, else in the one that is shown first; returns the exit code."""

    async def talk(engine: EnginePort) -> int:
        waiting = await _waiting(engine, approval_id)
        if waiting is not None and not as_json:
            print_lines(approval_lines(waiting))
        wanted = revision if revision is not None else waiting.revision if waiting is not None else 1
        reply = await engine.request(Approve(approval_id=approval_id, revision=wanted), caller())
        if as_json:
            print_json(reply)
        if isinstance(reply, Refused):
            if reply.approval is not None and not as_json:
                print_lines(["now it is:", *approval_lines(reply.approval)])
            return refused(reply, as_json)
        if not as_json:
            print_lines([_done(reply)])
        return ExitCode.DONE

    return talk_to_engine(load_for_client(config_path), socket_file, talk)


async def _waiting(engine: EnginePort, approval_id: str) -> ApprovalView | None:
    """What waits under this id; None if nothing does, which the engine then says better."""
    reply = await engine.request(Status(), caller())
    known = reply.result.approvals if isinstance(reply, Accepted) and isinstance(reply.result, StatusView) else ()
    return next((one for one in known if one.approval_id == approval_id), None)


def _done(reply: Accepted) -> str:
    view = reply.result
    if not isinstance(view, DispatchView):
        return f"approved: dispatch {reply.dispatch_id}"
    return f"approved: dispatch {view.dispatch_id} asked by {view.by}, approved by {view.approved_by}"
