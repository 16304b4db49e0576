"""Append-only ledgers: once by source key, mistakes undone by a counter-entry."""

from community_ops.common import ledger
from tests.moments import NOON
from tests.shelf.models import Coin


def test_an_entry_is_added_once_and_undone_once(workspace) -> None:
    facts = {"workspace_id": workspace.pk, "occurred_at": NOON, "reason": "check-in"}
    entry, added = ledger.append(Coin, source_key="checkin:1", amount=5, owner_name="李姐", **facts)
    again, added_again = ledger.append(Coin, source_key="checkin:1", amount=9, owner_name="李姐", **facts)
    assert (added, added_again, again.pk) == (True, False, entry.pk)
    assert ledger.balance(Coin, workspace_id=workspace.pk, owner_name="李姐") == 5

    for _ in range(2):
        ledger.counter(entry, occurred_at=NOON, reason="wrong person", owner_name="李姐")
    assert ledger.balance(Coin, workspace_id=workspace.pk, owner_name="李姐") == 0
    assert Coin.objects.count() == 2


def test_balance_of_nobody_is_zero(workspace) -> None:
    assert ledger.balance(Coin, workspace_id=workspace.pk, owner_name="nobody") == 0
