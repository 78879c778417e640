"""A request that can't be met, as an exception inside the engine and as an answer outside."""

from v2g_console.contract.replies import PlanView, Refusal, Refused
from v2g_console.contract.snapshot import ApprovalView


class RefusalError(Exception):
    """Carries the reason, what happened and what to do; `plan` and `approval` as in `Refused`."""

    def __init__(
        self, reason: Refusal, message: str, hint: str = "", *, plan: PlanView | None = None, approval: ApprovalView | None = None
    ) -> None:
        super().__init__(message)
        self.reason, self.message, self.hint = reason, message, hint
        self.plan, self.approval = plan, approval

    def reply(self, request: str) -> Refused:
        """The refusal as an answer."""
        return Refused(request=request, reason=self.reason, message=self.message, hint=self.hint, plan=self.plan, approval=self.approval)
