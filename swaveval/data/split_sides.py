"""A split is of use where both of its sides hold labels, or neither does."""

from collections.abc import Mapping

from swaveval.text import counted


def with_labels(
    splits: Mapping[str, str], labels: Mapping[str, str | None], *, source: str
) -> tuple[dict[str, str] | None, tuple[str, ...]]:
    """The split, or what of it is of use, and what must be said of that.

    Args:
        splits: file to `train`, `test` or `validation`. labels: of these files. source: what says the split.

    Returns:
        The split; None where one side alone holds labels: nothing could be tested with it.
    """
    whose = "the folders'" if source == "folders" else f"{source}'s"
    labelled = {side for file, side in splits.items() if labels[file] is not None}
    bare = [file for file, side in splits.items() if side == "test"] if "test" not in labelled else []
    if bare and {"train", "validation"} <= labelled:
        # A test side without labels, as competitions have it, would leave nothing to be tested with.
        note = f"{counted(len(bare), 'image')} on {whose} test side, none of them labelled, counted to train."
        return {**splits, **dict.fromkeys(bare, "train")}, (note,)
    test = "test" if "test" in splits.values() else "validation"
    if labelled and not {test} < labelled:
        only = " and ".join(sorted(labelled))
        return None, (f"{whose[0].upper()}{whose[1:]} split was not used: only its {only} side has labels.",)
    return dict(splits), ()
