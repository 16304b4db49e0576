"""What can be refused about announcements and runs. Messages are translated when they are raised."""

from django.utils.translation import gettext_noop

from community_ops.common.errors import InvalidInput, InvalidTransition


class NoGroups(InvalidInput):
    code = "no_groups"
    field = "groups"
    message = gettext_noop("Choose at least one group.")


class GroupClosed(InvalidInput):
    code = "group_closed"
    field = "groups"
    message = gettext_noop("An archived group receives nothing.")


class AlreadyCancelled(InvalidTransition):
    """A cancelled announcement cannot be scheduled or moved; write a new one."""

    message = gettext_noop("This announcement was cancelled.")


class NotADraft(InvalidTransition):
    """What is scheduled can be moved or cancelled; its words and groups stay."""

    message = gettext_noop("Only a draft can be changed.")


class NotScheduled(InvalidTransition):
    """A draft has nothing that could be paused."""

    message = gettext_noop("This is a draft: nothing of it goes out yet.")


class NothingPlanned(InvalidTransition):
    message = gettext_noop("Everything has gone out already; nothing is planned any more.")


class RunIsStopped(InvalidTransition):
    message = gettext_noop("This run was stopped.")
