"""Lightning says much that is not addressed to the user of this command; what matters is said by the reporter."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_LOGGERS = (
    "pytorch_lightning",
    "lightning.pytorch",
    "lightning_fabric",
    "lightning.fabric",
    "pytorch_lightning.utilities.rank_zero",
)


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Lightning's loggers at ERROR and third-party warnings off, as long as the block lasts."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # Tips about workers, missing loggers and deprecated internals of one library used by another.
            warnings.filterwarnings("ignore", module=r"(pytorch_lightning|lightning_fabric|lightly|torch)(\.|$)")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
