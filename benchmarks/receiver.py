"""A webhook receiver in a process of its own: notes when which webhook-id arrived, answers 200 after `delay` seconds.

`python benchmarks/receiver.py [--port N] [--delay S]` prints its port; GET /arrivals gives
`[[webhook-id, unix time, path], …]` in the order of arrival, GET /count only how many. Nothing of Django in it, so it
costs little.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
arrivals: list[tuple[str, float, str]] = []


async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            arrived_at = time.time()
            lines = head.decode("latin-1").split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
            await reader.readexactly(int(headers.get("content-length", "0")))
            path = lines[0].split(" ")[1]
            if path in ("/arrivals", "/count"):
                body = json.dumps(arrivals if path == "/arrivals" else len(arrivals)).encode()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
            else:
                arrivals.append((headers.get("webhook-id", ""), arrived_at, path))
                await asyncio.sleep(delay)
                writer.write(OK)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def serve(port: int, delay: float) -> None:
    server = await asyncio.start_server(lambda r, w: serve_one(r, w, delay), "127.0.0.1", port, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


class Receiver:
    """The other end of `receiving`."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def count(self) -> int:
        with urllib.request.urlopen(f"{self.url}/count", timeout=10) as answer:
            return int(json.load(answer))

    def arrivals(self) -> list[tuple[str, float, str]]:
        with urllib.request.urlopen(f"{self.url}/arrivals", timeout=10) as answer:
            return [tuple(row) for row in json.load(answer)]


@contextmanager
def receiving(delay: float = 0.0, port: int = 0) -> Iterator[Receiver]:
    """A receiver that is gone afterwards."""
    command = [sys.executable, str(Path(__file__)), "--delay", str(delay), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Receiver(int(process.stdout.readline()))
        finally:
            process.kill()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0.0)
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.delay))


if __name__ == "__main__":
    main()
