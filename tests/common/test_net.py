"""Calls to addresses that people typed in: against a real local server, and against everything they must not reach."""

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address

import pytest
from pytest_httpserver import HTTPServer

from community_ops.common import net


@pytest.fixture(autouse=True)
def _fresh_connections() -> Iterator[None]:
    yield
    net.close_connections()


@pytest.fixture
def strict(settings) -> None:
    """As in production: this machine is not allowed either."""
    settings.ALLOW_LOOPBACK_ENDPOINTS = False


@contextmanager
def raw_server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does with one connection what the test says."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            answer(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        listener.close()
        thread.join(timeout=5)


def post(url: str, **options) -> net.Answer:
    return net.post(url, body=b'{"a":1}', headers={"content-type": "application/json"}, **options)


# --- addresses -----------------------------------------------------------------------------------------

NEVER = [
    "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "255.255.255.255",
    "224.0.0.1", "240.0.0.1", "198.18.0.1", "192.0.2.1", "192.88.99.1", "::", "fe80::1", "fc00::1", "fec0::1",
    "ff02::1", "::ffff:8.8.8.8", "::8.8.8.8", "64:ff9b::808:808", "64:ff9b:1::1", "2002:808:808::1",
    "2001:0:4136:e378::1", "2001:db8::1", "192.0.0.8", "192.0.0.170", "3fff::1", "3fff:fff:ffff::1", "5f00::1",
    "100:0:0:1::1", "::ffff:0:8.8.8.8", "2001:470::5efe:127.0.0.1", "2606:4700::5efe:8.8.8.8",
    "2606:4700::200:5efe:8.8.8.8",
]  # fmt: skip


@pytest.mark.parametrize("address", [*NEVER, "127.0.0.1", "127.9.9.9", "::1"])
def test_an_address_that_is_not_public_may_not_be_called(strict, address) -> None:
    assert not net.is_callable(ip_address(address))


@pytest.mark.parametrize("address", NEVER)
def test_the_development_switch_opens_nothing_but_this_machine(address) -> None:
    assert not net.is_callable(ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "192.0.1.1", "2606:4700:4700::1111"])
def test_a_public_address_may_be_called(strict, address) -> None:
    assert net.is_callable(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/", "https://2130706433/", "https://0x7f000001/", "https://0x7f.1/", "https://127.1/",
        "https://017700000001/", "https://0/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://localhost/",
        "https://localhost./", "https://a.localhost/", "https://10.1.2.3/", "https://169.254.169.254/latest/",
        "https://[64:ff9b::7f00:1]/", "https://[fe80::1%25eth0]/", "https://１２７.0.0.1/", "https://user:pw@example.com/",
        "http://example.com/", "http://8.8.8.8/", "ftp://example.com/", "example.com", "//example.com", "https://",
        "https://example.com:99999/", "https://example.com:0/", "https://x\\@127.0.0.1/", "https://example.com/\x00",
        "https://example.com/\u202e", " https://example.com/", "https://example.com/#x", "", "https://" + "a" * 3000,
    ],
)  # fmt: skip
def test_an_address_is_refused_in_any_spelling(strict, url) -> None:
    with pytest.raises(net.AddressRefused):
        net.checked_url(url)


@pytest.mark.parametrize("url", ["https://example.com/hook?key=1", "https://例子.中国/", "https://8.8.8.8:8443/x"])
def test_a_public_address_is_accepted(strict, url) -> None:
    assert net.checked_url(url).startswith("https://")


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/", "http://localhost:8000/", "http://[::1]:8000/"])
def test_this_machine_is_accepted_with_the_development_switch(url) -> None:
    assert net.checked_url(url) == url


def test_a_name_with_one_address_that_is_not_public_is_refused_as_a_whole(strict, monkeypatch) -> None:
    found = [ipaddress.ip_address("93.184.216.34"), ipaddress.ip_address("10.0.0.7")]
    monkeypatch.setattr(net, "resolve", lambda host, port, timeout_seconds: found)
    monkeypatch.setattr(socket, "create_connection", lambda *a, **k: pytest.fail("it was called"))

    with pytest.raises(net.AddressRefused):
        post("https://rebind.example/")


def test_the_checked_address_is_the_one_connected_to_and_the_name_is_asked_once(httpserver, monkeypatch) -> None:
    """A second answer of a name server, after the check, must never be asked for."""
    asked: list[str] = []

    def resolver(host: str, port: int, found: list[net.Address]) -> None:
        asked.append(host)
        found.append(ip_address("127.0.0.1"))

    httpserver.expect_request("/").respond_with_data("ok")
    monkeypatch.setattr(net, "_is_local_name", lambda host: host == "one.example")
    monkeypatch.setattr(net, "_ask_resolver", resolver)

    assert post(f"http://one.example:{httpserver.port}/").status == 200

    assert asked == ["one.example"]


def test_a_name_that_does_not_exist_was_not_sent() -> None:
    with pytest.raises(net.NotSent):
        post("https://no-such-name.invalid/", timeout_seconds=3)


# --- calls -----------------------------------------------------------------------------------------------


def test_a_call_is_answered_with_status_body_and_headers(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/x", method="POST", data='{"a":1}').respond_with_data(
        "fine", status=201, headers={"Retry-After": "7"}
    )

    answer = post(httpserver.url_for("/x"))

    assert (answer.status, answer.body, answer.headers["retry-after"], answer.is_complete) == (201, b"fine", "7", True)


def test_a_redirect_is_an_answer_and_is_not_followed(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/a").respond_with_data("", status=302, headers={"Location": httpserver.url_for("/b")})

    assert post(httpserver.url_for("/a")).status == 302

    assert [request.path for request, _ in httpserver.log] == ["/a"]


def test_a_proxy_of_the_environment_is_not_used(httpserver: HTTPServer, monkeypatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    httpserver.expect_request("/x").respond_with_data("ok")
    assert post(httpserver.url_for("/x")).status == 200


def test_a_long_answer_is_cut_and_says_so(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/x").respond_with_data(b"x" * (net.MAX_ANSWER_BYTES + 1))

    answer = post(httpserver.url_for("/x"))

    assert (answer.status, len(answer.body), answer.is_complete) == (200, net.MAX_ANSWER_BYTES, False)


def test_a_closed_port_was_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(net.NotSent):
        post(f"http://127.0.0.1:{port}/")


def test_a_server_without_tls_was_not_sent() -> None:
    with raw_server(lambda connection: connection.sendall(b"no tls here")) as url, pytest.raises(net.NotSent):
        post(url.replace("http://", "https://"))


def test_a_server_that_hangs_after_reading_leaves_a_doubt(httpserver: HTTPServer, hang_at) -> None:
    hang_at("/x")
    with pytest.raises(net.NoAnswer):
        post(httpserver.url_for("/x"), timeout_seconds=0.3)


def test_a_server_that_closes_without_an_answer_leaves_a_doubt() -> None:
    with raw_server(lambda connection: None) as url, pytest.raises(net.NoAnswer):
        post(url)


def test_a_server_that_drips_signs_does_not_hold_the_call_longer_than_its_time() -> None:
    def drip(connection: socket.socket) -> None:
        try:
            for sign in b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200:
                connection.sendall(bytes([sign]))
                time.sleep(0.05)
        except OSError:  # hung up on, as it should be
            return

    with raw_server(drip) as url:
        started = time.monotonic()
        with pytest.raises(net.NoAnswer):
            post(url, timeout_seconds=0.5)

    assert time.monotonic() - started < 5


def test_a_status_counts_although_the_body_breaks_off() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"
    with raw_server(lambda connection: connection.sendall(head)) as url:
        answer = post(url)
    assert (answer.status, answer.body, answer.is_complete) == (200, b"half", False)


def test_what_is_told_of_a_failure_holds_no_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(net.NotSent) as caught:
        post(f"http://127.0.0.1:{port}/secret-path?key=abc")
    assert "secret" not in str(caught.value)
    assert "abc" not in str(caught.value)
