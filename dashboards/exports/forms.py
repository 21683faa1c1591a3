"""What somebody wants of an export: its format, its columns and their order, its name."""

import re
from typing import Any, Final

from django import forms

from dashboards.exports import columns
from dashboards.exports.models import Export

USUAL, EVERY, OWN = "usual", "every", "own"
_SEPARATORS: Final = re.compile(r"[\s,;]+")


class NumbersForm(forms.Form):
    """Of numbers: their columns are those of the question."""

    name = forms.CharField(label="Name", max_length=100, help_text="The file is called like this.")
    format = forms.ChoiceField(label="Format", choices=Export.Format.choices, widget=forms.RadioSelect)
    note = forms.BooleanField(
        label="Begin with a line about the export",
        required=False,
        help_text="CSV: a comment with #, which some programs must be told to skip. NDJSON: a first object. The other"
        " formats always say what they were made of.",
    )


class ExportForm(NumbersForm):
    """Of calls: any of their columns, in any order."""

    which = forms.ChoiceField(
        label="Columns",
        choices=(
            (USUAL, f"The usual {len(columns.USUAL)}"),
            (EVERY, f"Every field ({len(columns.CALLS)})"),
            (OWN, "These, in this order:"),
        ),
        widget=forms.RadioSelect,
    )
    columns = forms.CharField(
        label="Own choice of columns",
        required=False,
        max_length=5_000,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "class": "mono"}),
        help_text="One a line. All names and what they mean are listed below.",
    )
    field_order = ("name", "format", "which", "columns", "note")

    def clean(self) -> dict[str, Any]:
        """``columns`` becomes their names in order."""
        data = super().clean() or {}
        named = [name for name in _SEPARATORS.split(data.get("columns", "")) if name]
        match data.get("which"):
            case "usual":
                data["columns"] = columns.USUAL
            case "every":
                data["columns"] = tuple(columns.BY_NAME)
            case "own":
                data["columns"] = tuple(dict.fromkeys(named))
                self._check(named)
        return data

    def _check(self, named: list[str]) -> None:
        unknown = [at for at, name in enumerate(named, start=1) if name not in columns.BY_NAME]
        if not named:
            self.add_error("columns", "Name at least one column.")
        if unknown:
            places = ", ".join(map(str, unknown[:5]))
            self.add_error("columns", f"There is no such column: number {places}. The list below has all of them.")


def initial(name: str) -> dict[str, Any]:
    return {"name": name, "format": Export.Format.CSV, "which": USUAL, "columns": "\n".join(columns.USUAL)}
