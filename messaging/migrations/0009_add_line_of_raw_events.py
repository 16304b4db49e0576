"""The log of what came in says what kind of event it was, of whom and where. Events of before go without."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("messaging", "0008_allow_limits_of_a_month")]

    operations = [
        migrations.AddField(
            model_name="rawevent",
            name="said_kind",
            field=models.CharField(blank=True, default="", max_length=10),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="rawevent",
            name="person_name",
            field=models.CharField(blank=True, default="", max_length=100),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="rawevent",
            name="endpoint",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="messaging.endpoint",
            ),
        ),
        migrations.AddConstraint(
            model_name="rawevent",
            constraint=models.CheckConstraint(
                condition=models.Q(("said_kind__in", ("", "message", "join", "leave"))),
                name="raw_event_said_known",
            ),
        ),
    ]
