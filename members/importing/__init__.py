"""Files that come in: reading tables, and the importers of events and members.

Other apps add importers through members.ports.
"""

from members.ports import Importer, Preview, PreviewField, PreviewRow, Progress, RowProblem, register_importer

__all__ = ["Importer", "Preview", "PreviewField", "PreviewRow", "Progress", "RowProblem", "register_importer"]
