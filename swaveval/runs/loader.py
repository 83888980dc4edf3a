"""The networks of one evaluation by what is known of them; each is read from its source once."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swaveval.checkpoints import Backbone, CheckpointSource, Directory, Entry, LoadOptions, LoadReport
from swaveval.checkpoints.kept import KeptBackbones
from swaveval.checkpoints.source import Remembers
from swaveval.features.arrays import Arrays
from swaveval.features.features import Features
from swaveval.results.seconds import Stopwatch


@dataclass(eq=False)
class CheckpointLoader:
    """Gives networks by their digests, from what this evaluation kept where it read them already.

    Attributes:
        source: where the checkpoints come from.
        options: how they may be read.
        entries: digest to the entry that holds these weights.
        kept: what was read; None to read anew each time.
        watch: seconds of reading by digest.
    """

    source: CheckpointSource
    options: LoadOptions = field(default_factory=LoadOptions)
    entries: dict[str, Entry] = field(default_factory=dict)
    kept: KeptBackbones | None = None
    watch: Stopwatch = field(default_factory=Stopwatch)

    def keep(self, directory: Path) -> None:
        """From now on, keep what is read in an unnamed file below `directory`."""
        with suppress(OSError):  # then each is read again when it is needed
            directory.mkdir(parents=True, exist_ok=True)
            self.kept = KeptBackbones.below(directory)

    def seen(self, backbone: Backbone) -> None:
        """Told of a network that was just read."""
        if self.kept is not None:
            self.kept.put(backbone)

    def load(self, digest: str) -> Backbone:
        """The network whose weights have this digest.

        Raises:
            CheckpointRefused: it can no longer be read. RuntimeError: its entry holds other weights now.
        """
        with self.watch.stage(digest):
            held = self.kept.get(digest) if self.kept is not None else None
            if held is not None:
                return held
            entry = self.entries[digest]
            backbone = self.source.backbone(entry, self.options)
            if backbone.digest != digest:
                raise RuntimeError(f"{entry.name} changed while it was being evaluated; run again")
            self.seen(backbone)
            return backbone

    def expect(self, entries: Sequence[Entry]) -> None:
        """Say which entries will be read next, so that what lies elsewhere is fetched ahead."""
        if isinstance(self.source, Directory):
            self.source.expect(entries)

    @property
    def elsewhere(self) -> bool:
        """Whether files have to be fetched."""
        return isinstance(self.source, Directory) and bool(self.source.elsewhere)

    def holds(self, digest: str) -> bool:
        """Whether a network needs no reading."""
        return self.kept is not None and digest in self.kept

    def report(self, entry: Entry) -> LoadReport | None:
        """Of an entry that brings features instead of a network, or whose file is gone, else None."""
        return self.source.report(entry) if isinstance(self.source, Arrays | Remembers) else None

    def is_gone(self, digest: str) -> bool:
        """Whether no weights can be read of it any more, so that nothing that needs them can be computed."""
        source, entry = self.source, self.entries.get(digest)
        return isinstance(source, Remembers) and entry is not None and source.is_gone(entry)

    @property
    def normalisation(self) -> dict[str, Any]:
        """That of the pixels which results rest on that cannot be made again; empty where there are none."""
        source = self.source
        if not isinstance(source, Remembers) or not any(source.is_gone(entry) for entry in source.entries()):
            return {}
        return dict(source.normalisation)

    def features(self, digest: str) -> Features | None:
        """Features that came with the source, else None."""
        return self.source.features(digest) if isinstance(self.source, Arrays) else None

    def close(self) -> None:
        if isinstance(self.source, Directory):
            self.source.close()
        if self.kept is not None:
            self.kept.close()
            self.kept = None
