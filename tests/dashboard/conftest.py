"""What the stories of Today share."""

import pytest
from django.utils import translation

from community_ops.common import clock
from tests.campaigns.conftest import make_community, make_group
from tests.moments import NOON


@pytest.fixture
def at_noon(monkeypatch):
    """The clock stands still at `NOON`, and people read English."""
    monkeypatch.setattr(clock, "now", lambda: NOON)
    with translation.override("en"):
        yield


@pytest.fixture
def groups(workspace):
    community = make_community(workspace)
    return [make_group(community, f"{number} 群") for number in (1, 2, 3)]
