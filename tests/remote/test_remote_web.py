"""Web servers: whether there is nothing, or nobody, is two sentences, as for every other protocol."""

import importlib.util
import socket

import pytest

from swaveval.checkpoints.remote.address import Address
from swaveval.checkpoints.remote.errors import RemoteError, explained
from swaveval.checkpoints.remote.server import Patience, Server

QUICK = Patience(tries=2, wait=0.01, connect=5, read=5)


@pytest.mark.skipif(importlib.util.find_spec("aiohttp") is None, reason="needs aiohttp")
@pytest.mark.parametrize("protocol", ["http", "https"])
def test_a_server_that_nobody_reaches(protocol: str) -> None:
    """Nothing was there, it said: a look for links on a page keeps silent on everything."""
    with socket.socket() as taken:  # a port at which nobody listens, and which nobody else gets meanwhile
        taken.bind(("127.0.0.1", 0))
        url = f"{protocol}://127.0.0.1:{taken.getsockname()[1]}/x"
        server = Server(Address.of(url), QUICK)
        for look in (server.find, server.info):
            with pytest.raises(RemoteError, match=r"the server cannot be reached .* \(tried 2 times\)") as caught:
                look(url)
            assert caught.value.kind == "network"


def not_found(cause: Exception) -> FileNotFoundError:
    error = FileNotFoundError("http://host/x")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("cause", "kind"),
    [(ConnectionRefusedError(), "network"), (TimeoutError(), "network"), (ValueError("no such page"), "gone")],
    ids=repr,
)
def test_what_is_not_found_because_of_something_else_is_that(cause: Exception, kind: str) -> None:
    assert explained(not_found(cause), "http://host/x").kind == kind
