"""What the caller of a report may choose."""

from dataclasses import dataclass

from swaveval.errors import SwavevalError


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """Settings of a page; none of them changes a number.

    Attributes:
        images: show pictures of the user's data. False leaves every one of them out (file names stay).
        docs_url: address of the documentation's metric definitions; empty: definitions are linked inside the page.
        target_bytes: size the page aims at; pictures and frames are thinned first to reach it.
        limit_bytes: size no page may pass; what was thinned for it is said on the page.
        force: comparison only: show runs that cannot be compared, apart, in place of refusing them.
    """

    images: bool = True
    docs_url: str = ""
    target_bytes: int = 3_000_000
    limit_bytes: int = 10_000_000
    force: bool = False


DEFAULTS = ReportOptions()


class IncomparableRuns(SwavevalError):
    """Runs on different data, transforms or protocols, whose numbers must not share an axis."""
