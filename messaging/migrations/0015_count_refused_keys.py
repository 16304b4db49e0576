"""How often in a row a platform refused an account's key. One row an account: quick at any size."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("messaging", "0014_index_retried_deliveries")]

    operations = [
        migrations.AddField(model_name="sendbudget", name="refused_at", field=models.DateTimeField(null=True)),
        migrations.AddField(
            model_name="sendbudget", name="refused_count", field=models.PositiveSmallIntegerField(default=0)
        ),
    ]
