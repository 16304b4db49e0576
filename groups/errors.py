"""What can be refused about communities and groups."""

from django.utils.translation import gettext_noop

from community_ops.common.errors import InvalidInput


class UnknownTimezone(InvalidInput):
    code = "unknown_timezone"
    field = "timezone"
    message = gettext_noop("Unknown time zone; give a name like Asia/Shanghai.")


class GroupArchived(InvalidInput):
    code = "group_archived"
    field = "group"
    message = gettext_noop("This group is archived.")


class CommunityArchived(InvalidInput):
    code = "community_archived"
    field = "community"
    message = gettext_noop("This community is archived.")
