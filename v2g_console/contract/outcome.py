"""The exit code that the end of a dispatch deserves: one rule for `dispatch --wait`, headless runs and the demo."""

from v2g_console.contract.events import DispatchCancelled, DispatchCompleted, DispatchEnded, DispatchFailed, DispatchStopped
from v2g_console.contract.exit_codes import ExitCode

_ROUNDING = 1e-9


def outcome_code(ended: DispatchEnded, min_ack_share: float) -> ExitCode:
    """DONE for a completed dispatch with at least `min_ack_share` (0..1) of the request acknowledged, else UNDER_ACKNOWLEDGED or FAILED."""
    match ended:
        case DispatchCompleted():
            if ended.requested_kw == 0 or ended.acknowledged_kw / ended.requested_kw >= min_ack_share - _ROUNDING:
                return ExitCode.DONE
            return ExitCode.UNDER_ACKNOWLEDGED
        case DispatchFailed() | DispatchCancelled() | DispatchStopped():
            return ExitCode.FAILED
