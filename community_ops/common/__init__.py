"""The shared kernel: what every room of the house stands on. Imports nothing above itself."""
