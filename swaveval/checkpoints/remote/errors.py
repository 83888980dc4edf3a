"""What goes wrong on the way to another machine, in one sentence for each kind."""

from collections.abc import Iterator
from typing import Literal

from swaveval.errors import SwavevalError
from swaveval.text import shortened

Kind = Literal["use", "package", "credentials", "denied", "gone", "changed", "content", "network", "room"]

# Names of exceptions of five libraries, so that none of them has to be imported to be understood.
_CREDENTIALS = frozenset(
    [
        "NoCredentialsError",
        "PartialCredentialsError",
        "CredentialRetrievalError",
        "SSOTokenLoadError",
        "TokenRetrievalError",
        "UnauthorizedSSOTokenError",
        "ProfileNotFound",
        "DefaultCredentialsError",
        "RefreshError",
        "LocalTokenNotFoundError",
        "AuthenticationException",
        "PasswordRequiredException",
        "BadAuthenticationType",
    ]
)
_DENIED = frozenset(["PermissionError", "GatedRepoError", "BadHostKeyException", "Forbidden"])
_GONE = frozenset(
    [
        "FileNotFoundError",
        "RepositoryNotFoundError",
        "RevisionNotFoundError",
        "EntryNotFoundError",
        "NotADirectoryError",
    ]
)
_SLOW = frozenset(
    [
        "TimeoutError",
        "FSTimeoutError",
        "ReadTimeoutError",
        "ReadTimeout",
        "ConnectTimeoutError",
        "ConnectTimeout",
        "timeout",
        "ServerTimeoutError",
        "SocketTimeoutError",
        "ConnectionTimeoutError",
    ]
)
_UNREACHED = frozenset(
    [
        "ConnectionRefusedError",
        "EndpointConnectionError",
        "ClientConnectorError",
        "ClientConnectorDNSError",
        "ConnectError",
        "NoValidConnectionsError",
        "gaierror",
        "NewConnectionError",
    ]
)
_CUT = frozenset(
    [
        "ClientPayloadError",
        "IncompleteRead",
        "IncompleteReadError",
        "ResponseStreamingError",
        "ConnectionResetError",
        "EOFError",
        "ServerDisconnectedError",
        "ConnectionClosedError",
        "RemoteProtocolError",
        "SSHException",
        "BrokenPipeError",
    ]
)


class RemoteError(SwavevalError):
    """Something elsewhere cannot be had; the sentence says what, and what to do.

    Attributes:
        kind: of the obstacle. Only `network` and `content` may be better at the next try.
    """

    def __init__(self, text: str, kind: Kind = "use") -> None:
        super().__init__(text)
        self.kind: Kind = kind

    def __reduce__(self) -> tuple[type["RemoteError"], tuple[str, Kind]]:
        return type(self), (str(self), self.kind)

    @property
    def again(self) -> bool:
        """Whether the next try may succeed."""
        return self.kind in ("network", "content")


def explained(error: BaseException, shown: str) -> RemoteError:
    """An exception of any file system as one of ours.

    Args:
        error: what was raised. shown: the address, for people.
    """
    if isinstance(error, RemoteError):
        return error
    names = {name for one in _chain(error) for name in (kind.__name__ for kind in type(one).__mro__)}
    host = shown.partition("://")[0]
    if "FlexibleChecksumError" in names:
        return RemoteError(f"{shown}: what came does not match the checksum that came with it", "content")
    unknown = "SSHException" in names and "authentication" in str(error).lower()  # paramiko, with no key at all
    if names & _CREDENTIALS or _status(error) == 401 or unknown:
        return RemoteError(
            f"{shown}: no credentials for {host} were found, or they are not accepted; docs/remote.md says where "
            "they are looked for",
            "credentials",
        )
    if names & _DENIED or _status(error) == 403:
        return RemoteError(f"{shown}: no permission for it with the credentials that were found", "denied")
    # Over http, a server that nobody reaches is a file that is not found because of that.
    gone = bool(names & _GONE) or _status(error) == 404
    if _status(error) == 404:
        names = set()
    if names & _UNREACHED:
        return RemoteError(f"{shown}: the server cannot be reached (connection refused, or no such host)", "network")
    if names & _SLOW:
        return RemoteError(f"{shown}: the server did not answer in time", "network")
    if names & _CUT:
        return RemoteError(f"{shown}: the connection was lost before all bytes had come", "network")
    if gone:
        return RemoteError(f"there is no {shown}; check bucket, path and endpoint", "gone")
    words = shortened(f"{type(error).__name__}: {error}", 200)
    return RemoteError(f"{shown}: the server could not do it ({words})", "network")


def _status(error: BaseException) -> int | None:
    """Of an answer over http, where the exception keeps one."""
    for one in _chain(error):
        status = getattr(one, "status", None) or getattr(getattr(one, "response", None), "status_code", None)
        if isinstance(status, int):
            return status
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    for _ in range(10):
        if seen is None:
            return
        yield seen
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
