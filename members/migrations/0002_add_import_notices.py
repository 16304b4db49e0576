"""Rows of an import that were there already in a way that may surprise: kept beside its problems."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("members", "0001_create_members")]

    operations = [migrations.AddField("importrun", "notices", models.JSONField(default=list))]
