"""What to do about it: the cost optimization report, insights, and cheaper models for a file of usage."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from tokenops_sdk.cli import advice, output
from tokenops_sdk.cli.account import AsJson
from tokenops_sdk.cli.errors import CommandError, Exit
from tokenops_sdk.cli.periods import LONGEST_DAYS
from tokenops_sdk.cli.state import state_of

_SEVERITIES: Final = ("low", "medium", "high")
_STATUSES: Final = ("open", "acknowledged", "muted", "resolved")
_COLOURS: Final = {"high": "red", "medium": "yellow"}
_PAGE: Final = 500


def insights(
    context: typer.Context,
    status: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STATUS", help=f"{', '.join(_STATUSES)} or all; repeatable. Without it: open and acknowledged."
        ),
    ] = None,
    severity: Annotated[
        list[str] | None, typer.Option(metavar="SEVERITY", help="low, medium or high; repeatable.")
    ] = None,
    rule: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only of this rule, such as MODEL_MISUSE; repeatable.")
    ] = None,
    team: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only of this team; repeatable.")] = None,
    project: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only of this project; repeatable.")] = None,
    as_json: AsJson = False,
) -> None:
    """What the rules found, the worst first, and what it would save."""
    statuses = list(_STATUSES) if status and "all" in status else status
    asked = {"status": statuses, "severity": severity, "rule": rule, "team": team, "project": project}
    with state_of(context).api() as api:
        found = sorted(api.results("/api/v1/insights", **asked, limit=_PAGE), key=_order)
    if as_json:
        output.as_json(found)
        return
    if not found:
        output.line("No insights.")
        return
    rows = [[one["severity"], one["rule"], one["team"] or "-", one["title"], _saving(one)] for one in found]
    heads = ["Severity", "Rule", "Team", "Insight", "Saves a month"]
    output.table(heads, rows, numbers=["Saves a month"], styles=_COLOURS)


def _order(insight: dict[str, Any]) -> tuple[int, Decimal]:
    saved = (insight.get("saving") or {}).get("month_usd")
    return -_rank(insight["severity"]), -Decimal(saved or 0)


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
    """Cheaper models for the usage in a file.

    By the prices of the public catalogue; nothing is sent anywhere.
    """
    try:
        found = advice.advise(file, most=most)
    except ImportError as error:
        raise CommandError(f"{error}.", Exit.FILE) from error
    if as_json:
        output.as_json([one.document() for one in found])
        return
    heads = ["Model", "Calls", "Cost", "Alternative", "Would cost", "Saves"]
    output.table(heads, [row for one in found for row in one.rows()], numbers=["Calls", "Cost", "Would cost", "Saves"])
    output.note("By list prices and the same number of tokens; whether a model is good enough is yours to try.")


def exceeded(numbers: dict[str, Any], *, fail_over: Decimal | None, fail_on: str | None) -> list[str]:
    """Why a report fails a check, in sentences: its spend is above a limit, or an issue is at least so severe."""
    reasons = []
    spend = numbers["llm_spend_usd"]
    if fail_over is not None and spend is None:
        reasons.append("LLM spend is unknown: no call has a price.")
    elif fail_over is not None and Decimal(spend) > fail_over:
        reasons.append(f"LLM spend of {output.dollars(spend)} is over {output.dollars(str(fail_over))}.")
    if fail_on is not None:
        bad = sum(count for severity, count in numbers["issue_counts"].items() if _rank(severity) >= _rank(fail_on))
        reasons += [f"{output.counted(bad, 'issue')} of severity {_or_higher(fail_on)}."] if bad else []
    return reasons


def _rank(severity: str) -> int:
    return _SEVERITIES.index(severity.lower())


def _or_higher(severity: str) -> str:
    return severity.lower() if severity.lower() == _SEVERITIES[-1] else f"{severity.lower()} or higher"


def _amount(text: str) -> Decimal:
    """:raises typer.BadParameter: it is no amount."""
    try:
        amount = Decimal(text.removeprefix("$").replace(",", ""))
    except ArithmeticError:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise typer.BadParameter("must be an amount in US dollars, such as 250 or 99.50", param_hint="--fail-over")
    return amount


def report(
    context: typer.Context,
    days: Annotated[int, typer.Option(min=1, max=LONGEST_DAYS, help="Today and the days before it.")] = 30,
    project: Annotated[str | None, typer.Option(metavar="NAME", help="Only this project.")] = None,
    fail_over: Annotated[
        str | None, typer.Option(metavar="USD", help="Exit with 1 when LLM spend is over so many dollars.")
    ] = None,
    fail_on: Annotated[
        str | None,
        typer.Option(metavar="SEVERITY", help="Exit with 1 when an issue is so severe or more: low, medium, high."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """The cost optimization report, and checks for a build.

    What was spent, what is wrong, what it would save. Plain text for build logs, stand-ups and chats; the checks say
    on standard error why they fail.
    """
    limit = None if fail_over is None else _amount(fail_over)
    if fail_on is not None and fail_on.lower() not in _SEVERITIES:
        raise typer.BadParameter(f"must be one of {', '.join(_SEVERITIES)}", param_hint="--fail-on")
    with state_of(context).api() as api:
        found = api.get("/api/v1/reports/terminal", days=days, project=project)
    if as_json:
        output.as_json(found)
    else:
        output.line(found["text"].rstrip("\n"))
    reasons = exceeded(found, fail_over=limit, fail_on=fail_on)
    for reason in reasons:
        output.complain(reason)
    return Exit.CHECK_FAILED if reasons else Exit.OK
