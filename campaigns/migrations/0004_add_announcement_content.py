import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("campaigns", "0003_add_paused_at"),
        ("common", "0001_create_kernel"),
    ]

    operations = [
        migrations.AddField(
            model_name="announcement",
            name="is_markdown",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="announcement",
            name="may_split",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="announcement",
            name="image",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="common.asset"
            ),
        ),
    ]
