"""REST helpers shared by every app's `api/`."""
