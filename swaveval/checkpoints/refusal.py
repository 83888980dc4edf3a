"""The one exception a checkpoint file can cause."""

from swaveval.checkpoints.load_report import LoadReport
from swaveval.errors import SwavevalError
from swaveval.results import CheckpointState


class CheckpointRefused(SwavevalError):
    """A checkpoint that cannot be evaluated; the message is one sentence that says why and what to do.

    Attributes:
        state: `writing`, `corrupt`, `unsupported` or `refused`.
        reason: the sentence.
        report: everything that was found before the refusal.
    """

    def __init__(self, state: CheckpointState, reason: str, report: LoadReport) -> None:
        super().__init__(reason)
        self.state: CheckpointState = state
        self.reason = reason
        self.report = report
