"""ACTIVATE 促活: announcements, playbooks, the calendar."""
