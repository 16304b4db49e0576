from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("campaigns", "0002_add_announcement_purpose"),
    ]

    operations = [
        migrations.AddField(
            model_name="announcement",
            name="paused_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="playbookrun",
            name="paused_at",
            field=models.DateTimeField(null=True),
        ),
    ]
