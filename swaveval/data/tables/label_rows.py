"""What a label table is once it has been read: rows of a name, a label and a split."""

from dataclasses import dataclass

SHAPE = "filename,label[,split]"
# A file beside a table that nobody named is not worth more than this.
MOST_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One row: a name to look for, its label (empty: none), its split (None: not said), all of several labels.

    Where the file has another name, because it counts from elsewhere, that is `written`.
    """

    line: int
    filename: str
    label: str
    split: str | None
    several: tuple[str, ...] = ()
    written: str = ""

    @property
    def shown(self) -> str:
        """The name as the file has it."""
        return self.written or self.filename


@dataclass(frozen=True, slots=True)
class LabelTable:
    """A table, read.

    Attributes:
        rows: in the file's order.
        column: what the labels were read from, in words; empty when nothing needs saying.
        multiple: whether images have several labels.
        notes: what was read in a way the user should know of.
        refusal: why the labels are no classes, or empty.
        name: of the tables that were read together; empty for one.
        groups: the title of a column that says which images belong together; empty without one.
        objects: whether rows are objects in an image, each with its label, not readings of it.
    """

    rows: tuple[LabelRow, ...]
    column: str = ""
    multiple: bool = False
    notes: tuple[str, ...] = ()
    refusal: str = ""
    name: str = ""
    groups: str = ""
    objects: bool = False


def described(table: LabelTable, name: str) -> str:
    """The table and its column, for the origin of labels."""
    return f"{name}, {table.column}" if table.column else name
