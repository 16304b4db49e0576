"""Members from a file: name, and where known phone, id and day of joining."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from community_ops.common import clock, text
from community_ops.common.actors import Actor
from community_ops.common.errors import InvalidInput
from groups import selectors as groups
from members import phones
from members.importing.base import Job, Remark, TableImporter
from members.importing.tables import Target
from members.importing.times import iso_time
from members.policies import same_name
from members.services.event_rows import RowRefused
from members.services.identities import Key
from members.services.people import PersonRow, joining, known_members, phone_owners, store_people

_TARGETS = (
    Target(
        "name",
        pgettext_lazy("of a person", "Name"),
        ("name", "display_name", "姓名", "名字", "昵称"),
        is_required=True,
    ),
    Target("phone", _("Phone"), ("phone", "mobile", "tel", "手机号", "手机", "手机号码", "电话"), is_phone=True),
    Target("external_id", _("Id"), ("external_id", "id", "member_id", "编号", "会员号", "用户编号")),
    Target("joined_at", _("Joined"), ("joined_at", "joined", "join_date", "入群时间", "加入时间", "进群时间")),
)


class PeopleJob(Job[PersonRow]):
    """Options: `workspace`, `community` (ids), `group` (id, optional: the people of the file join it)."""

    targets = _TARGETS

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self._workspace_id = int(options["workspace"])
        community_id = int(options.get("community") or 0)
        community = groups.find_community(workspace_id=self._workspace_id, community_id=community_id)
        if community is None:
            raise InvalidInput(gettext("There is no such community."), field="community")
        self._community = community
        self._group = self._find_group(options.get("group"))
        self._twins: Counter[str] = Counter()
        self._seen: set[Key] = set()
        self._joining: set[int] = set()  # members an earlier row puts into the group
        self._first: dict[Key, PersonRow] = {}  # the row of this file that named it first
        if self._group is not None:
            self.counts["joined"] = 0

    def _find_group(self, group_id: Any) -> Any:
        if not group_id:
            return None
        group = groups.groups_by_id(workspace_id=self._workspace_id, group_ids=[int(group_id)]).get(int(group_id))
        if group is None or group.community_id != self._community.pk:
            raise InvalidInput(gettext("There is no such group in this community."), field="group")
        return group

    def check(self, values: Mapping[str, Any], line: int) -> PersonRow:
        name = _line(values, "name", 100, required=True)
        external_id = _external_id(values)
        self._twins[name] += 1
        return PersonRow(
            name=name,
            phone=_phone(values),
            external_id=external_id,
            name_key=f"{name}#{self._twins[name]}",
            joined_at=self._joined_at(values),
            line=line,
        )

    def _joined_at(self, values: Mapping[str, Any]) -> datetime | None:
        value = iso_time(values.get("joined_at"))
        if value is None or value == "":
            return None
        try:
            moment = parse_datetime(value) if isinstance(value, str) else None
        except ValueError:
            moment = None
        if moment is None or not 2000 <= moment.year <= 2200:
            raise RowRefused("joined_at", "invalid", gettext("Give a day or time like 2026-03-05 or 2026-03-05 08:30."))
        zone = groups.community_zone(self._community)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)

    def are_known(self, items: Sequence[PersonRow]) -> list[bool]:
        known = []
        for item, member_id in zip(items, known_members(community=self._community, rows=items), strict=True):
            known.append(member_id is not None or not self._seen.isdisjoint(item.keys))
            self._seen.update(item.keys)
        return known

    def joining(self, items: Sequence[PersonRow]) -> list[bool]:
        if self._group is None:
            return [False] * len(items)
        ids = known_members(community=self._community, rows=items)
        found = joining(group=self._group, rows=items, member_ids=ids, now=clock.now())
        is_joining = [one and pk not in self._joining for one, pk in zip(found, ids, strict=True)]
        self._joining.update(pk for pk, one in zip(ids, is_joining, strict=True) if pk is not None and one)
        return is_joining

    def remarks(self, items: Sequence[PersonRow]) -> list[Remark | None]:
        owners = phone_owners(community=self._community, rows=items)
        return [self._remark(item, owners) for item in items]

    def _remark(self, item: PersonRow, owners: Mapping[str, str]) -> Remark | None:
        """Who has the number already, and the earlier row that means the same; a notice where the names differ."""
        first = next((self._first[key] for key in item.keys if key in self._first), None)
        for key in item.keys:
            self._first.setdefault(key, item)
        owner = owners.get(phones.digest(item.phone), "") if item.phone else ""
        if first is not None:
            return _repeated(item, first, owner)
        if not owner:
            return None
        message = gettext("Same phone as %(name)s") % {"name": owner}
        return Remark("phone", "same_phone", message, is_notice=not same_name(owner, item.name))

    def store(self, items: Sequence[PersonRow], *, actor: Actor, now: datetime) -> int:
        stored = store_people(community=self._community, group=self._group, rows=items, actor=actor, now=now)
        if self._group is not None:
            self.counts["joined"] += stored.joined_count
        return stored.new_count


def _repeated(item: PersonRow, first: PersonRow, owner: str) -> Remark:
    """An earlier row of this file means the same person. `owner`: the member who has the number, if any."""
    if item.phone and item.phone == first.phone:
        name = owner or first.name
        message = gettext("Same phone as %(name)s in line %(line)d") % {"name": first.name, "line": first.line}
        return Remark("phone", "same_phone", message, not same_name(name, item.name), first.line)
    message = gettext("Same id as %(name)s in line %(line)d") % {"name": first.name, "line": first.line}
    return Remark("external_id", "same_id", message, not same_name(first.name, item.name), first.line)


def _line(values: Mapping[str, Any], field: str, max_length: int, *, required: bool = False) -> str:
    value = values.get(field)
    if value is None:
        value = ""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise RowRefused(field, "invalid", gettext("This must be a text."))
    try:
        return text.clean_line(value, field=field, max_length=max_length, required=required)
    except InvalidInput as refusal:
        raise RowRefused(field, "invalid" if value.strip() else "required", refusal.message) from None


def _external_id(values: Mapping[str, Any]) -> str:
    """Ids that a spreadsheet wrote as numbers read like 17850.0; that is 17850."""
    value = _line(values, "external_id", 200)
    whole, dot, fraction = value.partition(".")
    return whole if dot and whole.isascii() and whole.isdigit() and set(fraction) == {"0"} else value


def _phone(values: Mapping[str, Any]) -> str:
    value = _line(values, "phone", 60)
    if not value:
        return ""
    try:
        return phones.normalise(value)
    except InvalidInput as refusal:
        raise RowRefused("phone", "invalid", refusal.message) from None


class PeopleImporter(TableImporter):
    """kind "members": counts rows, accepted, duplicates, rejected."""

    label: str | Promise = _("Members")
    needs: tuple[str, ...] = ("community", "group_optional")

    def job(self, options: Mapping[str, Any]) -> PeopleJob:
        return PeopleJob(options)
