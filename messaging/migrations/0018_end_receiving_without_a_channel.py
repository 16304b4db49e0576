"""Switch receiving off for accounts whose last channel was archived before receiving ended with it.

As `receiving.close_for_good` does: off, without keys, with an audit row. No platform is called: one that still tells us
(Telegram) meets a 401 until it gives up. A handful of rows at most; safe to run again. Not taken back: keys that are gone
stay gone, and whoever wants to receive makes a channel and switches it on.
"""

from typing import Any

from django.db import migrations
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now


def switch_off(apps: Any, schema_editor: Any) -> None:
    live = apps.get_model("messaging", "Endpoint").objects.filter(archived_at__isnull=True)
    routes = apps.get_model("messaging", "InboundRoute").objects.filter(is_on=True)
    for route in routes.exclude(Exists(live.filter(connection=OuterRef("connection")))):
        route.is_on, route.secret, route.updated_at = False, {"keys": []}, Now()
        route.save(update_fields=["is_on", "secret", "updated_at"])
        apps.get_model("common", "AuditEntry").objects.create(
            workspace_id=route.workspace_id,
            at=Now(),
            actor_kind="system",
            actor_label="messaging.migrations.0018",
            verb="inbound.closed",
            target_kind="messaging.connection",
            target_id=str(route.connection_id),
        )


class Migration(migrations.Migration):
    dependencies = [("messaging", "0017_add_chat_changed_at"), ("common", "0001_create_kernel")]

    operations = [migrations.RunPython(switch_off, migrations.RunPython.noop)]
