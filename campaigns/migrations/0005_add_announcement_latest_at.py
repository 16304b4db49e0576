from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("campaigns", "0004_add_announcement_content"),
    ]

    operations = [
        migrations.AddField(
            model_name="announcement",
            name="latest_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddConstraint(
            model_name="announcement",
            constraint=models.CheckConstraint(
                condition=models.Q(latest_at__isnull=True) | models.Q(latest_at__gt=models.F("due_at")),
                name="announcement_latest_after_due",
            ),
        ),
    ]
