"""What is odd about a list, each with its row and cell."""

from placefeed.adapters.sheets import CSV_NAME, Sheet, address
from placefeed.schema.issues import Issue, Place, Severity


class Remarks:
    """Collects warnings and rejected rows; `line` and `urn` say where the reader is."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = None if sheet.name == CSV_NAME else sheet.name
        self.line: int | None = None
        self.urn: str | None = None
        self.warnings: list[Issue] = []
        self.rejected: list[Issue] = []

    def at(self, line: int | None, urn: str | None = None) -> None:
        """The reader has moved to this row (from 1)."""
        self.line, self.urn = line, urn

    def warn(
        self, rule: str, message: str, advice: str = "", column: int | None = None, *, severity: Severity = "warning"
    ) -> None:
        """Note what is odd at the present row (and column, from 0)."""
        self.warnings.append(Issue(rule, severity, message, advice, self._place(column)))

    def reject(self, rule: str, message: str, advice: str, column: int) -> None:
        """Note that the present row is not read, and why."""
        self.rejected.append(Issue(rule, "error", message, advice, self._place(column)))

    def _place(self, column: int | None) -> Place:
        cell = address(self.line, column) if column is not None and self.line else None
        return Place(line=self.line, sheet=self.sheet, cell=cell, urn=self.urn)
