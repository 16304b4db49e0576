"""What a try is told as on its delivery's page."""

import pytest
from django.utils import translation

from messaging import selectors, wording
from messaging.models import Attempt
from tests.moments import NOON

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("status", "code", "text", "told"),
    [
        (429, "45009", "api freq out of limit", "HTTP 429 · The platform said: 45009 api freq out of limit"),
        (503, "503", "HTTP 503", "HTTP 503"),
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
    with translation.override("en"):
        story = wording.story(delivery, selectors.attempts_of(delivery), [], zone="Asia/Shanghai")
    (tried,) = [item.text for item in story if item.title.startswith("Try")]
    assert tried == " · ".join(filter(None, ("20:00:00", told, "took 120 ms")))
