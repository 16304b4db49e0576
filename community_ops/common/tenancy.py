"""Tenancy: every row belongs to one workspace, and rows of two workspaces never touch.

`TENANT_MODEL` is the kernel's one reference upward, as AUTH_USER_MODEL is Django's (ADR-0002).
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Self, TypeVar

from django.db import models
from django.utils.translation import gettext

from community_ops.common import clock
from community_ops.common.actors import Actor, ActorKind
from community_ops.common.errors import NotFound

TENANT_MODEL = "accounts.Workspace"
MAX_ID = 2**63 - 1  # the largest key a database can hold
M = TypeVar("M", bound=models.Model)


class WorkspaceMismatch(ValueError):
    """A row was about to point into another workspace: a programming error, never an input error."""


class TenantQuerySet(models.QuerySet[M]):
    """Query set of a table that carries `workspace`."""

    def of(self, workspace_id: int) -> Self:
        """Only the rows of this workspace."""
        return self.filter(workspace_id=workspace_id)

    def within(self, actor: Actor) -> Self:
        """The rows of the actor's workspace: none for phone pages, every workspace's for the system without one."""
        if actor.kind in (ActorKind.MEMBER, ActorKind.ASSIGNEE):
            return self.none()
        if actor.is_system and actor.workspace_id is None:
            return self.all()
        return self.filter(workspace_id=actor.workspace_id)

    def bulk_create(self, objs: Iterable[M], *args: Any, **kwargs: Any) -> list[M]:
        rows = list(objs)
        refuse_foreign_rows(rows)
        return super().bulk_create(rows, *args, **kwargs)


class _WrittenAt(models.DateTimeField):
    """A moment that is written by itself, by the product's clock; to migrations it is Django's own field."""

    def pre_save(self, model_instance: models.Model, add: bool) -> datetime:
        if self.auto_now or (self.auto_now_add and add):
            setattr(model_instance, self.attname, clock.now())
        moment: datetime = getattr(model_instance, self.attname)
        return moment

    def deconstruct(self) -> Any:
        name, _path, arguments, options = super().deconstruct()
        return name, "django.db.models.DateTimeField", arguments, options


class TimeStamped(models.Model):
    """`created_at`, `updated_at` in UTC. Partial saves name `updated_at` in `update_fields`."""

    created_at = _WrittenAt(auto_now_add=True)
    updated_at = _WrittenAt(auto_now=True)

    class Meta:
        abstract = True


class TenantModel(TimeStamped):
    """Base of every table of the product.

    A save whose foreign keys lead into another workspace raises WorkspaceMismatch.
    """

    workspace = models.ForeignKey(TENANT_MODEL, on_delete=models.PROTECT, related_name="+")

    objects = TenantQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        refuse_foreign_rows([self], only=kwargs.get("update_fields"))
        super().save(*args, **kwargs)


def get_row(rows: models.QuerySet[M], pk: int, missing: str) -> M:
    """The row of this key; raises NotFound for another, also for a key that no database could hold.

    `missing`: the sentence for people, marked by gettext_noop.
    """
    found = rows.filter(pk=pk).first() if 0 < pk <= MAX_ID else None
    if found is None:
        raise NotFound(gettext(missing))
    return found


def refuse_foreign_rows(rows: list[Any], *, only: Iterable[str] | None = None) -> None:
    """Raise WorkspaceMismatch if any row points at a row of another workspace.

    Reads each related table at most once per call, and not at all for related objects
    that are already loaded. `only` limits the check to those fields.
    """
    for field in _tenant_links(type(rows[0])) if rows else ():
        if only is not None and field.name not in only and field.attname not in only:
            continue
        owners = _owners(rows, field)
        for row in rows:
            target = getattr(row, field.attname)
            if target is not None and owners.get(target) != row.workspace_id:
                raise WorkspaceMismatch(f"{type(row).__name__}.{field.name} leads into another workspace")


def _tenant_links(model: type[models.Model]) -> Iterator[Any]:
    for field in model._meta.concrete_fields:
        if isinstance(field, models.ForeignKey) and issubclass(field.related_model, TenantModel):
            yield field


def _owners(rows: list[Any], field: Any) -> dict[Any, int]:
    """Workspace id by the related row's key."""
    known: dict[Any, int] = {}
    for row in rows:
        if field.is_cached(row) and (related := getattr(row, field.name)) is not None:
            known[getattr(row, field.attname)] = related.workspace_id
    missing = {getattr(row, field.attname) for row in rows} - known.keys() - {None}
    if missing:
        key = field.target_field.name
        found = field.related_model._base_manager.filter(**{f"{key}__in": missing})
        known.update(found.values_list(key, "workspace_id"))
    return known
