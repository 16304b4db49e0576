"""Forms of work by hand: they only read; the policies and services decide."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.core.files import File
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from community_ops.accounts.models import User
from community_ops.accounts.selectors import people_of
from community_ops.common import assets, money
from community_ops.common.actors import Actor
from community_ops.common.errors import DomainError, InvalidInput, NotAvailable
from community_ops.common.forms import RefusableForm
from community_ops.common.models import Asset
from messaging import selectors, task_policies, task_selectors
from messaging.models import Assignee, Endpoint, HumanTask, Platform, Purpose, TaskItem, TaskKind
from messaging.ports import task_places
from messaging.services import NewItem
from messaging.task_policies import Field, Type
from messaging.task_wording import LEAVE_OUT_REASONS, colleague_words, left_out_question

_WALL_TIME = "%Y-%m-%dT%H:%M"
OTHER_REASON = "other"
_OWN_WORDS = 160  # after the longest of the reasons in all they fit in 200


# --- ticking -----------------------------------------------------------------------------------------


class AnswerForm(RefusableForm):
    """What a kind asks of one item. Bound where the item is among those she says she has done."""

    def __init__(self, task: HumanTask, item: TaskItem, data: Any = None, *, is_chosen: bool = False) -> None:
        prefix = f"item-{item.pk}"
        self._asked = task_policies.ANSWERS.get(task.kind, ())
        self._currency = str(task.facts.get("currency", ""))
        typed = {one.name: data.get(f"{prefix}-{one.name}", "") for one in self._asked} if data is not None else {}
        super().__init__(data if is_chosen else None, prefix=prefix, initial={**_expected(task), **typed})
        for one in self._asked:
            self.fields[one.name] = _answer_field(one, currency=self._currency)

    def answers(self) -> dict[str, str]:
        return {name: value for name, value in self.cleaned_data.items() if value}

    def clean(self) -> dict[str, Any]:
        """As the service will judge it; what is missing is said by the fields."""
        data: dict[str, Any] = self.cleaned_data
        if not self.errors:
            try:
                task_policies.read(self._asked, self.answers(), currency=self._currency)
            except InvalidInput as refusal:
                self.refuse(refusal)
        return data


def _expected(task: HumanTask) -> dict[str, Any]:
    """What was planned stands in the fields, so that only a difference is typed."""
    if task.kind != TaskKind.RED_PACKET or "amount" not in task.facts:
        return {}
    amount = money.to_major(task.facts["amount"], task.facts["currency"])
    return {"count": task.facts.get("count", ""), "amount": amount}


def _answer_field(one: Field, *, currency: str = "") -> forms.Field:
    is_chosen = one.type in (Type.YES_NO, Type.CHOICE)
    missing = _("Please choose an answer.") if is_chosen else _("Please fill this in.")
    facts: dict[str, Any] = {"label": one.label, "required": one.is_required, "error_messages": {"required": missing}}
    match one.type:
        case Type.YES_NO:
            return forms.ChoiceField(widget=forms.RadioSelect, choices=_yes_no(), **facts)
        case Type.CHOICE:
            return forms.ChoiceField(widget=forms.RadioSelect, choices=list(one.choices.items()), **facts)
        case Type.COUNT:
            return forms.CharField(widget=_number("numeric"), max_length=12, **facts)
        case Type.MONEY:
            facts["label"] = f"{one.label} ({currency})" if currency else one.label
            return forms.CharField(widget=_number("decimal"), max_length=20, **facts)
    return forms.CharField(max_length=400, **facts)


def _yes_no() -> list[tuple[str, str | Promise]]:
    return [("yes", pgettext_lazy("answer", "Yes")), ("no", pgettext_lazy("answer", "No"))]


def _number(mode: str) -> forms.TextInput:
    return forms.TextInput(attrs={"inputmode": mode, "autocomplete": "off"})


class PictureForm(RefusableForm):
    """A screenshot or QR code. One that was uploaded already is remembered while the rest is put right."""

    image = forms.FileField(
        required=False, widget=forms.FileInput(attrs={"accept": "image/jpeg,image/png,image/webp,image/gif"})
    )
    kept_image = forms.CharField(required=False, widget=forms.HiddenInput, max_length=200)

    def __init__(self, *args: Any, is_needed: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        image = self.fields["image"]
        image.label = _("QR code") if is_needed else _("Screenshot")
        image.required = is_needed and not (self.data or {}).get("kept_image")
        image.error_messages["required"] = _("A picture is needed.")

    def store(self, workspace_id: int) -> Asset | None:
        """The uploaded picture, kept, or the one of the time before. Raises PictureRefused naming `image`."""
        upload: File | None = self.cleaned_data.get("image")
        if upload is not None:
            return assets.store_image(upload, workspace_id=workspace_id)
        kept = assets.find_by_link(self.cleaned_data.get("kept_image", ""))
        if kept is None or kept.workspace_id != workspace_id or kept.content_type not in assets.IMAGE_TYPES:
            return None
        return kept

    def keep(self, asset: Asset) -> None:
        """Let the page that shows the refusal bring the picture along."""
        self.data = {**dict(self.data.items()), "kept_image": assets.page_link(asset).rpartition("/")[2]}


class DoneForm:
    """What a person says she has done: which items, her answers for each, and a picture.

    Items are ticked in boxes where there are several; where a kind asks something of each, an answer is the tick.
    """

    def __init__(self, task: HumanTask, items: Sequence[TaskItem], data: Any = None, files: Any = None) -> None:
        self._items = items
        self.is_asking = task.kind in task_policies.ANSWERS
        self.has_boxes = len(items) > 1 and (not self.is_asking or task.kind == TaskKind.RED_PACKET)
        self.needs_image = task.kind in task_policies.NEEDS_IMAGE
        self._chosen = set() if data is None else {item.pk for item in items if self._is_chosen(task, item, data)}
        self.rows = [
            (item, AnswerForm(task, item, data, is_chosen=item.pk in self._chosen), item.pk in self._chosen)
            for item in items
        ]
        self.picture = PictureForm(data, files, is_needed=self.needs_image)
        self.error = ""

    def _is_chosen(self, task: HumanTask, item: TaskItem, data: Any) -> bool:
        if len(self._items) == 1:
            return True
        if self.has_boxes:
            return str(item.pk) in data.getlist("items")
        names = (one.name for one in task_policies.ANSWERS.get(task.kind, ()))
        return any(data.get(f"item-{item.pk}-{name}", "").strip() for name in names)

    def is_valid(self) -> bool:
        """Reads what is chosen; what is not is left alone, with what was typed there."""
        if not self._chosen:
            self.error = _("Nothing is ticked yet.") if self.has_boxes else _("Nothing is filled in yet.")
        elif self.needs_image and len(self._chosen) > 1:
            self.error = _("One at a time: each group has its own QR code.")
        read = [form.is_valid() for _item, form, is_chosen in self.rows if is_chosen]
        return all([*read, self.picture.is_valid(), not self.error])

    def item_ids(self) -> list[int]:
        return [item.pk for item in self._items if item.pk in self._chosen]

    def answers(self) -> dict[int, Mapping[str, Any]]:
        return {item.pk: form.answers() for item, form, is_chosen in self.rows if is_chosen}

    def keep_picture(self, workspace_id: int) -> None:
        """A good picture does not have to be uploaded again because something else was refused."""
        try:
            asset = self.picture.store(workspace_id) if self.picture.is_valid() else None
        except InvalidInput as refusal:
            self.picture.refuse(refusal)
        else:
            if asset is not None:
                self.picture.keep(asset)

    def refuse(self, refusal: DomainError) -> None:
        """A refusal of the service: at the picture, or above the places."""
        if refusal.field == "image":
            self.picture.refuse(refusal)
        else:
            self.error = str(refusal.message)


class LeaveOutForm(RefusableForm):
    """Which of several open places are left out, and why: one of the usual reasons, or own words.

    Without a tick it is asked back once, with every place named and ticked.
    """

    items = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": gettext_lazy("This is not open any more.")},
    )
    reason = forms.ChoiceField(
        label=gettext_lazy("Reason"),
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Please choose why it is not done.")},
    )
    note = forms.CharField(label=gettext_lazy("In your own words"), max_length=_OWN_WORDS, required=False)

    def __init__(self, task: HumanTask, items: Sequence[TaskItem], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._labels = {str(item.pk): item.label for item in items}
        self._name_places(is_sending=task.kind in task_policies.POSTS)
        if len(items) < 2:
            del self.fields["items"]
        usual = [(str(number), words) for number, words in enumerate(LEAVE_OUT_REASONS)]
        self.fields["reason"].choices = [*usual, (OTHER_REASON, gettext_lazy("Another reason"))]  # type: ignore[attr-defined]

    def _name_places(self, *, is_sending: bool) -> None:
        field = self.fields["items"]
        field.label = _("Where it is not sent") if is_sending else _("What is left out")
        field.choices = list(self._labels.items())  # type: ignore[attr-defined]
        names = list(self._labels.values())
        field.error_messages["required"] = left_out_question(names, is_sending=is_sending)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = self.cleaned_data
        if data.get("reason") == OTHER_REASON and not data.get("note"):
            self.add_error("note", _("Please say why."))
        if self.has_error("items", "required"):
            self._tick_all()
        return data

    def _tick_all(self) -> None:
        """All of them may be meant: then one more press is enough."""
        data = QueryDict(mutable=True)
        data.update(self.data)
        data.setlist(self.add_prefix("items"), list(self._labels))
        self.data = data

    def item_ids(self) -> list[int] | None:
        """The ticked places; None where there is only one."""
        chosen = self.cleaned_data.get("items")
        return [int(pk) for pk in chosen] if chosen else None

    def names(self) -> list[str]:
        """The places it leaves out."""
        return [self._labels[pk] for pk in self.cleaned_data.get("items") or self._labels]

    def words(self) -> str:
        """What stands in the record: the chosen words and her own after them; of another reason only her own."""
        note, reason = str(self.cleaned_data["note"]), self.cleaned_data["reason"]
        if reason == OTHER_REASON:
            return note
        chosen = str(LEAVE_OUT_REASONS[int(reason)])
        return _("%(reason)s: %(note)s") % {"reason": chosen, "note": note} if note else chosen


class HandOnForm(RefusableForm):
    """Whom the open part of a card goes to; the deputy stands first."""

    to = forms.ChoiceField(
        label=gettext_lazy("To whom"), error_messages={"required": gettext_lazy("Please choose a colleague.")}
    )

    def __init__(self, colleagues: Sequence[Assignee], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._by_id = {str(one.pk): one for one in colleagues}
        self.fields["to"].choices = [(pk, colleague_words(one)) for pk, one in self._by_id.items()]  # type: ignore[attr-defined]

    def colleague(self) -> Assignee:
        return self._by_id[self.cleaned_data["to"]]


class WithdrawForm(RefusableForm):
    """Why a card is taken back, if there is something to say."""

    note = forms.CharField(label=gettext_lazy("Why"), max_length=200, required=False)


# --- the team's pages --------------------------------------------------------------------------------


class AssigneeForm(RefusableForm):
    """Who she is, how she is told, who stands in for her."""

    name = forms.CharField(
        label=pgettext_lazy("of a person", "Name"), max_length=100, help_text=gettext_lazy("As colleagues call her.")
    )
    notice_endpoint = forms.ModelChoiceField(
        label=gettext_lazy("How she is told"),
        queryset=Endpoint.objects.none(),
        required=False,
        empty_label=gettext_lazy("Not at all: cards are only on the list"),
        help_text=gettext_lazy("The robot of the team's own group, or her mail."),
    )
    mention = forms.CharField(
        label=gettext_lazy("Her id there"),
        max_length=128,
        required=False,
        help_text=gettext_lazy("So that the robot can @ her. Each platform's own: a user id or phone number."),
    )
    deputy = forms.ModelChoiceField(
        label=gettext_lazy("Deputy"),
        queryset=Assignee.objects.none(),
        required=False,
        empty_label=pgettext_lazy("deputy", "Nobody"),
        help_text=gettext_lazy("Stands first when she hands a card on."),
    )
    user = forms.ModelChoiceField(
        label=gettext_lazy("Her account here"),
        queryset=User.objects.none(),
        required=False,
        empty_label=gettext_lazy("None: the personal link is enough"),
    )

    def __init__(self, *args: Any, actor: Actor, assignee: Assignee | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        colleagues = task_selectors.assignees_visible_to(actor)
        channels: Any = selectors.endpoints_visible_to(actor).exclude(connection__platform=Platform.ASSISTED)
        people = User.objects.filter(pk__in=people_of(actor).values("user_id")).order_by("username")
        _offer(self, "notice_endpoint", channels)
        _offer(self, "deputy", colleagues.exclude(pk=assignee.pk) if assignee else colleagues)
        _offer(self, "user", people)


def _offer(form: forms.Form, name: str, rows: Any) -> None:
    field = form.fields[name]
    assert isinstance(field, forms.ModelChoiceField)
    field.queryset = rows


def initial_of(assignee: Assignee) -> dict[str, Any]:
    """A person as the form shows her."""
    names = ("name", "mention", "user", "deputy", "notice_endpoint")
    return {name: getattr(assignee, name) for name in names}


class WallTimeField(forms.DateTimeField):
    """A date and a time of day in the team's zone."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_WALL_TIME)
        super().__init__(widget=widget, input_formats=[_WALL_TIME, "%Y-%m-%dT%H:%M:%S"], **kwargs)

    def to_python(self, value: Any) -> datetime | None:
        moment = super().to_python(value)
        if moment is not None and not 2000 <= moment.year <= 2200:
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return moment

    def from_current_timezone(self, value: datetime) -> datetime:
        return value  # naive on purpose: the form knows the zone


class TaskForm(RefusableForm):
    """A card by hand: for whom, what, where, when. The fields are those of its kind."""

    title = forms.CharField(label=gettext_lazy("What is to do"), max_length=200)
    assignee = forms.ModelChoiceField(
        label=gettext_lazy("Who does it"),
        queryset=Assignee.objects.none(),
        empty_label=pgettext_lazy("colleague", "Please choose"),
    )
    groups = forms.MultipleChoiceField(
        label=gettext_lazy("Groups"), widget=forms.CheckboxSelectMultiple, required=False
    )
    names = forms.CharField(
        label=pgettext_lazy("task", "People"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_lazy("One per line; each can be ticked by itself."),
    )
    text = forms.CharField(label=gettext_lazy("Text"), required=False, strip=False, widget=forms.Textarea)
    purpose = forms.ChoiceField(
        label=gettext_lazy("Purpose"),
        choices=Purpose.choices,
        initial=Purpose.NOTICE,
        required=False,
        help_text=gettext_lazy("Daily caps are counted by purpose."),
    )
    image = forms.FileField(
        label=gettext_lazy("Picture"),
        required=False,
        widget=forms.FileInput(attrs={"accept": "image/jpeg,image/png,image/webp,image/gif"}),
    )
    due_at = WallTimeField(label=gettext_lazy("When"))
    latest_at = WallTimeField(
        label=gettext_lazy("Latest"),
        required=False,
        help_text=gettext_lazy("After that she is asked whether it still makes sense."),
    )

    def __init__(self, kind: str, *args: Any, actor: Actor, zone: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._zone = ZoneInfo(zone)
        self._asked = task_policies.FACTS.get(kind, ())
        _offer(self, "assignee", task_selectors.assignees_visible_to(actor))
        self._groups = _group_names(actor)
        self.fields["groups"].choices = [(str(pk), name) for pk, name in self._groups.items()]  # type: ignore[attr-defined]
        for one in self._asked:
            self.fields[one.name] = _fact_field(one)
        for name in _without(kind, has_groups=bool(self._groups)):
            del self.fields[name]
        if kind in task_policies.HAS_TEXT:
            self.fields["text"].help_text = _("A text, a picture, or both.")
        self.order_fields(["title", *(one.name for one in self._asked)])

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = self.cleaned_data
        try:
            task_policies.read(self._asked, self.facts())
        except InvalidInput as refusal:
            self.refuse(refusal)
        return data

    def facts(self) -> dict[str, str]:
        return {one.name: self.cleaned_data[one.name] for one in self._asked if self.cleaned_data.get(one.name)}

    def chosen_purpose(self) -> str:
        """What caps count it by; a notice where nothing is chosen, or nothing goes to a group."""
        data = self.cleaned_data if self.is_bound else {}
        return data.get("purpose") or Purpose.NOTICE

    def items(self) -> list[NewItem]:
        """The chosen groups, then the typed names."""
        data = self.cleaned_data if self.is_bound else {}
        chosen = [int(pk) for pk in data.get("groups", ())]
        typed = [line.strip() for line in data.get("names", "").splitlines() if line.strip()]
        return [NewItem(self._groups[pk], "group", pk) for pk in chosen] + [NewItem(name) for name in typed]

    def typed(self, name: str) -> datetime | None:
        """A moment of it, also of a form that is not whole; what it begins with before anything is typed."""
        if not self.is_bound:
            wall: datetime | None = self.initial.get(name)
            return wall.replace(tzinfo=self._zone).astimezone(UTC) if wall else None
        return self.moment(name) if not self.errors.get(name) else None

    def moment(self, name: str) -> datetime | None:
        wall: datetime | None = self.cleaned_data[name]
        return wall.replace(tzinfo=self._zone).astimezone(UTC) if wall else None


def _group_names(actor: Actor) -> dict[int, str]:
    """Groups that can be ticked; none where no app has any."""
    try:
        return dict(task_places.get("group").names(actor))
    except NotAvailable:
        return {}


def _fact_field(one: Field) -> forms.Field:
    if one.type is Type.CURRENCY:
        return forms.CharField(label=str(one.label), max_length=3, initial="CNY")
    return _answer_field(one)


def _without(kind: str, *, has_groups: bool) -> Iterable[str]:
    """Fields a kind does not have: people are typed, groups are chosen, some things are neither."""
    of_people = {TaskKind.PRIVATE, TaskKind.PULL_IN}
    of_nothing = {TaskKind.MOMENTS, TaskKind.NEW_GROUP, TaskKind.PAYMENT}
    if kind in of_people or kind in of_nothing or not has_groups:
        yield "groups"
    if kind not in task_policies.IN_GROUPS or not has_groups:
        yield "purpose"
    if kind not in of_people:
        yield "names"
