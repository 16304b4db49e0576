"""Today's look at what is being retried no longer reads all that is planned for the next day. Few rows are in it."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("messaging", "0013_add_too_fast_since")]

    operations = [
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                fields=["workspace"], condition=Q(state="planned", reason="retrying"), name="delivery_retried"
            ),
        ),
    ]
