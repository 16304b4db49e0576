"""An attempt says which part of its message it was about. Those of before say 1 of 1, which says nothing."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("messaging", "0009_add_line_of_raw_events")]

    operations = [
        migrations.AddField(
            model_name="attempt",
            name="part",
            field=models.PositiveSmallIntegerField(default=1),
        ),
        migrations.AddField(
            model_name="attempt",
            name="part_count",
            field=models.PositiveSmallIntegerField(default=1),
        ),
    ]
