"""What gunicorn itself writes down: the address of a request that broke outside Django, say. `--logger-class` of it."""

from gunicorn.config import Config
from gunicorn.glogging import Logger

from community_ops.common.logs import Masking


class MaskingLogger(Logger):  # type: ignore[misc]  # gunicorn is untyped
    """gunicorn's own lines in their own form, with secrets masked as in all others."""

    def setup(self, cfg: Config) -> None:
        super().setup(cfg)
        for handler in (*self.error_log.handlers, *self.access_log.handlers):
            if handler.formatter is not None and not isinstance(handler.formatter, Masking):
                handler.setFormatter(Masking(handler.formatter))
