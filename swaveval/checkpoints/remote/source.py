"""Checkpoints behind an address, as a directory of files: listed once, fetched when needed, read as any other."""

import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from swaveval.checkpoints.discovery import SUFFIXES, is_pattern
from swaveval.checkpoints.options import LoadOptions
from swaveval.checkpoints.remote.address import Address, without_secret
from swaveval.checkpoints.remote.ahead import Ahead
from swaveval.checkpoints.remote.cache import Cache
from swaveval.checkpoints.remote.errors import RemoteError
from swaveval.checkpoints.remote.fetching import fetch
from swaveval.checkpoints.remote.listing import RemoteFile, is_hidden, listed, matching, together, unfit
from swaveval.checkpoints.remote.server import Patience, Server
from swaveval.checkpoints.source import Directory, Entry
from swaveval.results.encoding import digest
from swaveval.text import natural_key, shortened

if TYPE_CHECKING:
    from swaveval.checkpoints.backbone import Backbone

DEFAULT_CACHE = 20 * 10**9
# Files beside checkpoints that tell of their network, as transformers and timm write them.
_CONFIGS = ("config.json", "preprocessor_config.json", "trainer_state.json")
_LARGEST_BESIDE = 64 << 20
_MOST_BESIDE = 2000
_MOST_FILES = 100_000


@dataclass(frozen=True, slots=True)
class Fetched:
    """How files come here.

    Attributes:
        cache: where they lie. size: bytes that all of them may have. beside: patterns of the names of small files that
            belong to a run (run.json, logs). patience: with the server.
    """

    cache: Path
    size: int = DEFAULT_CACHE
    beside: tuple[str, ...] = ()
    patience: Patience = field(default_factory=Patience)


class Remote(Directory):
    """A directory, one file or a pattern behind an address.

    What is listed there has a file of its name in a tree below the cache, so that everything which looks for names
    finds them as in a local directory. Small files of the run are fetched with the listing; checkpoints when they are
    needed. Pickled, it takes its listing along.
    """

    def __init__(self, url: str, how: Fetched) -> None:
        """Nothing is connected yet.

        Raises:
            RemoteError: the address is none.
        """
        self.address = Address.of(url)
        self.how = how
        *above, self._name = self.address.parts[-3:]
        for part in (*above, self._name):
            if reason := unfit(part):
                raise RemoteError(f"{self.address.shown} cannot be a directory here: {reason}")
        # What lies above comes along, as run.json and logs do; two levels, for the address may be that of a file.
        self._above = "/".join(above)
        own = sha256(self.address.url.encode("utf-8", "surrogatepass")).hexdigest()[:20]
        self.cache = Cache(how.cache.absolute(), own, how.size)
        self._single = False
        self._listing: dict[str, RemoteFile] | None = None
        self._odd: dict[str, str] = {}
        self._wrong: RemoteError | None = None
        self.unfetched = False
        super().__init__(self.cache.tree / self._above / self._name / self.address.pattern)
        self._begin()

    def _begin(self) -> None:
        self._server: Server | None = None
        self._listing_lock = threading.Lock()
        self._ahead = Ahead(self._bring_ahead)

    def __getstate__(self) -> dict[str, Any]:
        self.listing()
        left = ("_server", "_listing_lock", "_ahead", "_files")
        return {name: value for name, value in vars(self).items() if name not in left} | {"_files": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._begin()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Remote) and (self.address, self.how, self._listing) == (
            other.address,
            other.how,
            other._listing,
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Remote({self.address.shown!r})"

    # -- what there is ------------------------------------------------------------------------------------------------

    @property
    def elsewhere(self) -> str:  # type: ignore[override]
        return self.address.shown

    @property
    def server(self) -> Server:
        if self._server is None:
            self._server = Server(self.address, self.how.patience)
        return self._server

    def listing(self) -> Mapping[str, RemoteFile]:
        """Every file there, by its name in the tree; asked for once.

        Raises:
            RemoteError: it cannot be listed, or there is nothing. OSError: the cache cannot be written.
        """
        with self._listing_lock:
            if self._wrong is not None:
                raise self._wrong
            if self._listing is None:
                try:
                    self._listing = self._listed()
                except RemoteError as error:
                    self._wrong = error
                    raise
            return self._listing

    def ready(self) -> None:
        self.listing()

    def complete(self) -> bool:
        return not self.unfetched

    def stamps(self) -> dict[str, list[int]] | None:
        return {self.shown(self.cache.tree / name): list(_stamp([file])) for name, file in self.listing().items()}

    def _listed(self) -> dict[str, RemoteFile]:
        root = self.server.root
        found = self.server.find(root)
        self._single = set(found) == {root} and not self.address.pattern
        if not found:
            what = "the address" if self.address.protocol in ("http", "https") else "bucket, path and endpoint"
            raise RemoteError(f"there is no {self.address.shown}, or nothing in it; check {what}", "gone")
        if len(found) > _MOST_FILES:
            raise RemoteError(
                f"{self.address.shown} has {len(found):,} files, more than {_MOST_FILES:,}; give the directory of the "
                "checkpoints"
            )
        above = root.rpartition("/")[0]
        base = above if self._single else root
        wanted = (*_CONFIGS, *self.how.beside)
        files = self._named(found, base, self._above if self._single else self._inside(""))
        if self._single:
            near = self._named(self.server.beside(base), base, self._above)
            names = (*together(f"{self._above}/{self._name}".lstrip("/"), near), *matching(near, wanted))
            files |= {name: near[name] for name in names if name in near}
        higher = base.rpartition("/")[0]
        if self._has_above(higher):
            above = self._above.rpartition("/")[0] if self._single else self._above
            near = self._named(self.server.beside(higher), higher, above)
            files |= {name: near[name] for name in matching(near, wanted)}
        refused = self.cache.prepare(files)
        if not self._single:
            (self.cache.tree / self._inside("")).mkdir(parents=True, exist_ok=True)
        for name, reason in refused.items():
            self._odd[self._entry_name(name)] = reason
        files = {name: file for name, file in files.items() if name not in refused}
        return self._with_beside(files)

    def _has_above(self, above: str) -> bool:
        """Whether the directory above is one that can be listed: not a host, nor the hub's own list of a user's."""
        parts = [part for part in above.partition("://")[2 if "://" in above else 0].split("/") if part]
        return len(parts) > (1 if self.address.protocol == "hf" else 0)

    def _inside(self, name: str) -> str:
        return "/".join(part for part in (self._above, self._name, name) if part)

    def _entry_name(self, name: str) -> str:
        return name.removeprefix(f"{self._inside('')}/")

    def _named(self, found: Mapping[str, Mapping[str, Any]], base: str, below: str) -> dict[str, RemoteFile]:
        """Files by their names in the tree; those with names that cannot be are kept apart."""
        files: dict[str, RemoteFile] = {}
        for path, info in found.items():
            if not path.startswith(f"{base}/"):
                continue
            name = path[len(base) + 1 :]
            name = unquote(name) if self.address.protocol in ("http", "https") else name
            if reason := unfit(name):
                if name.lower().endswith(SUFFIXES):
                    self._odd[shortened(name, 200)] = reason
            elif not is_hidden(name):
                inside = f"{below}/{name}" if below else name
                files[inside] = listed(inside, path, info, self.address.protocol)
        return files

    def _with_beside(self, files: dict[str, RemoteFile]) -> dict[str, RemoteFile]:
        """The files, sizes filled in; logs and settings are here afterwards."""
        small = matching(files, (*_CONFIGS, *self.how.beside))[:_MOST_BESIDE]
        whole: dict[str, RemoteFile] = {}
        for name, file in files.items():
            known = file
            if file.size is None and (name.lower().endswith(SUFFIXES) or name in small):
                known = listed(name, file.path, self.server.info(file.path), self.address.protocol)
            # What has neither version nor time is fetched once in each evaluation.
            whole[name] = known if known.version else replace(known, version=f"once {secrets.token_hex(8)}")
        for name in small:
            file = whole[name]
            if file.size is not None and file.size <= _LARGEST_BESIDE:
                try:
                    self.cache.keep(file, self.cache.tree / name, self._fetch)
                except RemoteError as error:
                    if error.kind not in ("gone", "denied"):
                        raise RemoteError(f"{self.shown(self.cache.tree / name)}: {error}", error.kind) from None
        return whole

    # -- what a source does -------------------------------------------------------------------------------------------

    def shown(self, path: Path) -> str:
        if not path.is_relative_to(self.cache.tree):
            return str(path)
        return without_secret(f"{self._prefix}/{path.relative_to(self.cache.tree).as_posix()}")

    @property
    def _prefix(self) -> str:
        """What stands for the tree in addresses."""
        levels = len(self._inside("").split("/"))
        return "/".join(self.address.fixed.split("/")[:-levels])

    def nothing(self) -> str:
        self.listing()
        return super().nothing().replace(str(self.path), self.address.shown)

    def key(self, entry: Entry) -> str:
        return f"{self.address.url} {entry.name}"

    def unchanged(self, entry: Entry) -> bool:
        """What was read is what was listed: another version would not have been fetched."""
        return entry.stamp is not None

    def entries(self) -> Sequence[Entry]:
        files = self.listing()
        found = []
        for entry in super().entries():
            name = self._files[entry.name].path.relative_to(self.cache.tree).as_posix()
            found.append(Entry(entry.name, _stamp([files[one] for one in self._group(name)], self._configs(name))))
        found += [Entry(name) for name in self._odd if not is_pattern(self.path)]
        return sorted(found, key=lambda entry: natural_key(entry.name))

    def backbone(self, entry: Entry, options: LoadOptions) -> "Backbone":
        # torch is imported when a checkpoint is read, not when one is looked at.
        from swaveval.checkpoints.load_report import LoadReport
        from swaveval.checkpoints.loading import load
        from swaveval.checkpoints.refusal import CheckpointRefused

        place = self.place(entry)
        shown = self.shown(place)
        try:
            if entry.name in self._odd:
                raise RemoteError(self._odd[entry.name])
            with self.held(place):
                backbone = load(place, options=options)
                return replace(backbone, report=replace(backbone.report, file=shown))
        except CheckpointRefused as refused:
            reason = refused.reason.replace(str(self.cache.tree), without_secret(self._prefix))
            report = replace(refused.report, file=shown, refusal=reason)
            raise CheckpointRefused(refused.state, reason, report) from None
        except RemoteError as error:
            self.unfetched = True
            reason = _unfetched(error)
            report = LoadReport(file=shown, state="writing" if error.kind == "changed" else "refused", refusal=reason)
            raise CheckpointRefused(report.state, reason, report) from None

    def beside(self, name: str) -> bytes | None:
        self.listing()
        return super().beside(name)

    # -- fetching -----------------------------------------------------------------------------------------------------

    def expect(self, entries: Sequence[Entry]) -> None:
        """They are fetched ahead, several at a time."""
        places = [self.place(entry) for entry in entries if entry.name not in self._odd]
        names = [one.relative_to(self.cache.tree).as_posix() for one in places if one.is_relative_to(self.cache.tree)]
        wanted = [one for name in names for one in self._group(name)]
        files = self.listing()
        self._ahead.expect([one for one in wanted if not self.cache.has(files[one], self.cache.tree / one)])

    @contextmanager
    def held(self, place: Path) -> Iterator[Path]:
        """All files of a checkpoint are at their places, whole, as long as this lasts.

        Raises:
            RemoteError: they cannot be had.
        """
        files = self.listing()
        inside = place.relative_to(self.cache.tree).as_posix() if place.is_relative_to(self.cache.tree) else ""
        if inside not in files:
            raise RemoteError("it is not there any more", "gone")
        with ExitStack() as stack:
            for name in self._group(inside):
                self._ahead.use(name)
                stack.enter_context(self.cache.held(files[name], self.cache.tree / name, self._fetch))
            yield place

    def close(self) -> None:
        self._ahead.close()
        self._ahead = Ahead(self._bring_ahead)

    def _bring_ahead(self, name: str) -> None:
        file, spare = self.listing()[name], self._ahead.unused
        try:
            with self.cache.held(file, self.cache.tree / name, self._fetch, spare=spare, wait=False):
                pass
        except RemoteError as error:
            if error.kind != "room":  # then it is fetched when it is needed
                raise

    def _fetch(self, file: RemoteFile, target: Path) -> None:
        fetch(self.server, file, target)

    def _group(self, name: str) -> list[str]:
        return [one for one in together(name, self.listing()) if one in self.listing()]

    def _configs(self, name: str) -> list[RemoteFile]:
        """What beside a checkpoint tells of its network."""
        directory = name.rpartition("/")[0]
        places = (directory, directory.rpartition("/")[0])
        files = self.listing()
        names = (f"{place}/{config}" if place else config for place in places for config in _CONFIGS)
        return [files[one] for one in names if one in files]


def _stamp(files: Sequence[RemoteFile], beside: Sequence[RemoteFile] = ()) -> tuple[int, ...]:
    """(size, time of change in ns, version of all files as a number)."""
    size = sum(file.size or 0 for file in files)
    versions = digest([[file.name, file.version] for file in (*files, *beside)])
    return size, max(file.changed for file in files), int(versions[:15], 16)


def _unfetched(error: RemoteError) -> str:
    if error.kind == "gone":
        return f"it could not be fetched: it vanished after it was listed ({error})"
    if error.kind == "changed":
        return f"{error}; run again"
    return f"it could not be fetched: {error}"
