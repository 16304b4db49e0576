"""What can be refused about announcements and runs. Messages are translated when they are raised."""

from typing import cast

from django.utils.translation import gettext_lazy as _

from community_ops.common.errors import InvalidInput, InvalidTransition


class NoGroups(InvalidInput):
    code = "no_groups"
    field = "groups"
    message = cast(str, _("Choose at least one group."))


class GroupClosed(InvalidInput):
    code = "group_closed"
    field = "groups"
    message = cast(str, _("An archived group receives nothing."))


class AlreadyCancelled(InvalidTransition):
    """A cancelled announcement cannot be scheduled or moved; write a new one."""

    message = cast(str, _("This announcement was cancelled."))


class NotADraft(InvalidTransition):
    """What is scheduled can be moved or cancelled; its words and groups stay."""

    message = cast(str, _("Only a draft can be changed."))


class NothingPlanned(InvalidTransition):
    message = cast(str, _("Everything has gone out already; nothing is planned any more."))


class RunIsStopped(InvalidTransition):
    message = cast(str, _("This run was stopped."))
