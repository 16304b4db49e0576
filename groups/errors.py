"""What can be refused about communities and groups."""

from community_ops.common.errors import InvalidInput


class UnknownTimezone(InvalidInput):
    code = "unknown_timezone"
    field = "timezone"
    message = "Unknown time zone; give a name like Asia/Shanghai."


class GroupArchived(InvalidInput):
    code = "group_archived"
    field = "group"
    message = "This group is archived."


class CommunityArchived(InvalidInput):
    code = "community_archived"
    field = "community"
    message = "This community is archived."
