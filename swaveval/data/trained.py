"""Which images a training saw: a text file beside run.json, `train HASH` or `test HASH` a line, by content."""

from dataclasses import dataclass
from pathlib import Path

from swaveval.data.imageset import ImageSet
from swaveval.results.atomic import write_text

NAME = "images.txt"
LETTERS = 16  # of each SHA-256: enough to tell images apart, a quarter of the size


@dataclass(frozen=True, slots=True)
class TrainingImages:
    """Contents of the images at the time of the training, shortened: the train split and the test split."""

    train: frozenset[str]
    test: frozenset[str]

    def compared(self, images: ImageSet) -> str:
        """What changed since, as a sentence; empty where the contents are the same."""
        now = {content[:LETTERS] for content in images.contents}
        added, gone = len(now - self.train - self.test), len((self.train | self.test) - now)
        if images.whole:  # what was not drawn is not gone
            gone = 0
        if (not added and not gone) or not now & (self.train | self.test):  # the same, or another set altogether
            return ""
        kept = {content[:LETTERS] for content, test in zip(images.contents, images.is_test, strict=True) if test}
        tested = len(kept & self.train)
        leak = (
            f"{tested:,} of those trained on are tested on, because the split is given"
            if tested
            else "no image that was trained on is tested on"
        )
        return f"The images changed since training: {added:,} added, {gone:,} gone; {leak}."


def write_training_images(run: Path, images: ImageSet) -> None:
    """Write RUN/images.txt."""
    sides = zip(images.contents, images.is_test.tolist(), strict=True)
    lines = sorted({f"{'test' if test else 'train'} {content[:LETTERS]}" for content, test in sides})
    write_text(run / NAME, "\n".join(lines) + "\n")


def read_training_images(run: Path) -> TrainingImages | None:
    """What RUN/images.txt says; None where there is none that can be read."""
    try:
        words = [line.split() for line in (run / NAME).read_text(encoding="ascii").splitlines()]
    except (OSError, ValueError):
        return None
    sides = {
        side: frozenset(entry[1] for entry in words if len(entry) == 2 and entry[0] == side)
        for side in ("train", "test")
    }
    return TrainingImages(sides["train"], sides["test"]) if sides["train"] else None
