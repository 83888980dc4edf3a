"""The exporter `tensorboard`: one directory per evaluation in a log directory, written anew as a whole.

What TensorBoard has read already it keeps, so the file of events gets a later name each time, and begins with a restart
at step 0, upon which readers forget what they had: a TensorBoard that is open shows each number once.
"""

import importlib.util
import io
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swaveval.results import Series
from swaveval.results.exporters import STANDARD_OUTPUT, ExportError
from swaveval.results.places import check_writable
from swaveval.results.scalars import intervals, scalars
from swaveval.trackers.content import Content, folder_names
from swaveval.trackers.own_directory import own_directory, replace_files
from swaveval.trackers.projector import projector_files

INTERVAL_GROUP = "swaveval-interval"
_EVENTS = "events.out.tfevents.{number:010d}.swaveval"


@dataclass(frozen=True)
class TensorBoard:
    """Curves, bands, the verdict as text, the figures and the maps, in `TARGET/NAME`; baselines as runs beside it.

    Attributes:
        embeddings: whether the features of the checkpoint to use go to the projector, beside the maps.
    """

    embeddings: bool = True

    def check(self, target: str) -> None:
        """Raise unless it can be written there.

        Raises:
            ExportError: tensorboard is not installed, or no directory is named. OutputError: it cannot be written.
        """
        if importlib.util.find_spec("tensorboard") is None:
            raise ExportError("this tracker needs tensorboard; pip install 'swaveval[tensorboard]'")
        if target in ("", STANDARD_OUTPUT):
            raise ExportError("tensorboard takes a log directory; name one, as in tensorboard:runs")
        check_writable(Path(target).expanduser(), option="tensorboard:DIR")

    def write(self, series: Series, target: str) -> None:
        """Write it, or leave what was there."""
        self.check(target)
        content = Content.of(series)
        (name,) = folder_names([content.name]).values()
        place = own_directory(Path(target).expanduser(), name, content.identity)
        before = sorted(place.glob("events.out.tfevents.*.swaveval"))[-1:]
        event_file = _EVENTS.format(number=_later(before))
        files = projector_files(content, features=self.embeddings)
        files[event_file] = _packed(_events(content))
        # A reader goes on from the file where it is to the next one: it waits for good where that file is gone.
        files |= {path.name: b"" for path in before}
        baselines = content.baselines()
        folders = folder_names(baselines)
        for baseline, numbers in baselines.items():
            # The same value at both ends is a level line in the plots of the checkpoints.
            ends = sorted({content.axis.positions[0], content.last}) if content.axis.positions else [0]
            level = [_scalars(step, numbers) for step in ends]
            files[f"{folders[baseline]}/{event_file}"] = _packed(level)
            files |= {f"{folders[baseline]}/{path.name}": b"" for path in before}
        replace_files(place, content.identity, files, last=("projector_config.pbtxt",))


def _later(before: Sequence[Path]) -> int:
    """A number for the file's name that is larger than that of each that is there."""
    return max([int(time.time()), *(int(path.name.split(".")[3]) + 1 for path in before)])


def _events(content: Content) -> Iterator[Any]:
    """Every event, those of one step after those of the one before."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    banded: dict[str, None] = {}
    for step, point in content.steps:
        yield _scalars(step, scalars(point))
        ends = intervals(point)
        banded |= dict.fromkeys(ends)
        if ends:
            yield _scalars(step, {_end(name, side): pair[side] for name, pair in ends.items() for side in (0, 1)})
    yield Event(wall_time=time.time(), step=content.last, summary=Summary(value=[_text(content.markdown())]))
    for path in content.figures():
        image = _image(path)
        if image is not None:
            yield Event(wall_time=time.time(), step=content.last, summary=Summary(value=[image]))
    if banded:
        yield Event(wall_time=time.time(), step=0, summary=Summary(value=[_bands(list(banded))]))


def _end(name: str, side: int) -> str:
    return f"{INTERVAL_GROUP}/{name.split('/', 1)[1]}/{('low', 'high')[side]}"


def _packed(events: Iterator[Any] | Sequence[Any]) -> bytes:
    """The bytes of a file of events."""
    from tensorboard.compat.proto.event_pb2 import Event, SessionLog
    from tensorboard.summary.writer.record_writer import RecordWriter

    now = time.time()
    started = SessionLog(status=SessionLog.SessionStatus.START)
    buffer = io.BytesIO()
    writer = RecordWriter(buffer)
    for event in (
        Event(wall_time=now, file_version="brain.Event:2"),
        Event(wall_time=now, step=0, session_log=started),
        *events,
    ):
        writer.write(event.SerializeToString())
    return buffer.getvalue()


def _scalars(step: int, numbers: dict[str, float]) -> Any:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    values = [Summary.Value(tag=name, simple_value=value) for name, value in numbers.items()]
    return Event(wall_time=time.time(), step=step, summary=Summary(value=values))


def _text(markdown: str) -> Any:
    from tensorboard.plugins.text.metadata import create_summary_metadata

    return _strings("swaveval/verdict", markdown.encode(), create_summary_metadata("verdict", ""), [1])


def _bands(names: Sequence[str]) -> Any:
    """The layout of the tab Custom Scalars: each metric with its 95 % interval as a band."""
    from tensorboard.plugins.custom_scalar import layout_pb2, metadata

    charts = [
        layout_pb2.Chart(
            title=name.split("/", 1)[1],
            margin=layout_pb2.MarginChartContent(
                series=[layout_pb2.MarginChartContent.Series(value=name, lower=_end(name, 0), upper=_end(name, 1))]
            ),
        )
        for name in names
    ]
    layout = layout_pb2.Layout(category=[layout_pb2.Category(title="swaveval, 95 % intervals", chart=charts)])
    about = metadata.create_summary_metadata()
    return _strings(metadata.CONFIG_SUMMARY_TAG, layout.SerializeToString(), about, [])


def _strings(tag: str, content: bytes, about: Any, shape: Sequence[int]) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto

    sides = [TensorShapeProto.Dim(size=side) for side in shape]
    tensor = TensorProto(dtype="DT_STRING", string_val=[content], tensor_shape=TensorShapeProto(dim=sides))
    return Summary.Value(tag=tag, metadata=about, tensor=tensor)


def _image(path: Path) -> Any:
    """A PNG as it is; None where it is none (any more)."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    try:
        content = path.read_bytes()
    except OSError:
        return None
    if content[:8] != b"\x89PNG\r\n\x1a\n" or len(content) < 24:
        return None
    width, height = struct.unpack(">II", content[16:24])
    image = Summary.Image(height=height, width=width, colorspace=4, encoded_image_string=content)
    return Summary.Value(tag=f"swaveval-figures/{path.stem}", image=image)
