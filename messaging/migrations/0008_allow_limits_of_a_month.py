"""Own limits reach 31 days. Going back forgets those of more than a day: the older program cannot keep them."""

from django.db import migrations, models

A_DAY, A_MONTH = 86_400, 31 * 86_400


def forget_long_limits(apps, schema_editor) -> None:
    limits = apps.get_model("messaging", "SendLimit").objects.using(schema_editor.connection.alias)
    limits.filter(seconds__gt=A_DAY).delete()


class Migration(migrations.Migration):
    dependencies = [("messaging", "0007_add_inbound")]

    operations = [
        migrations.RemoveConstraint(model_name="sendlimit", name="limit_in_range"),
        migrations.AddConstraint(
            model_name="sendlimit",
            constraint=models.CheckConstraint(
                condition=models.Q(("count__gt", 0), ("seconds__gt", 0), ("seconds__lte", A_MONTH)),
                name="limit_in_range",
            ),
        ),
        migrations.RunPython(migrations.RunPython.noop, forget_long_limits),
    ]
