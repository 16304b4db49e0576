"""Reproducible measurements; figures with date, versions and command are in RESULTS.md."""
