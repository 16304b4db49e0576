"""Playbook runs as other tools see them."""

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from campaigns.models import PlaybookRun, RunState
from community_ops.common import clock
from community_ops.common.api.fields import MomentField


class RunSerializer(serializers.ModelSerializer):
    """One use of a playbook. `subject_kind` and `subject_id` say what it is about; `stop_reason` is a code.

    What became of its touches are its deliveries: `GET deliveries/?run=`.
    """

    playbook_name = serializers.SerializerMethodField()
    groups = serializers.SerializerMethodField()
    state = serializers.SerializerMethodField()
    starts_at = MomentField(read_only=True)
    ends_at = MomentField(read_only=True)
    paused_at = MomentField(read_only=True, allow_null=True)
    stopped_at = MomentField(read_only=True, allow_null=True)
    created_at = MomentField(read_only=True)

    class Meta:
        model = PlaybookRun
        fields = (
            "id", "playbook", "playbook_name", "label", "subject_kind", "subject_id", "groups", "starts_at", "ends_at",
            "state", "paused_at", "stopped_at", "stop_reason", "created_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_playbook_name(self, run: PlaybookRun) -> str:
        return _(run.playbook.name)

    @extend_schema_field(serializers.ListField(child=serializers.IntegerField()))
    def get_groups(self, run: PlaybookRun) -> list[int]:
        return [target.group_id for target in run.targets.all()]

    @extend_schema_field(serializers.ChoiceField(choices=[state.value for state in RunState]))
    def get_state(self, run: PlaybookRun) -> str:
        return run.state_at(clock.now()).value
