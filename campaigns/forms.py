"""What people type on the pages of campaigns."""

import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import Model
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from campaigns import policies, selectors, wording
from campaigns.models import Announcement
from campaigns.services import AnnouncementDraft, extras
from community_ops.common.actors import Actor
from community_ops.common.assets import files_of, images_of, store_file, store_image
from community_ops.common.errors import DomainError, InvalidInput
from community_ops.common.forms import MAX_ID_DIGITS, ObjectsField, RefusableForm
from community_ops.common.models import Asset
from community_ops.common.tenancy import TenantQuerySet
from messaging.selectors import Card, Purpose, joined

BUBBLE_ID = "preview"
MORE = ("card_title", "card_text", "card_url", "card_picture_url", "file")
SHOWN_NAMES = 5  # of the groups a refusal is about
_YES = "1"
HOWEVER_LATE = "any"
DEFAULT_LATE = str(int(policies.DEFAULT_LATENESS.total_seconds()))
LATENESS_SECONDS = (600, 1800, 3600, 7200, 14_400, 43_200, 86_400)
_LOCAL = "%Y-%m-%dT%H:%M"


class LocalMomentField(forms.Field):
    """A wall time as the browser's own picker gives it; the form knows the zone it is meant in."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_LOCAL)
    default_error_messages = {"invalid": _("Choose a day and a time.")}

    def to_python(self, value: Any) -> datetime | None:
        if value in self.empty_values:
            return None
        try:
            wall = datetime.fromisoformat(str(value))
        except ValueError:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from None
        if wall.tzinfo is not None or not 2000 <= wall.year <= 2200:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return wall


class ZonedForm(RefusableForm):
    """A form whose times are wall times of `zone`."""

    def __init__(self, *args: Any, zone: str, **kwargs: Any) -> None:
        self.zone = ZoneInfo(zone)
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field, LocalMomentField):
                field.help_text = _("Time in %(zone)s") % {"zone": zone}

    def moment(self, name: str) -> datetime:
        """The typed wall time as a moment; one that does not exist is the next minute that does."""
        wall: datetime = self.cleaned_data[name]
        return policies.wall_time(wall.date(), wall.time(), self.zone)


class GroupChoiceField(ObjectsField):
    """Groups as check boxes; one that nothing can be sent to says so."""

    widget = forms.CheckboxSelectMultiple
    default_error_messages = {
        "required": _("Choose at least one group."),
        "invalid_choice": _("There is no such object."),
        "invalid_pk_value": _("There is no such object."),
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(queryset=None, **kwargs)

    def label_from_instance(self, obj: Model) -> str:
        has_endpoint = getattr(obj, "endpoint_id", None) is not None
        return str(obj) if has_endpoint else gettext("%(group)s (no delivery channel)") % {"group": obj}


def _choice(label: Any, *, plain: Any, other: Any, help_text: Any = "") -> forms.ChoiceField:
    """Two ways to do something: the plain one ("") unless the other is chosen."""
    return forms.ChoiceField(
        label=label,
        choices=[("", plain), (_YES, other)],
        required=False,
        widget=forms.RadioSelect,
        help_text=help_text,
    )


def _offer_groups(form: forms.Form, actor: Actor) -> None:
    field = form.fields["groups"]
    assert isinstance(field, GroupChoiceField)
    field.queryset = selectors.groups_to_choose(actor)


class AnnouncementForm(ZonedForm):
    """群消息: groups, words, picture, time, and folded away a link card and a file. The service judges sizes and times.

    A picture that is one is kept as soon as it comes, whatever else is refused, and a file too: nobody has to choose
    it twice.
    """

    groups = GroupChoiceField(label=_("Groups"))
    text = forms.CharField(
        label=_("Text"),
        max_length=policies.MAX_TEXT_LENGTH,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 6, "data-preview": BUBBLE_ID, "maxlength": None}),
    )
    is_markdown = _choice(
        _("Text style"),
        plain=_("Plain text"),
        other=_("With marks"),
        help_text=_(
            "Marks: **bold**, [words](https://…), # heading, > quote, - item. @[everybody](all) mentions the whole "
            "group, in plain text too."
        ),
    )
    may_split = _choice(
        _("Where it is too long"), plain=_("Do not schedule it"), other=_("Send it in several messages")
    )
    image = forms.FileField(
        label=_("Picture"),
        required=False,
        widget=forms.FileInput(attrs={"accept": "image/jpeg,image/png,image/webp,image/gif", "data-picture": True}),
        help_text=_("JPEG, PNG, WebP or GIF, up to 10 MB."),
    )
    kept_image = forms.Field(required=False, widget=forms.HiddenInput)
    remove_image = forms.BooleanField(label=_("Remove the picture"), required=False)
    card_title = forms.CharField(label=_("Title"), required=False, max_length=extras.MAX_TITLE)
    card_text = forms.CharField(label=_("Description"), required=False, max_length=extras.MAX_WORDS)
    card_url = forms.CharField(
        label=_("Link"), required=False, max_length=extras.MAX_ADDRESS, help_text=_("Begins with https://.")
    )
    card_picture_url = forms.CharField(
        label=_("Picture address"),
        required=False,
        max_length=extras.MAX_ADDRESS,
        help_text=_("Begins with https:// and is open to everybody: the platform fetches it."),
    )
    file = forms.FileField(
        label=_("File"),
        required=False,
        widget=forms.FileInput(attrs={"data-file": True}),
        help_text=_("Any file, up to 20 MB."),
    )
    kept_file = forms.Field(required=False, widget=forms.HiddenInput)
    remove_file = forms.BooleanField(label=_("Remove the file"), required=False)
    due_at = LocalMomentField(label=_("When"))
    may_be_late = forms.ChoiceField(
        label=_("If it is late"),
        required=False,
        help_text=_("After an outage, what is later than this is not sent any more."),
    )
    purpose = forms.ChoiceField(
        label=_("Purpose"),
        choices=Purpose.choices,
        initial=Purpose.NOTICE,
        required=False,
        help_text=_("Daily caps are counted by purpose."),
    )

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.actor = actor
        _offer_groups(self, actor)
        self._offer_lateness()

    def _offer_lateness(self) -> None:
        """Round spans, the draft's own where a tool gave it another, and none at all; two hours unless chosen."""
        field = self.fields["may_be_late"]
        own = self.initial.setdefault("may_be_late", DEFAULT_LATE)
        assert isinstance(field, forms.ChoiceField)
        spans = sorted({*LATENESS_SECONDS, *([] if own == HOWEVER_LATE else [int(own)])})
        words = [(str(span), wording.late_words(timedelta(seconds=span))) for span in spans]
        field.choices = [*words, (HOWEVER_LATE, gettext("Send it however late it is"))]

    @property
    def kept(self) -> Asset | None:
        """The picture that was kept before: a draft's, or one that came with a form that was refused."""
        return find_kept(images_of(self.actor), self["kept_image"].value())

    @property
    def kept_one(self) -> Asset | None:
        """The file that was kept before, likewise."""
        return find_kept(files_of(self.actor), self["kept_file"].value())

    @property
    def more(self) -> list[forms.BoundField]:
        """The fields that are folded away, as the page shows them."""
        return [self[name] for name in MORE]

    @property
    def has_more(self) -> bool:
        """Whether something is in the folded fields, or wrong with it."""
        return any(field.errors or field.value() for field in [*self.more, self["kept_file"]])

    def clean_image(self) -> Asset | None:
        return self._stored("image", store_image)

    def clean_file(self) -> Asset | None:
        return self._stored("file", store_file)

    def _stored(self, name: str, store: Callable[..., Asset]) -> Asset | None:
        if (file := self.cleaned_data[name]) is None:
            return None
        try:
            asset = store(file, workspace_id=self.actor.workspace_id or 0)
        except InvalidInput as refusal:
            raise forms.ValidationError(refusal.message) from None
        self.data = self._with_kept(name, asset)
        return asset

    def _with_kept(self, name: str, asset: Asset) -> MultiValueDict[str, Any]:
        """What was sent, as if the picture or file had been kept before."""
        assert isinstance(self.data, MultiValueDict)
        data = self.data.copy()
        data[f"kept_{name}"] = str(asset.pk)
        data.pop(f"remove_{name}", None)
        return data

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name in ("image", "file"):
            is_kept = cleaned.get(name) is None and not cleaned.get(f"remove_{name}")
            if is_kept and cleaned.get(f"kept_{name}") and name not in self.errors:
                cleaned[name] = self.kept if name == "image" else self.kept_one
                if cleaned[name] is None:
                    self.add_error(name, _("There is no such object."))
        return cleaned

    def refuse(self, refusal: DomainError) -> None:
        """What one platform does not take is said with the chosen groups that are there."""
        concerned = [
            group.name
            for group in self.cleaned_data.get("groups", ())
            if group.endpoint is not None and group.endpoint.connection.platform == refusal.extra.get("platform")
        ]
        if concerned:
            words = gettext("It concerns: %(groups)s") % {"groups": wording.names(concerned, at_most=SHOWN_NAMES)}
            refusal.message = joined(refusal.message, words)
        super().refuse(refusal)

    def draft(self) -> AnnouncementDraft:
        """What was written, for the service."""
        due_at, late = self.moment("due_at"), self.cleaned_data["may_be_late"] or DEFAULT_LATE
        return AnnouncementDraft(
            groups=list(self.cleaned_data["groups"]),
            text=self.cleaned_data["text"],
            is_markdown=bool(self.cleaned_data["is_markdown"]),
            may_split=bool(self.cleaned_data["may_split"]),
            image=self.cleaned_data["image"],
            card=typed_card(self.cleaned_data),
            file=self.cleaned_data["file"],
            due_at=due_at,
            latest_at=None if late == HOWEVER_LATE else due_at + timedelta(seconds=int(late)),
            purpose=self.cleaned_data["purpose"] or Purpose.NOTICE,
        )


def initial_of(announcement: Announcement, zone: str) -> dict[str, Any]:
    """A draft as the form shows it."""
    late = announcement.may_be_late
    return {
        "groups": [target.group_id for target in announcement.targets.all()],
        "text": announcement.text,
        "is_markdown": _YES if announcement.is_markdown else "",
        "may_split": _YES if announcement.may_split else "",
        "kept_image": announcement.image_id or "",
        "kept_file": announcement.file_id or "",
        **{f"card_{name}": words for name, words in announcement.card.items()},
        "purpose": announcement.purpose,
        "may_be_late": str(math.ceil(late.total_seconds())) if late is not None else HOWEVER_LATE,
        "due_at": announcement.due_at.astimezone(ZoneInfo(zone)).replace(tzinfo=None),
    }


class MoveForm(ZonedForm):
    """Another time for an announcement."""

    due_at = LocalMomentField(label=_("When"))


class PlanForm(ZonedForm):
    """Anchors and groups for looking at what a playbook would do."""

    starts_at = LocalMomentField(label=_("Start"))
    ends_at = LocalMomentField(label=_("End"))
    groups = GroupChoiceField(label=_("Groups"))

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer_groups(self, actor)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        starts_at, ends_at = cleaned.get("starts_at"), cleaned.get("ends_at")
        if starts_at and ends_at and ends_at <= starts_at:
            self.add_error("ends_at", _("The end must be after the start."))
        return cleaned


def find_kept(rows: TenantQuerySet[Asset], value: Any) -> Asset | None:
    """One of these by its id as a form has it; nothing for another workspace's, or what is no id."""
    is_id = str(value).isascii() and str(value).isdecimal() and len(str(value)) <= MAX_ID_DIGITS
    return rows.filter(pk=int(value)).first() if is_id else None


def typed_card(sent: Mapping[str, Any]) -> Card | None:
    """The link card as it was typed, whole or not; none where nothing of it was."""
    typed = {name: str(sent.get(f"card_{name}") or "") for name in ("title", "text", "url", "picture_url")}
    return Card(**typed) if any(words.strip() for words in typed.values()) else None


def chosen_groups(actor: Actor, ids: list[str]) -> list[Any]:
    """The groups of a half-filled form, for its preview; what is not an id is left out."""
    known = [int(value) for value in ids if value.isascii() and value.isdigit() and len(value) < 19]
    return list(selectors.groups_to_choose(actor).filter(pk__in=known))
