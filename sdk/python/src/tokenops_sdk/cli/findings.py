"""What to do about it: the cost optimization report, insights, and cheaper models for a file of usage."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from tokenops_sdk.cli import advice, output
from tokenops_sdk.cli.account import AsJson
from tokenops_sdk.cli.api import Exit
from tokenops_sdk.cli.state import state_of

_SEVERITIES: Final = ("low", "medium", "high")
_PAGE: Final = 100


def insights(
    context: typer.Context,
    status: Annotated[str, typer.Option(help="open, acknowledged, resolved, muted or all")] = "open",
    severity: Annotated[str | None, typer.Option(help="low, medium or high")] = None,
    project: Annotated[str | None, typer.Option(help="Only this project.")] = None,
    as_json: AsJson = False,
) -> None:
    """What the rules found, and what it would save."""
    asked = {"status": None if status == "all" else status, "severity": severity, "project": project, "limit": _PAGE}
    with state_of(context).api() as api:
        found = list(api.pages("/api/v1/insights", **asked))
    if as_json:
        output.as_json(found)
        return
    if not found:
        output.line("No insights.")
        return
    rows = [[one["severity"], one["rule"], one["team"] or "-", one["title"], _saving(one)] for one in found]
    output.table(["Severity", "Rule", "Team", "Insight", "Saves a month"], rows, numbers=["Saves a month"])


def _saving(insight: dict[str, Any]) -> str:
    saving = insight.get("saving")
    if not saving or saving.get("month_usd") is None:
        return "-"
    return f"{'up to ' if saving['is_upper_bound'] else ''}{output.dollars(saving['month_usd'])}"


def advise(
    file: Annotated[Path, typer.Argument(help="NDJSON or CSV with model and token counts, one call a line.")],
    most: Annotated[int, typer.Option(min=1, max=20, help="Alternatives for each model.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Cheaper models for the usage in a file, by the public catalogue; nothing is sent anywhere."""
    found = advice.advise(file, most=most)
    if as_json:
        output.as_json([one.document() for one in found])
        return
    heads = ["Model", "Calls", "Cost", "Alternative", "Would cost", "Saves"]
    output.table(heads, [row for one in found for row in one.rows()], numbers=["Calls", "Cost", "Would cost", "Saves"])
    output.line("By list prices and the same number of tokens; whether a model is good enough is yours to try.")


def exceeded(numbers: dict[str, Any], *, fail_over: float | None, fail_on: str | None) -> list[str]:
    """Why a report fails a check, in sentences: its spend is above a limit, or an issue is at least so severe."""
    reasons = []
    spend = numbers["llm_spend_usd"]
    if fail_over is not None and spend is None:
        reasons.append("LLM spend is unknown: no call has a price.")
    elif fail_over is not None and float(spend) > fail_over:
        reasons.append(f"LLM spend of {output.dollars(spend)} is over {output.dollars(str(fail_over))}.")
    if fail_on is not None:
        bad = [one for one in numbers["issues"] if _rank(one["severity"]) >= _rank(fail_on)]
        reasons += [f"{len(bad)} issue{'s' if len(bad) > 1 else ''} of severity {fail_on} or higher."] if bad else []
    return reasons


def _rank(severity: str) -> int:
    return _SEVERITIES.index(severity.lower())


def report(
    context: typer.Context,
    days: Annotated[int, typer.Option(min=1, max=365, help="Up to today.")] = 30,
    project: Annotated[str | None, typer.Option(help="Only this project.")] = None,
    fail_over: Annotated[float | None, typer.Option(help="Exit with 1 when LLM spend is over so many dollars.")] = None,
    fail_on: Annotated[str | None, typer.Option(help="Exit with 1 for an issue so severe: low, medium, high.")] = None,
    as_json: AsJson = False,
) -> int:
    """The cost optimization report: what was spent, what is wrong, what it would save."""
    if fail_on is not None and fail_on.lower() not in _SEVERITIES:
        raise typer.BadParameter(f"must be one of {', '.join(_SEVERITIES)}", param_hint="--fail-on")
    with state_of(context).api() as api:
        found = api.get("/api/v1/reports/terminal", days=days, project=project)
    if as_json:
        output.as_json(found)
    else:
        output.line(found["text"].rstrip("\n"))
    reasons = exceeded(found, fail_over=fail_over, fail_on=fail_on)
    for reason in reasons:
        output.console(stderr=True).print(f"tokenops: {reason}", markup=False)
    return Exit.CHECK_FAILED if reasons else Exit.OK
