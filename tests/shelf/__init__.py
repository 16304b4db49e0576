"""An app that exists only in tests: the smallest tables on each of the kernel's base models."""
