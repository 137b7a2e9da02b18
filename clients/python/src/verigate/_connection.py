"""The connection to the service: its address, TLS, the token, keepalive and reconnection."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

import grpc

from ._errors import VerigateError

FilePath: TypeAlias = str | os.PathLike[str]
Token: TypeAlias = str | Callable[[], str]

KEEPALIVE_SECONDS = 20.0
# How long a ping may be unanswered before the connection counts as dead.
KEEPALIVE_TIMEOUT_SECONDS = 5.0
CONNECT_TIMEOUT_SECONDS = 2.0
# After a failed connection the next is tried after about this, and then after longer, with jitter.
RECONNECT_SECONDS = 0.2
RECONNECT_SECONDS_MAX = 5.0
# 256 answers of policies with very many rules exceed the 4 MiB that are usual.
ANSWER_BYTES_MAX = 32 * 1024 * 1024


@dataclass(frozen=True)
class Connection:
    """How to reach the service."""

    target: str
    credentials: grpc.ChannelCredentials | None
    options: tuple[tuple[str, str | int], ...]
    _token: Token | None = field(repr=False)

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """The metadata of a call: the token, read again for each call if it is a function."""
        if self._token is None:
            return ()
        try:
            token = self._token if isinstance(self._token, str) else self._token()
        except Exception as error:
            message = f"no token could be obtained: {type(error).__name__}"
            raise VerigateError(grpc.StatusCode.UNAUTHENTICATED, message, may_retry=False) from error
        if not _is_token(token):
            message = "the token is empty, or has blanks or characters that no header can carry"
            raise VerigateError(grpc.StatusCode.UNAUTHENTICATED, message, may_retry=False)
        return (("authorization", f"Bearer {token}"),)


def connection(
    address: str,
    *,
    token: Token | None,
    ca: FilePath | None,
    certificate: FilePath | None,
    key: FilePath | None,
    plaintext: bool,
    keepalive: float,
) -> Connection:
    """Reads the files and checks what fits together. Raises ValueError, or OSError for a file that cannot be read."""
    target, secure, local = _target(address)
    if not secure and not local and not plaintext:
        raise ValueError(
            f"`{address}` sends everything in plain text to another machine: use https://, or plaintext=True where something else encrypts"
        )
    if not secure and (ca or certificate or key):
        raise ValueError(f"ca, certificate and key are for an address that begins with https://, and `{address}` does not")
    if bool(certificate) != bool(key):
        raise ValueError("certificate and key are needed together")
    if isinstance(token, str) and not _is_token(token):
        raise ValueError("the token is empty, or has blanks or characters that no header can carry: does it end with a line end?")
    if not keepalive >= 10:
        raise ValueError(f"keepalive is {keepalive} seconds: at least 10 are needed")
    credentials = None
    if secure:
        credentials = grpc.ssl_channel_credentials(_read(ca), _read(key), _read(certificate))
    options = _options(keepalive)
    if target.startswith("unix:"):
        # grpcio would send the path, which is no authority that HTTP permits.
        options += (("grpc.default_authority", "localhost"),)
    return Connection(target, credentials, options, token)


def _target(address: str) -> tuple[str, bool, bool]:
    """The target for grpcio, whether it is reached by TLS, and whether it is on this machine."""
    if address.startswith("unix:"):
        path = address.removeprefix("unix:")
        if not path.startswith("/"):
            raise ValueError(f"`{address}` needs an absolute path, such as unix:/run/verigate/grpc.sock")
        return f"unix:{path}", False, True
    url = urlsplit(address)
    if url.scheme not in ("http", "https"):
        raise ValueError(f"`{address}` must begin with https://, http:// or unix:")
    if url.path not in ("", "/") or url.query or url.fragment or "@" in url.netloc:
        raise ValueError(f"`{address}` has more than a scheme, a host and a port")
    if not url.hostname or not url.port:
        raise ValueError(f"`{address}` needs a host and a port, such as https://verigate.example.org:50051")
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    return f"{host}:{url.port}", url.scheme == "https", _is_loopback(url.hostname)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_token(token: object) -> bool:
    return isinstance(token, str) and token != "" and all("!" <= c <= "~" for c in token)


def _read(path: FilePath | None) -> bytes | None:
    return None if path is None else Path(path).read_bytes()


def _options(keepalive: float) -> tuple[tuple[str, str | int], ...]:
    def milliseconds(seconds: float) -> int:
        return int(seconds * 1000)

    return (
        ("grpc.keepalive_time_ms", milliseconds(keepalive)),
        ("grpc.keepalive_timeout_ms", milliseconds(KEEPALIVE_TIMEOUT_SECONDS)),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.min_reconnect_backoff_ms", milliseconds(CONNECT_TIMEOUT_SECONDS)),
        ("grpc.initial_reconnect_backoff_ms", milliseconds(RECONNECT_SECONDS)),
        ("grpc.max_reconnect_backoff_ms", milliseconds(RECONNECT_SECONDS_MAX)),
        ("grpc.max_receive_message_length", ANSWER_BYTES_MAX),
        # Which calls are repeated is decided here, and by nothing that DNS says.
        ("grpc.enable_retries", 0),
        ("grpc.service_config_disable_resolution", 1),
        # Each client has connections of its own, with its own credentials, and takes no proxy from the environment.
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_http_proxy", 0),
    )
