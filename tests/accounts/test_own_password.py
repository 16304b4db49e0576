"""A person changes her own password."""

import pytest
from django.urls import reverse

from community_ops.common.models import AuditEntry

pytestmark = pytest.mark.django_db
OLD, NEW = "right-password", "a-rather-long-secret"
URL = reverse("accounts:password")


def change(tab, old: str = OLD, new: str = NEW, again: str = ""):
    tab.cookies["django_language"] = "en"
    return tab.post(URL, {"old_password": old, "new_password1": new, "new_password2": again or new})


def test_the_password_is_changed_and_only_this_session_goes_on(signed_in, owner) -> None:
    here, elsewhere = signed_in(owner), signed_in(owner)
    assert change(here).status_code == 302
    owner.user.refresh_from_db()
    assert owner.user.check_password(NEW)
    today = reverse("dashboard:today", args=[owner.workspace.slug])
    assert (here.get(today).status_code, elsewhere.get(today).status_code) == (200, 302)
    entry = AuditEntry.objects.get(verb="password.changed")
    assert (entry.actor_id, entry.workspace_id, NEW in str(entry.after)) == (owner.user.pk, owner.workspace.pk, False)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"old": "wrong"}, "old_password"),
        ({"new": "short"}, "new_password2"),
        ({"again": "something-else-long"}, "new_password2"),
    ],
)
def test_nothing_changes_when_the_form_is_wrong(signed_in, owner, values, field) -> None:
    page = change(signed_in(owner), **values)
    assert (page.status_code, list(page.context["form"].errors)) == (422, [field])
    owner.user.refresh_from_db()
    assert owner.user.check_password(OLD)
    assert not AuditEntry.objects.exists()


def test_a_wrong_old_password_is_said_in_our_words(signed_in, owner) -> None:
    assert "This is not the password you have now." in change(signed_in(owner), old="wrong").content.decode()


def test_nobody_signed_in_is_led_to_the_sign_in(client) -> None:
    assert client.get(URL)["Location"].startswith(reverse("accounts:sign_in"))


def test_the_account_menu_names_the_person_and_leads_there(signed_in, owner) -> None:
    owner.user.display_name = "小林"
    owner.user.save()
    page = signed_in(owner).get(reverse("dashboard:today", args=[owner.workspace.slug])).content.decode()
    assert f'href="{URL}"' in page
    assert "小林 · " in page
