from django.db import models

from community_ops.common.models import Hold, LedgerEntry, LimitedStock


class Shelf(LimitedStock):
    class Meta(LimitedStock.Meta):
        pass


class ShelfHold(Hold):
    shelf = models.ForeignKey(Shelf, on_delete=models.CASCADE, related_name="holds")

    class Meta(Hold.Meta):
        pass


class Coin(LedgerEntry):
    owner_name = models.CharField(max_length=20)

    class Meta(LedgerEntry.Meta):
        pass
