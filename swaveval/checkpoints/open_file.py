"""One file in the reading process, from its description to the tensors somebody wants of it."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from swaveval.checkpoints.description import Description, Record, parse_taken
from swaveval.checkpoints.receiving import CutShort, NotSafetensors, Received, TensorStream
from swaveval.checkpoints.sandbox.contents import DTYPE_OF_NAME
from swaveval.checkpoints.sandbox.failure import Failure, FailureKind, became_shorter, damaged, printable
from swaveval.checkpoints.sandbox.wire import Closed, receive, send

PATIENCE = 4.0  # seconds more than the reading process allows itself
# Read before anybody knows which records are wanted. In a training file the weights come first, the optimiser's state
# after them.
_MOST_AHEAD = 128 << 20  # bytes
_WORTH_SKIPPING = 8 << 20  # bytes between two wanted records; what lies further on is asked for by name


@runtime_checkable
class Process(Protocol):
    """What a file needs of the process that reads it."""

    def stop(self) -> None: ...

    def note(self, ended: Any) -> int: ...

    def leave(self, *, trusted: bool) -> None: ...


class OpenFile:
    """One file held open by the reading process. Use as a context manager.

    Attributes:
        description: what is in it; set by whoever opens it.
    """

    description: Description

    def __init__(
        self, process: Process, connection: socket.socket, *, seconds: float, most_bytes: int, trusted: bool
    ) -> None:
        """`seconds` for each answer; `most_bytes` of tensors."""
        self._process = process
        self._connection = connection
        self._seconds = seconds
        self._most_bytes = most_bytes
        self._trusted = trusted
        self._ended = False
        self._ahead: TensorStream | None = None

    def __enter__(self) -> "OpenFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def take(self, path: tuple[str, ...], names: Iterable[str]) -> dict[str, Tensor]:
        """Named tensors under `path`, as many of them as there are, each in memory of its own.

        Raises:
            Failure: they are damaged, or not plain tensors.
        """
        wanted = list(names)
        self._say({"take": {"path": list(path), "names": wanted}})
        try:
            records, others = parse_taken(self.answer("taken"), wanted)
        except ValueError:
            raise _no_answer() from None
        self._read_ahead_to(sorted({record.place for record in records.values() if record.place is not None}))
        found: dict[str, Received] = {}
        ahead = self._ahead.received if self._ahead else {}
        used: set[str] = set()
        for name, record in records.items():
            held = ahead.get(str(record.place))
            if held is not None:
                found[name] = _as_described(held, record, copy=str(record.place) in used)
                used.add(str(record.place))
        for place in used:  # whoever asked may change it; who asks again gets it from the file
            del ahead[place]
        missing = [name for name in wanted if name not in found and (name in records or name in others)]
        if missing:
            found |= self._written(missing)
        for name, record in records.items():
            if record.crc is not None and name in found and found[name].crc != record.crc:
                raise damaged(name)
        return {name: found[name].tensor for name in wanted if name in found}

    def answer(self, wanted: str) -> dict[str, Any]:
        """The reading process's answer called `wanted`. Tensor records that come meanwhile are kept.

        Raises:
            Failure: it failed, was killed by its limits, or answers something else.
        """
        message, descriptor = self._message()
        if "records" in message and descriptor is not None:
            self._drop_ahead()
            self._ahead = TensorStream(descriptor, most_bytes=self._most_bytes)
            message, descriptor = self._message()
        if descriptor is not None:
            os.close(descriptor)
        return self._value(message, wanted)

    def close(self) -> None:
        """Let the reading process go on to the next file."""
        self._drop_ahead()
        if self._ended:
            return
        self._ended = True
        self._say({"done": True})
        self._process.leave(trusted=self._trusted)

    def _say(self, message: dict[str, Any]) -> None:
        with suppress(OSError):  # if it is gone, its answer will not come either
            send(self._connection, message)

    def _message(self) -> tuple[dict[str, Any], int | None]:
        stream = self._ahead
        if stream is not None:
            self._drain(stream, lambda: stream.position < _MOST_AHEAD, until=self._connection)
            if stream.position >= _MOST_AHEAD:
                stream.close()
        try:
            return receive(self._connection)
        except TimeoutError:
            raise self._too_slow() from None
        except Closed:
            self._ended = True
            self._process.stop()
            raise Failure("refused", "the reading process died on this file") from None

    def _value(self, message: dict[str, Any], wanted: str) -> dict[str, Any]:
        if "ended" in message:
            self._ended = True
            raise self._killed(message["ended"])
        if "failed" in message:
            failed = message["failed"]
            raise _failure(failed) if isinstance(failed, dict) else _no_answer()
        value = message.get(wanted)
        return value if isinstance(value, dict) else {}

    def _read_ahead_to(self, places: list[int]) -> None:
        """Go on reading records as long as the next wanted one is near."""
        stream = self._ahead
        if stream is None:
            return
        for name in map(str, places):
            self._drain(stream, partial(_is_near, stream, name))
            if name not in stream.received:
                break
        stream.close()

    def _written(self, names: list[str]) -> dict[str, Received]:
        """Tensors that did not come ahead."""
        self._say({"write": names})
        message, descriptor = self._message()
        if descriptor is None:
            self._value(message, "writing")
            raise _no_answer()
        with TensorStream(descriptor, most_bytes=self._most_bytes) as stream:
            self._drain(stream, lambda: True)
        self.answer("written")  # or why it ended early
        return stream.received

    def _drain(self, stream: TensorStream, more: Callable[[], bool], *, until: socket.socket | None = None) -> None:
        deadline = time.monotonic() + self._seconds + PATIENCE
        try:
            while more() and stream.go_on(deadline=deadline, until=until):
                pass
        except CutShort:
            stream.close()
        except TimeoutError:
            raise self._too_slow() from None
        except NotSafetensors as error:
            raise Failure("refused", f"the reading process handed over no safetensors: {printable(error)}") from None

    def _drop_ahead(self) -> None:
        if self._ahead is not None:
            self._ahead.close()
        self._ahead = None

    def _too_slow(self) -> Failure:
        self._ended = True
        self._process.stop()
        return Failure("refused", f"reading the file takes more than {self._seconds:.0f} seconds")

    def _killed(self, ended: Any) -> Failure:
        killed = self._process.note(ended)
        if self._trusted:
            self._process.stop()
        if killed in (signal.SIGXCPU, signal.SIGKILL):
            return Failure("refused", f"reading the file takes more than {self._seconds:.0f} seconds of processor time")
        if killed == signal.SIGBUS:
            return became_shorter()
        name = signal.Signals(killed).name if killed in set(signal.Signals) else "nothing said"
        return Failure("corrupt", f"reading the file crashed the reading process ({name})")


def _is_near(stream: TensorStream, name: str) -> bool:
    distance = stream.distance(name)
    return distance is not None and distance < _WORTH_SKIPPING


def _as_described(received: Received, record: Record, *, copy: bool) -> Received:
    """A record that came as bytes, as the tensor it is; a second tensor of one record gets memory of its own."""
    try:
        tensor = received.tensor.view(DTYPE_OF_NAME[record.dtype]).reshape(record.shape)
    except (RuntimeError, KeyError):
        raise _no_answer() from None
    return Received(tensor.clone() if copy else tensor, received.crc)


def _no_answer() -> Failure:
    return Failure("refused", "the reading process gave an answer that is none")


def _failure(failed: dict[str, Any]) -> Failure:
    kinds: dict[Any, FailureKind] = {"corrupt": "corrupt", "unsupported": "unsupported"}
    return Failure(
        kinds.get(failed.get("kind"), "refused"),
        str(failed.get("reason", "")),
        cut_short=failed.get("cut_short") is True,
    )
