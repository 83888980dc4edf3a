"""Files without a name, to hand tensors over in."""

import os


def nameless_file() -> int:
    """A descriptor of an empty file in memory, or on disk where the system has no such files."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("tensors", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    import tempfile

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def write_all(descriptor: int, content: memoryview, place: int) -> None:
    """Write `content` at byte `place`."""
    content = content.cast("B")
    while content:
        written = os.pwrite(descriptor, content, place)
        content, place = content[written:], place + written


def seal(descriptor: int) -> None:
    """From here on nobody, this process included, changes what the file holds."""
    import fcntl

    if hasattr(os, "memfd_create") and hasattr(fcntl, "F_ADD_SEALS"):
        seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
