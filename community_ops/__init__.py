"""Community Ops: the project package and the ground floor of the house."""

from community_ops.celery import app as celery_app

__all__ = ["celery_app"]
