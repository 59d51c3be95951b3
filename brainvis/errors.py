"""The one exception that users meet: it names the file, the field, what was found, what to do."""

from __future__ import annotations

from pathlib import Path


class BrainvisError(Exception):
    """A problem that a user can act on, told in one line.

    Parameters
    ----------
    problem : str
        What is wrong, in a short clause.
    file : path, optional
        The file the problem lies in.
    field : str, optional
        The column, dataset, key or header entry inside that file.
    found : object, optional
        What was there instead.
    remedy : str, optional
        What to do next.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: str | Path | None = None,
        field: str | None = None,
        found: object = None,
        remedy: str | None = None,
    ) -> None:
        self.problem, self.file, self.field = problem, file, field
        self.found, self.remedy = found, remedy
        super().__init__(self._one_line())

    def _one_line(self) -> str:
        where = ": ".join(str(part) for part in (self.file, self.field) if part is not None)
        text = f"{where}: {self.problem}" if where else self.problem
        if self.found is not None:
            text += f" (found {self.found})"
        if self.remedy:
            text += f"; {self.remedy}"
        return " ".join(text.split())
