"""Calls to addresses that people typed in: never into our own network, never for long, never far.

https only; the name is resolved once, every address it has must be public, and the connection goes to
an address that was checked; no redirects, no proxies, 5 s for everything, 64 KB of answer. With
ALLOW_LOOPBACK_ENDPOINTS (development) this machine is allowed too, over http as well.
Source: reliability.md section 4; NAT64, 6to4, Teredo, ISATAP and mapped addresses carry an IPv4 address inside
and are refused as a whole, whatever `is_global` says about them; so is what IANA's registries of special
purposes (looked at on 2026-11-29) call not globally reachable and Python 3.11 does not know yet.
"""

import ipaddress
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import httpcore2
import httpx2
from django.conf import settings
from django.utils.translation import gettext as _

TIMEOUT_SECONDS = 5.0
MAX_ANSWER_BYTES = 64 * 1024
MAX_URL_LENGTH = 2000
# Idle connections are kept shorter than any server keeps them: one that closes while we write is a send in doubt.
KEEPALIVE_SECONDS = 2.0
MAX_CONNECTIONS = 200  # of a thread

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_CARRIERS = tuple(
    ipaddress.ip_network(net)
    for net in (
        "::ffff:0:0/96",  # IPv4-mapped
        "::/96",  # IPv4-compatible, unspecified, loopback
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",  # NAT64, local use
        "2002::/16",  # 6to4
        "2001::/32",  # Teredo
        "192.88.99.0/24",  # 6to4 relays
        "100.64.0.0/10",  # carrier-grade NAT
        "fec0::/10",  # site-local
        "::ffff:0:0:0/96",  # IPv4-translated
        "192.0.0.0/24",  # protocol assignments; for a part of it `is_global` of Python 3.11 says yes
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
        "100:0:0:1::/64",  # dummy prefix
    )
)
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)  # the words before an IPv4 address at the end (RFC 5214, 6.1)


class CallFailed(Exception):
    """Base of what can go wrong with a call; the text is for people and holds no secret."""


class AddressRefused(CallFailed):
    """The address may not be called: wrong scheme, not public, not an address at all."""


class NotSent(CallFailed):
    """Nothing reached the receiver: it can be tried again without doubt."""


class NoAnswer(CallFailed):
    """The request went out and no complete answer came back: it may have been accepted."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`body`: at most 64 KB; `is_complete` is false when it was cut there, or broke off or ran out of time."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    is_complete: bool = True


def post(url: str, *, body: bytes, headers: Mapping[str, str], timeout_seconds: float = TIMEOUT_SECONDS) -> Answer:
    """POST `body` and return the answer, whatever its status; redirects are answers like any other.

    Raises AddressRefused, NotSent or NoAnswer. Never call this inside a database transaction.
    """
    return _call("POST", url, body=body, headers=headers, timeout_seconds=timeout_seconds)


def get(
    url: str,
    *,
    headers: Mapping[str, str],
    timeout_seconds: float = TIMEOUT_SECONDS,
    max_bytes: int = MAX_ANSWER_BYTES,
) -> Answer:
    """GET an address, as `post`; more than 64 KB only where a platform we know is asked for more."""
    return _call("GET", url, body=None, headers=headers, timeout_seconds=timeout_seconds, max_bytes=max_bytes)


def _call(
    method: str,
    url: str,
    *,
    body: bytes | None,
    headers: Mapping[str, str],
    timeout_seconds: float,
    max_bytes: int = MAX_ANSWER_BYTES,
) -> Answer:
    target = _target(checked_url(url))
    _deadline.at = time.monotonic() + timeout_seconds
    try:
        lines = [(name, value) for name, value in headers.items()]
        with _pool().stream(method, target, headers=lines, content=body, extensions=_times(timeout_seconds)) as answer:
            return _read(answer, max_bytes)
    except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
        raise NotSent(_words(error, "no connection")) from error
    except (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError) as error:
        raise NoAnswer(_words(error, "no answer")) from error
    finally:
        _deadline.at = None


# Letters, digits and hyphens, 63 a label, 253 in all (RFC 1123); an underscore is met in real names.
_NAME = re.compile(r"(?=.{1,253}$)(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*")


def checked_url(url: str) -> str:
    """Return the address in its normal form, or raise AddressRefused. Names are not resolved here.

    An IP address in any spelling (decimal, hexadecimal, short, mapped) is recognised and checked.
    """
    return _checked(url, is_local_allowed=settings.ALLOW_LOOPBACK_ENDPOINTS)


@lru_cache(maxsize=4096)  # a fan-out calls the same thousand addresses again and again
def _checked(url: str, *, is_local_allowed: bool) -> str:
    parsed = _parsed(url)
    host = parsed.raw_host.decode("ascii").strip("[]").removesuffix(".")
    if not host or parsed.userinfo or parsed.fragment:
        raise AddressRefused(_("give an address like https://example.com/path"))
    literal = _literal(host)
    if literal is None and (not _NAME.fullmatch(host) or host.rpartition(".")[2].isdigit()):
        raise AddressRefused(_("there cannot be such a host name"))
    if literal is not None and not is_callable(literal):
        raise AddressRefused(_("this address is not public"))
    if _is_local_name(host) and not is_local_allowed:
        raise AddressRefused(_("this address is not public"))
    is_here = is_this_machine(host)
    if parsed.scheme != "https" and not (parsed.scheme == "http" and is_here):
        raise AddressRefused(_("the address must begin with https://"))
    return str(parsed)


@lru_cache(maxsize=4096)
def _target(url: str) -> httpcore2.URL:
    return httpcore2.URL(url)


def is_this_machine(host: str) -> bool:
    """Whether the name or literal address means the machine itself."""
    literal = _literal(host.strip("[]"))
    return _is_local_name(host) or (literal is not None and literal.is_loopback)


def is_callable(address: Address) -> bool:
    """Whether this address may be called: public, or this machine where the development switch allows it."""
    if settings.ALLOW_LOOPBACK_ENDPOINTS and address.is_loopback:
        return True
    if any(address.version == net.version and address in net for net in _CARRIERS):
        return False
    if address.version == 6 and (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP:
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _parsed(url: str) -> httpx2.URL:
    if len(url) > MAX_URL_LENGTH or not url.isprintable() or url != url.strip():
        raise AddressRefused(_("give an address like https://example.com/path"))
    try:
        parsed = httpx2.URL(url)
        ports = parsed.port is None or 0 < parsed.port < 65_536
    except (httpx2.InvalidURL, UnicodeError, ValueError):
        raise AddressRefused(_("give an address like https://example.com/path")) from None
    if not ports:
        raise AddressRefused(_("there is no such port"))
    return parsed


def _literal(host: str) -> Address | None:
    """The IP address a host spells, the way the system's resolver would read it; None for a name."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host)) if host[0].isdigit() else None
    except OSError:
        return None


def _is_local_name(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost")


# --- the connection ----------------------------------------------------------------------------------


class _Deadline(threading.local):
    """When the call of this thread must be over (monotonic)."""

    at: float | None = None

    def left(self, timeout: float | None) -> float:
        """Seconds left, at least a moment: an operation past the deadline times out at once."""
        timeout = TIMEOUT_SECONDS if timeout is None else timeout
        return max(timeout if self.at is None else min(timeout, self.at - time.monotonic()), 0.001)

    @property
    def is_over(self) -> bool:
        return self.at is not None and time.monotonic() >= self.at


_deadline = _Deadline()


class _GuardedBackend(httpcore2.NetworkBackend):
    """Resolves once, refuses the call if any address is not allowed, connects to a checked address."""

    def __init__(self) -> None:
        self._inner = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        addresses = resolve(host, port, timeout_seconds=_deadline.left(timeout))
        if not all(map(is_callable, addresses)):
            raise AddressRefused(_("this address is not public"))
        for address in addresses[:-1]:
            try:
                stream = self._inner.connect_tcp(str(address), port, _deadline.left(timeout) / 2, None, socket_options)
                return _TimedStream(stream)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return _TimedStream(
            self._inner.connect_tcp(str(addresses[-1]), port, _deadline.left(timeout), None, socket_options)
        )


class _TimedStream(httpcore2.NetworkStream):
    """A stream on which a whole call, not only each read, has to be over in time."""

    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if _deadline.is_over:
            raise httpcore2.ReadTimeout("the time for this call is over")
        return self._inner.read(max_bytes, _deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if _deadline.is_over:
            raise httpcore2.WriteTimeout("the time for this call is over")
        self._inner.write(buffer, _deadline.left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        return _TimedStream(self._inner.start_tls(ssl_context, server_hostname, _deadline.left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def resolve(host: str, port: int, *, timeout_seconds: float) -> list[Address]:
    """All addresses of a name, asked once, in the resolver's order. Raises NotSent when there is none in time.

    In a thread of its own: the system's resolver knows no time-out that would fit ours.
    """
    if (literal := _literal(host)) is not None:
        return [literal]
    found: list[Address] = []
    asking = threading.Thread(target=_ask_resolver, args=(host, port, found), name="resolve", daemon=True)
    asking.start()
    asking.join(timeout_seconds)
    if asking.is_alive() or not found:
        raise NotSent("the name could not be resolved")
    return found


def _ask_resolver(host: str, port: int, found: list[Address]) -> None:
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return
    found.extend(ipaddress.ip_address(str(answer[4][0]).partition("%")[0]) for answer in answers)


class _Pool(httpcore2.ConnectionPool):
    """Open connections of one thread, closed when it ends.

    One pool for all threads has one lock, and looks at each of its connections twice for each call.
    """

    def __del__(self) -> None:
        self.close()


class _Connections(threading.local):
    """This thread's pool; a forked child makes its own."""

    pool: _Pool | None = None
    process = 0


_connections = _Connections()


def _pool() -> _Pool:
    if _connections.pool is None or _connections.process != os.getpid():
        _connections.process = os.getpid()
        _connections.pool = _Pool(
            network_backend=_GuardedBackend(),
            ssl_context=_trusted(),
            max_connections=MAX_CONNECTIONS,
            keepalive_expiry=KEEPALIVE_SECONDS,
        )
    return _connections.pool


@lru_cache(maxsize=1)  # reading the certificates takes longer than a call
def _trusted() -> ssl.SSLContext:
    return httpcore2.default_ssl_context()


def close_connections() -> None:
    """Close this thread's idle connections (at the end of a test)."""
    _connections.pool = None


def _times(seconds: float) -> dict[str, Any]:
    return {"timeout": {"connect": seconds, "read": seconds, "write": seconds}}


def _read(answer: httpcore2.Response, max_bytes: int) -> Answer:
    """Read up to the limit; a status that has arrived is kept even when the body breaks off."""
    body, is_complete = bytearray(), True
    try:
        for chunk in answer.iter_stream():
            body += chunk
            if len(body) > max_bytes:
                is_complete = False
                break
    except (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError):
        is_complete = False
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}
    return Answer(answer.status, bytes(body[:max_bytes]), headers, is_complete)


def _words(error: Exception, otherwise: str) -> str:
    """What happened, without the address: it may hold a key."""
    if isinstance(error, httpcore2.TimeoutException):
        return f"{otherwise}: timed out"
    if "CERTIFICATE" in str(error).upper():
        return f"{otherwise}: the certificate could not be verified"
    return f"{otherwise}: {type(error).__name__}"
