"""Names stand where people look for them."""

import random

import pytest

from community_ops.common.ordering import by_name


@pytest.mark.parametrize(
    "names",
    [
        ["晨跑 1 群", "晨跑 2 群", "晨跑 10 群"],
        ["A 群", "b 群", "C 群"],
        ["12 群", "A 群", "北京群", "杭州群", "上海群"],
        ["", "1", "1a", "a"],
        ["群", "群\ud83d"],
    ],
)
def test_names_are_found_where_people_look(names) -> None:
    mixed = names[:]
    random.shuffle(mixed)
    assert sorted(mixed, key=by_name) == names
