"""What a try is told as on its delivery's page."""

import pytest
from django.utils import translation

from messaging import selectors, wording
from messaging.answer_wording import answer_words
from messaging.models import Attempt
from tests.moments import NOON

CUT = "The other side broke the connection off and gave no answer."
FAILED, TELL = "The server on the other side failed", "Please tell whoever looks after this address."
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("status", "code", "text", "told"),
    [
        (429, "45009", "api freq out of limit", "HTTP 429 · The platform said: 45009 api freq out of limit"),
        (503, "503", "HTTP 503", f"{FAILED} (503). {TELL}"),
        (404, "404", "HTTP 404", "HTTP 404"),
        (502, "502", "<html>Bad Gateway", "HTTP 502 · The platform said: <html>Bad Gateway"),
        (200, "0", "ok", "HTTP 200"),
        (204, "204", "", "HTTP 204"),
        (200, "unreadable", "the answer is not JSON", "HTTP 200 · The answer could not be read."),
        (None, "250", "queued", "The platform said: 250 queued"),
        (None, "0", "ok", ""),
    ],
)
def test_a_try_tells_the_status_of_its_answer_where_there_is_one(plan, hook, status, code, text, told) -> None:
    delivery = plan(hook)
    Attempt.objects.create(
        workspace_id=delivery.workspace_id, delivery=delivery, number=1, started_at=NOON, finished_at=NOON,
        latency_ms=120, outcome="refused", http_status=status, platform_code=code, platform_text=text,
    )  # fmt: skip
    assert told_of(delivery) == " · ".join(filter(None, ("20:00:00", told, "took 120 ms")))


def told_of(delivery) -> str:
    """What its only try is told as."""
    with translation.override("en"):
        story = wording.story(delivery, selectors.attempts_of(delivery), [], zone="Asia/Shanghai")
    (tried,) = [item.text for item in story if item.title.startswith("Try")]
    return str(tried)


@pytest.mark.parametrize(
    ("text", "milliseconds", "told"),
    [
        ("no answer: timed out", 5004, "Waited 5 seconds; the other side did not answer."),
        ("no answer: timed out", 0, "The other side did not answer in time."),
        ("no answer: ReadError", 1500, f"{CUT} · took 1 second"),
    ],
)
def test_a_call_without_an_answer_says_whether_it_was_waited_for_or_cut(plan, hook, text, milliseconds, told) -> None:
    delivery = plan(hook)
    Attempt.objects.create(
        workspace_id=delivery.workspace_id, delivery=delivery, number=1, started_at=NOON, finished_at=NOON,
        latency_ms=milliseconds, outcome="in_doubt", platform_code="no_answer", platform_text=text,
    )  # fmt: skip
    assert told_of(delivery) == f"20:00:00 · {told}"


@pytest.mark.parametrize(
    ("code", "text", "told"),
    [
        ("500", "HTTP 500", f"{FAILED} (500). {TELL}"),
        ("599", "HTTP 599", f"{FAILED} (599). {TELL}"),
        ("45", "HTTP 500", f"{FAILED} (500 · 45). {TELL}"),
        ("404", "HTTP 404", "The platform said: HTTP 404"),
        ("500", "oops", "The platform said: 500 oops"),
        ("no_answer", "no answer: timed out", "The other side did not answer in time."),
        ("no_answer", "no answer: RemoteProtocolError", CUT),
    ],
)
def test_an_answer_is_told_to_whoever_runs_groups_not_servers(code, text, told) -> None:
    with translation.override("en"):
        assert answer_words(code, text) == told
