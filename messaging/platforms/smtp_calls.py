"""One mail to a server that somebody typed in; the rules are those of `common.net`.

The name is resolved once, every address it has must be allowed, the connection goes to an address that was checked,
TLS is verified against the name, and all of it is over after 8 s. Raises what `net` raises: AddressRefused;
NotSent, until the last line of the mail is on its way; NoAnswer, from then on.
"""

import contextlib
import io
import re
import smtplib
import socket
import ssl
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext as _

from community_ops.common import net

STEP_SECONDS = 5.0
WHOLE_SECONDS = 8.0
GOODBYE_SECONDS = 1.0
_CHUNK = 16 * 1024
_GOES_ON = 354


class Step(StrEnum):
    """Where in the conversation a server said no."""

    GREETING = "greeting"
    ENCRYPTION = "encryption"
    LOGIN = "login"
    MAIL = "mail"


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """`is_encrypted`: TLS from the first byte; `upgrades`: STARTTLS; neither only where settings allow it."""

    host: str
    port: int
    is_encrypted: bool
    upgrades: bool
    username: str = ""
    password: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server said last: 2xx at step MAIL is an acceptance. Code 0: it does not offer this step."""

    step: Step
    code: int
    text: str = ""


class _Refused(Exception):
    def __init__(self, step: Step, code: int, text: bytes = b"") -> None:
        self.reply = Reply(step, code, text.decode("utf-8", "replace"))
        super().__init__(step)


class _Clock:
    """Seconds left for the next step."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def left(self) -> float:
        """Raises TimeoutError when the whole time is over."""
        seconds = min(STEP_SECONDS, self._until - time.monotonic())
        if seconds <= 0:
            raise TimeoutError
        return seconds


class _TimedReading(io.RawIOBase):
    """Reads of a socket, each within what is left: a server that dribbles does not hold us."""

    def __init__(self, sock: socket.socket, clock: _Clock) -> None:
        self._sock, self._clock = sock, clock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._clock.left())
        return self._sock.recv_into(buffer)


class _Conversation(smtplib.SMTP):
    """The library's commands on a socket of ours, every read and write within the time."""

    def __init__(self, sock: socket.socket, clock: _Clock, name: str) -> None:
        super().__init__(local_hostname=name)  # no host: it does not connect
        self.sock, self.clock = sock, clock

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = io.BufferedReader(_TimedReading(self.sock, self.clock))
        return super().getreply()

    def send(self, s: Any) -> None:
        data = s.encode("ascii") if isinstance(s, str) else s
        for start in range(0, len(data), _CHUNK):
            if self.sock is not None:
                self.sock.settimeout(self.clock.left())
            super().send(data[start : start + _CHUNK])

    def encrypt(self, host: str) -> None:
        """What was said before is forgotten, as RFC 3207 asks."""
        assert self.sock is not None
        self.sock.settimeout(self.clock.left())
        self.sock = _context().wrap_socket(self.sock, server_hostname=host)
        self.file = self.ehlo_resp = self.helo_resp = None
        self.esmtp_features, self.does_esmtp = {}, False


def send_mail(server: Server, mail: bytes, *, sender: str, to: str) -> Reply:
    """Hand one mail over and return the server's word, whatever it is. Never call this inside a transaction.

    `mail`: whole lines, 7-bit, ending in CR LF.
    """
    clock = _Clock(WHOLE_SECONDS)
    try:
        talk = _Conversation(_connected(server, clock), clock, sender.rpartition("@")[2])
        with contextlib.closing(talk):
            _introduce(talk, server)
            _address(talk, sender, to)
            _write(talk, mail)
            reply = _last_word(talk)
            _say_goodbye(talk)
            return reply
    except _Refused as refusal:
        return refusal.reply
    except (smtplib.SMTPException, OSError, UnicodeError) as error:
        raise net.NotSent(_words(error)) from error


def _connected(server: Server, clock: _Clock) -> socket.socket:
    addresses = net.resolve(server.host, server.port, timeout_seconds=clock.left())
    if not all(map(net.is_callable, addresses)):
        raise net.AddressRefused(_("this address is not public"))
    for number, address in enumerate(addresses, start=1):
        share = clock.left() if number == len(addresses) else clock.left() / 2
        with contextlib.suppress(OSError):
            sock = socket.create_connection((str(address), server.port), timeout=share)
            break
    else:
        raise net.NotSent("no connection")
    if not server.is_encrypted:
        return sock
    try:
        return _context().wrap_socket(sock, server_hostname=server.host)
    except OSError:
        sock.close()
        raise


def _context() -> ssl.SSLContext:
    return ssl.create_default_context()


def _introduce(talk: _Conversation, server: Server) -> None:
    """Greeting, encryption, login."""
    _want(Step.GREETING, talk.getreply())
    _want(Step.GREETING, talk.ehlo())
    if server.upgrades:
        if not talk.has_extn("starttls"):
            raise _Refused(Step.ENCRYPTION, 0)
        _want(Step.ENCRYPTION, talk.docmd("STARTTLS"))
        talk.encrypt(server.host)
        _want(Step.GREETING, talk.ehlo())
    if server.username:
        _log_in(talk, server)


def _log_in(talk: _Conversation, server: Server) -> None:
    try:
        talk.login(server.username, server.password)
    except smtplib.SMTPNotSupportedError:
        raise _Refused(Step.LOGIN, 0) from None
    except smtplib.SMTPResponseException as error:
        words = error.smtp_error
        _want(Step.LOGIN, (error.smtp_code, words if isinstance(words, bytes) else words.encode()))


def _address(talk: _Conversation, sender: str, to: str) -> None:
    _want(Step.MAIL, talk.docmd(f"MAIL FROM:<{sender}>"))
    _want(Step.MAIL, talk.docmd(f"RCPT TO:<{to}>"))
    _want(Step.MAIL, talk.docmd("DATA"), expected=(_GOES_ON,))


def _write(talk: _Conversation, mail: bytes) -> None:
    """All but the end: as long as that is missing the server has to throw away what it got (RFC 5321, 4.1.1.4)."""
    talk.send(re.sub(rb"(?m)^\.", b"..", mail))


def _last_word(talk: _Conversation) -> Reply:
    try:
        talk.send(b".\r\n")
        code, words = talk.getreply()
    except (smtplib.SMTPException, OSError) as error:
        raise net.NoAnswer(_words(error)) from error
    if not 200 <= code < 600:
        raise net.NoAnswer("no answer: it could not be read")
    return Reply(Step.MAIL, code, words.decode("utf-8", "replace"))


def _say_goodbye(talk: _Conversation) -> None:
    """The mail is settled: whatever happens now changes nothing."""
    talk.clock = _Clock(GOODBYE_SECONDS)
    if talk.file is not None and talk.sock is not None:
        talk.file = io.BufferedReader(_TimedReading(talk.sock, talk.clock))
    with contextlib.suppress(smtplib.SMTPException, OSError):
        talk.docmd("QUIT")


def _want(step: Step, answer: tuple[int, bytes], *, expected: tuple[int, ...] = ()) -> None:
    """Raises _Refused for a no, and the library's own error for what is no answer."""
    code, words = answer
    if code in expected or (not expected and 200 <= code < 300):
        return
    if not 400 <= code < 600:
        raise smtplib.SMTPException("unreadable")
    raise _Refused(step, code, words)


def _words(error: Exception) -> str:
    """What happened, without the address or anything that was said."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "no connection: the certificate could not be verified"
    if isinstance(error, TimeoutError) or "timed out" in str(error):
        return "no answer: timed out"
    return f"no answer: {type(error).__name__}"
