"""What can go wrong before and during training, each as a sentence a user can act on."""

from swaveval.errors import INTERRUPTED, SwavevalError


class PretrainError(SwavevalError):
    """Training cannot start or go on. The message says what was found and what to do."""


class ConfigError(PretrainError):
    """A setting is unknown, of the wrong type, or does not fit the data or the other settings."""


class RunExists(PretrainError):
    """The output directory already holds a run, and it was not asked for to resume it."""


class RunMissing(PretrainError):
    """A run was to be resumed, and the output directory holds none."""


class Diverged(PretrainError):
    """The loss became NaN or infinite; the checkpoints written before are kept.

    Attributes:
        found: the loss, and where: the sentence without its advice.
    """

    def __init__(self, found: str, advice: str) -> None:
        super().__init__(f"{found}. {advice}")
        self.found = found

    def __reduce__(self) -> tuple[type["Diverged"], tuple[str, str]]:
        return Diverged, (self.found, str(self).removeprefix(f"{self.found}. "))


class Interrupted(PretrainError):
    """The user or the scheduler stopped the training; it can be resumed from the last finished epoch."""

    exit_code = INTERRUPTED


class ProcessLost(PretrainError):
    """One of several training processes is gone; finished epochs are kept."""


class WorkerDied(PretrainError):
    """A process that prepares images is gone; finished epochs are kept."""
