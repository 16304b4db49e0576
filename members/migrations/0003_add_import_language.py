"""The language a run's report is written in: that of whoever started it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("members", "0002_add_import_notices")]

    operations = [migrations.AddField("importrun", "language", models.CharField(default="zh-hans", max_length=10))]
