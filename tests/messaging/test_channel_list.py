"""发送通道: the list says what a new channel can be."""

import pytest
from django.urls import reverse

from tests.factories.people import make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def shown(signed_in, workspace):
    """The list as somebody of this role sees it, in English."""

    def show(role: str = "owner") -> str:
        client = signed_in(make_person(workspace, role))
        url = reverse("messaging:endpoints", args=[workspace.slug])
        return client.get(url, headers={"Accept-Language": "en"}).content.decode()

    return show


def test_a_colleague_is_a_way_to_send_too(shown, workspace) -> None:
    new = reverse("messaging:assignee_new", args=[workspace.slug])
    assert (new in shown(), new in shown("viewer")) == (True, False)
