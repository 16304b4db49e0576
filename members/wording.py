"""Sentences about members that name other members, for people who may see those."""

from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from community_ops.common.actors import Actor
from community_ops.common.errors import DomainError
from community_ops.common.forms import RefusableForm
from members import selectors
from members.errors import PhoneTaken


def refuse(form: RefusableForm, refusal: DomainError, *, actor: Actor, slug: str, community_id: int) -> None:
    """Show a refusal in the form; a number that is taken says by whom, with the way there, if `actor` may see it."""
    taken = isinstance(refusal, PhoneTaken)
    sentence = _who_has(form.cleaned_data["phone"], actor, slug, community_id) if taken else None
    if sentence is None:
        form.refuse(refusal)
    else:
        form.add_error("phone", sentence)


def _who_has(phone: str, actor: Actor, slug: str, community_id: int) -> Any:
    """A link as safe HTML, or None."""
    owner = selectors.find_visible_by_phone(actor, community_id=community_id, phone=phone)
    if owner is None:
        return None
    url = reverse("members:member_detail", args=[slug, owner.pk])
    said = _("%(name)s has this number already.") % {"name": owner.display_name}
    return format_html('<a href="{}">{}</a>', url, said)
