"""The documents are true: the table of events is the registry's, the receiver's lines of Python accept our calls."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation

from messaging.services import webhooks
from messaging.services.webhook_events import offered
from messaging.webhook_policies import RETRY_DELAYS_SECONDS
from tests.factories.people import SYSTEM
from tests.messaging.webhooks.conftest import received, subscribe
from tests.moments import NOON

DOCS = Path(settings.BASE_DIR) / "docs"


def events_table() -> str:
    with translation.override("en"):
        rows = [
            f"| `{one.name}` | {one.label} | {', '.join(f'`{field}`' for field in one.data)} |" for one in offered()
        ]
    return "\n".join(["| event | when | `data` |", "| --- | --- | --- |", *rows])


def is_ours_of_the_document() -> Callable[..., bool]:
    (code,) = re.findall(r"```python\n(.*?)```", (DOCS / "webhooks.md").read_text(), re.DOTALL)
    names: dict[str, object] = {}
    exec(code, names)
    return names["is_ours"]


def test_the_table_of_events_is_the_registrys() -> None:
    section = (DOCS / "api.md").read_text().partition("## Events\n")[2].partition("\n## ")[0]
    assert events_table() in section, f"docs/api.md, Events, should hold:\n{events_table()}"


def test_the_documents_waits_are_the_programs() -> None:
    words = "5 s, 30 s, 2 min, 10 min, 30 min, 1 h, 2 h, 4 h, 8 h"
    units = {"s": 1, "min": 60, "h": 3600}
    seconds = [int(number) * units[unit] for number, unit in (one.split() for one in words.split(", "))]
    assert words in (DOCS / "webhooks.md").read_text()
    assert tuple(seconds) == RETRY_DELAYS_SECONDS


@pytest.mark.django_db
def test_the_documents_receiver_takes_our_calls_and_no_others(workspace, httpserver, happen, call) -> None:
    is_ours = is_ours_of_the_document()
    httpserver.expect_request("/told").respond_with_data("")
    subscription, old = subscribe(workspace, httpserver.url_for("/told"))
    new = webhooks.rotate_secret(subscription=subscription, actor=SYSTEM, now=NOON)
    happen()
    call(NOON)
    (request,) = received(httpserver)
    headers = {name.lower(): value for name, value in request.headers.items()}
    body = request.get_data()

    assert is_ours(new, headers, body)
    assert is_ours(old, headers, body)
    assert not is_ours("whsec_c29tZWJvZHkgZWxzZQ==", headers, body)
    assert not is_ours(new, headers, body + b" ")
    assert not is_ours(new, headers | {"webhook-id": "evt_0"}, body)
    late = {"webhook-timestamp": str(int(time.time()) - 301)}
    assert not is_ours(new, headers | late, body)
    assert not is_ours(new, headers | {"webhook-timestamp": "now"}, body)
