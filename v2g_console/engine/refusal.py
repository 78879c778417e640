"""A request that can't be met, as an exception inside the engine and as an answer outside."""

from v2g_console.contract.replies import Refusal, Refused


class RefusalError(Exception):
    """Carries the reason, what happened and what to do."""

    def __init__(self, reason: Refusal, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.reason, self.message, self.hint = reason, message, hint

    def reply(self, request: str) -> Refused:
        """The refusal as an answer."""
        return Refused(request=request, reason=self.reason, message=self.message, hint=self.hint)
