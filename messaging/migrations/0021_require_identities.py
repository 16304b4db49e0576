"""Every account and every chat has an identity from here on."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("messaging", "0020_recognise_accounts_and_chats")]

    operations = [
        migrations.AlterField(
            model_name="connection",
            name="identity",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="connections", to="messaging.identity"
            ),
        ),
        migrations.AlterField(
            model_name="endpoint",
            name="identity",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="endpoints", to="messaging.identity"
            ),
        ),
    ]
