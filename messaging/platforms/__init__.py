"""One folder per platform, all with the same files: `capabilities.py`, `config.py`, `adapter.py`."""
