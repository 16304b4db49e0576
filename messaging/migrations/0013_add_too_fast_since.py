"""When a message first heard "too fast". A new column without a value: no row is rewritten, and old code ignores it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("messaging", "0012_add_files_to_cards")]

    operations = [
        migrations.AddField(model_name="delivery", name="too_fast_since", field=models.DateTimeField(null=True)),
    ]
