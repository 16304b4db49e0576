"""Who an account is on its platform, and which chat a channel is. Quick at any size: the columns are empty still."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_create_accounts"),
        ("messaging", "0018_end_receiving_without_a_channel"),
    ]

    operations = [
        migrations.CreateModel(
            name="Identity",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("digest", models.CharField(max_length=64)),
                ("is_held", models.BooleanField(default=False)),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.workspace"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "identities",
                "constraints": [
                    models.UniqueConstraint(fields=("workspace", "digest"), name="platform_identity_once"),
                    models.UniqueConstraint(
                        condition=models.Q(("is_held", True)), fields=("digest",), name="identity_held_by_one"
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="connection",
            name="identity",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="connections",
                to="messaging.identity",
            ),
        ),
        migrations.AddField(
            model_name="endpoint",
            name="identity",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="endpoints", to="messaging.identity"
            ),
        ),
    ]
