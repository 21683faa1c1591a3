"""The part of docs/rules.md that is written from the catalogue; a test compares the two."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rules import rule_words
from rules.engine.thresholds import CATALOGUE, RuleSpec, Threshold
from rules.rule_words import number

BEGIN: Final = "<!-- written from the catalogue (rules/rule_docs.py) -->"
END: Final = "<!-- end of the catalogue -->"


def reference() -> str:
    """Every rule in words, formula and numbers, as Markdown."""
    return "\n".join(line for spec in CATALOGUE.values() for line in _rule(spec)).strip() + "\n"


def _rule(spec: RuleSpec) -> Iterator[str]:
    yield f"### {spec.rule}: {spec.title}"
    yield ""
    yield f"{spec.explanation} {rule_words.condition(spec.rule)}"
    yield ""
    yield f"- Fires when: `{rule_words.formula(spec.rule)}`"
    yield f"- One insight per: {', '.join(spec.per)}"
    yield f"- Severity: {spec.severities or spec.severity}"
    yield f"- Looked at: every {spec.cadence}"
    yield f"- What to do: {spec.fix}"
    yield ""
    if spec.thresholds:
        yield "| Threshold | Default | May be | |"
        yield "|---|---|---|---|"
        yield from (_threshold(one) for one in spec.thresholds)
        yield ""


def _threshold(one: Threshold) -> str:
    bounds = (
        ", ".join(number(choice) for choice in one.choices)
        if one.choices
        else f"{number(one.lowest)} to {number(one.highest)}"
    )
    return f"| `{one.name}` ({one.label} … {one.unit}) | {number(one.default)} | {bounds} | {one.explanation} |"


def with_reference(text: str) -> str:
    """``text`` with the part between the marks written anew.

    :raises ValueError: it has not both marks.
    """
    head, _, rest = text.partition(BEGIN)
    _, mark, tail = rest.partition(END)
    if not mark:
        raise ValueError("The marks of the catalogue's part are missing.")
    return f"{head}{BEGIN}\n\n{reference()}\n{END}{tail}"


if __name__ == "__main__":
    document = Path(__file__).resolve().parents[1] / "docs/rules.md"
    document.write_text(with_reference(document.read_text(encoding="utf-8")), encoding="utf-8")
