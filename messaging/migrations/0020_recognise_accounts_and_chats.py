"""Give every account and chat its identity, and let limits and budgets be counted under it.

The same account entered twice has one budget from here on: its calls, waits and places in line are put together, and
of two own limits for one window the lower holds. One transaction; as long as there are channels, some ms each hundred.
"""

import secrets
from datetime import UTC, datetime

from django.db import migrations
from django.db.models import F

CHUNK = 500
LONG_AGO = datetime(1, 1, 2, tzinfo=UTC)


def recognise(apps, schema_editor):
    from community_ops.common.fields import UnreadableSecret
    from messaging.platforms import registry
    from messaging.services.identities import account_digest, chat_digest

    def model(name):
        return apps.get_model("messaging", name).objects

    def digest_of(row):
        try:
            secret = model("Connection").values_list("secret", flat=True).get(pk=row.pk)
        except UnreadableSecret:  # its key is lost, so it sends nothing
            return secrets.token_hex(32)
        return account_digest(row.platform, row.config, secret or {})

    connections = {row.pk: row for row in model("Connection").defer("secret").order_by("pk")}
    accounts = {pk: (row.workspace_id, digest_of(row)) for pk, row in connections.items()}
    live = set(model("Endpoint").filter(archived_at__isnull=True).values_list("connection_id", flat=True))
    holders = {}  # of two teams that send through one account the first has it
    for pk in sorted(live):
        if registry.get(connections[pk].platform).capabilities.limits:
            holders.setdefault(accounts[pk][1], accounts[pk][0])
    chats = {
        row.pk: (
            row.workspace_id,
            chat_digest(connections[row.connection_id].platform, accounts[row.connection_id][1], row.address),
        )
        for row in model("Endpoint").order_by("pk")
    }
    Identity = apps.get_model("messaging", "Identity")
    wanted = dict.fromkeys([*accounts.values(), *chats.values()])
    made = Identity.objects.bulk_create(
        [
            Identity(workspace_id=one, digest=digest, is_held=holders.get(digest) == one)
            for one, digest in wanted
        ],
        batch_size=CHUNK,
    )
    ids = dict(zip(wanted, (row.pk for row in made), strict=True))
    for name, found in (("Connection", accounts), ("Endpoint", chats)):
        rows = [apps.get_model("messaging", name)(pk=pk, identity_id=ids[key]) for pk, key in found.items()]
        model(name).bulk_update(rows, ["identity"], batch_size=CHUNK)
    count_under(apps, "connection", {pk: ids[key] for pk, key in accounts.items()})
    count_under(apps, "endpoint", {pk: ids[key] for pk, key in chats.items()})


def forget(apps, schema_editor):
    """Back to the rows' own ids: what was put together is the oldest row's."""
    for name, scope in (("Connection", "connection"), ("Endpoint", "endpoint")):
        rows = apps.get_model("messaging", name).objects
        count_under(apps, scope, dict(rows.order_by("-pk").values_list("identity_id", "pk")))
        rows.update(identity=None)
    apps.get_model("messaging", "Identity").objects.all().delete()


def count_under(apps, scope, new_ids):
    """Through negative numbers, since an old and a new id may be the same one."""
    Budget, Limit, Slot = (apps.get_model("messaging", name) for name in ("SendBudget", "SendLimit", "SendSlot"))
    kept = {}
    for row in Budget.objects.filter(scope=scope).order_by("pk"):
        first = kept.get(new_ids.get(row.scope_id))
        if row.scope_id not in new_ids:
            row.delete()
        elif first is None:
            kept[new_ids[row.scope_id]] = row
            row.scope_id = -new_ids[row.scope_id]
            row.save(update_fields=["scope_id"])
        else:
            Slot.objects.filter(budget=row).update(budget=first)
            first.refused_count = max(first.refused_count, row.refused_count)
            for name in ("cooldown_until", "queue_until", "refused_at"):
                later = max(getattr(first, name) or LONG_AGO, getattr(row, name) or LONG_AGO)
                setattr(first, name, later if later != LONG_AGO else None)
            first.save()
            row.delete()
    strictest = {}
    for row in Limit.objects.filter(scope=scope).order_by("count", "pk"):
        key = (new_ids.get(row.scope_id), row.seconds)
        if key[0] is None or key in strictest:
            row.delete()
        else:
            strictest[key] = row
            row.scope_id = -key[0]
            row.save(update_fields=["scope_id"])
    for table in (Budget, Limit):
        table.objects.filter(scope=scope, scope_id__lt=0).update(scope_id=-F("scope_id"))


class Migration(migrations.Migration):
    dependencies = [("messaging", "0019_add_identities")]

    operations = [migrations.RunPython(recognise, forget)]
