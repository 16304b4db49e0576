"""When a channel got another chat. A new column without a value: no row is rewritten, and old code ignores it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("messaging", "0016_index_sending_by_key")]

    operations = [
        migrations.AddField(model_name="endpoint", name="chat_changed_at", field=models.DateTimeField(null=True)),
    ]
