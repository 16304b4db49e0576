"""Mail servers for tests: a real one (aiosmtpd) that keeps what it takes, and one that says what a script says."""

import datetime
import ipaddress
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

USER, PASSWORD = "notice@example.com", "app-password-1234"


def make_certificate(folder: Path, name: str) -> Path:
    """A key and a certificate that vouches for itself, for `name` and 127.0.0.1, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    today = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName(name)] + ([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))] if name == "localhost" else [])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(key.private_bytes(*form) + made.public_bytes(serialization.Encoding.PEM))
    return path


class Keeper:
    """Keeps every mail it takes, with its envelope and whether it came encrypted and by whom."""

    def __init__(self) -> None:
        self.envelopes: list[Any] = []
        self.logins: list[str | None] = []
        self.was_encrypted: list[bool] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.envelopes.append(envelope)
        self.logins.append(session.auth_data.login.decode() if session.auth_data else None)
        self.was_encrypted.append(session.ssl is not None or server.transport.get_extra_info("ssl_object") is not None)
        return "250 2.0.0 Ok: queued as 4F1"


def _authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    is_right = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=is_right, handled=False, auth_data=data if is_right else None)


@contextmanager
def real_server(*, starttls: Path | None = None, tls: Path | None = None, auth: bool = False) -> Iterator[Any]:
    """A server on a free port: `.port`, `.handler`."""
    facts: dict[str, Any] = {}
    if auth:
        facts = {"authenticator": _authenticate, "auth_required": True, "auth_require_tls": starttls is not None}
    if starttls is not None:
        facts |= {"tls_context": _context(starttls), "require_starttls": True}
    context = _context(tls) if tls is not None else None
    server = Controller(Keeper(), hostname="127.0.0.1", port=free_port(), ssl_context=context, **facts)
    with warnings.catch_warnings():  # it does not see that the whole of its port is encrypted
        warnings.filterwarnings("ignore", message="Requiring AUTH while not requiring TLS")
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


PLAYED = ("220 mail.test", "250-mail.test\r\n250 8BITMIME", "250 ok", "250 ok", "354 go on", "250 2.0.0 taken")


class Script:
    """Says `replies` one after the other: greeting, EHLO, MAIL, RCPT, DATA, end of the mail. "" closes, None waits."""

    def __init__(self, *replies: str | None) -> None:
        self.heard: list[bytes] = []
        self._replies, self._over = replies, threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Script":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._listener.close()
        self._thread.join(5)

    def _run(self) -> None:
        with suppress(OSError):
            talk, _ = self._listener.accept()
            with talk, talk.makefile("rb") as lines:
                talk.settimeout(5)
                self._play(talk, lines)

    def _play(self, talk: socket.socket, lines: Any) -> None:
        in_data = False
        for number, reply in enumerate(self._replies):
            if number:
                self._hear(lines, whole_mail=in_data)
            if reply is None:
                self._over.wait(5)
            if not reply:
                return
            talk.sendall(f"{reply}\r\n".encode())
            in_data = reply.startswith("354")
        self._hear(lines)

    def _hear(self, lines: Any, *, whole_mail: bool = False) -> None:
        while line := lines.readline():
            self.heard.append(line)
            if not whole_mail or line == b".\r\n":
                return
