"""A page is a list of sections, and this is a section: what it draws, its template and its script."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from swaveval.report.budget import Thinned
from swaveval.report.contents import Contents
from swaveval.report.galleries import Galleries
from swaveval.report.options import ReportOptions


@dataclass(frozen=True, eq=False)
class Given:
    """What a section may draw from.

    Attributes:
        contents: the series as the page sees it. pictures: its galleries.
        thinned: map and confusion matrices as far as there is room for them.
        options: what was asked for.
        page_seconds: what the page has taken so far; None where that is stored already, or nobody's business.
    """

    contents: Contents
    pictures: Galleries
    thinned: Thinned
    options: ReportOptions
    page_seconds: float | None = None


@dataclass(frozen=True)
class Built:
    """A section's content.

    Attributes:
        headline: the number beside its title. context: what its template reads.
        data: what its script reads from the page's data; blobs: the same for what is packed, by name.
    """

    headline: str = ""
    context: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    blobs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Section:
    """One part of the page, folded until it is asked for.

    Nothing but the tuple it stands in knows it: the page fills its template, puts its script among the others, and
    calls what that script left in `S.sections[id]` with the section's element.

    Attributes:
        id: of its element, which links lead to. title: its heading.
        build: its content, or None where there is nothing to show.
        template: file in `templates/`, for its body; it may use the macros, `contents`, `images` and `wording`.
        script: file in `templates/`; empty where it needs none.
        open: whether it starts unfolded.
    """

    id: str
    title: str
    build: Callable[[Given], Built | None]
    template: str
    script: str = ""
    open: bool = False
