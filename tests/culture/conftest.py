from tests.members.fixtures import (
    community,
    foreign_community,
    foreign_group,
    foreign_member,
    group,
    member,
    second_group,
)

__all__ = ["community", "foreign_community", "foreign_group", "foreign_member", "group", "member", "second_group"]
