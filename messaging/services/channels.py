"""Endpoints with their accounts that a run has read: reading and decrypting one again for each message is dear."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import F

from messaging.models import Delivery, Endpoint

_Version = tuple[datetime, datetime]  # when the endpoint and its account were changed last
MOST = 5_000


class Channels:
    """What is known of endpoints; each is read again when it or its account was changed. For one thread."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[_Version, Endpoint]] = {}

    def put_in(self, deliveries: Iterable[Delivery]) -> None:
        """Give each delivery its endpoint with the account, as they are now. At most two queries."""
        rows = [row for row in deliveries if row.endpoint_id is not None]
        versions = self._versions({row.endpoint_id for row in rows if row.endpoint_id is not None})
        if len(self._known) > MOST:
            self._known.clear()
        stale = [pk for pk, version in versions.items() if pk not in self._known or self._known[pk][0] != version]
        for endpoint in Endpoint.objects.filter(pk__in=stale).select_related("connection") if stale else ():
            version = endpoint.updated_at, endpoint.connection.updated_at
            self._known[endpoint.pk] = version, endpoint
        for row in rows:
            assert row.endpoint_id is not None
            row.endpoint = self._known[row.endpoint_id][1]

    @staticmethod
    def _versions(endpoint_ids: set[int]) -> dict[int, _Version]:
        found = Endpoint.objects.filter(pk__in=endpoint_ids)
        return {
            pk: (own, account)
            for pk, own, account in found.values_list("pk", "updated_at", F("connection__updated_at"))
        }
