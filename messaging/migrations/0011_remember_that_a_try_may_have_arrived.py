"""A delivery remembers that an earlier try may have arrived, so that a later end does not claim it was not sent."""

from django.db import migrations, models
from django.db.models import Exists, OuterRef


def note_open_doubts(apps, schema_editor):
    """What is being tried again after a call without a clear answer. Too many rather than too few: a person decides."""
    attempts = apps.get_model("messaging", "Attempt").objects
    later = attempts.filter(delivery_id=OuterRef("delivery_id"), number__gt=OuterRef("number"), outcome="accepted")
    doubts = attempts.filter(~Exists(later), delivery_id=OuterRef("pk"), outcome__in=("in_doubt", "lost"))
    rows = apps.get_model("messaging", "Delivery").objects.filter(state="planned")
    rows.exclude(reason__in=("again", "more_parts")).filter(Exists(doubts)).update(may_have_arrived=True)


class Migration(migrations.Migration):
    dependencies = [("messaging", "0010_number_the_parts_of_attempts")]

    operations = [
        migrations.AddField(
            model_name="delivery",
            name="may_have_arrived",
            field=models.BooleanField(default=False),
        ),
        migrations.RunPython(note_open_doubts, migrations.RunPython.noop),
    ]
