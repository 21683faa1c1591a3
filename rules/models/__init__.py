"""Tables of rules, insights and budgets."""

from rules.models.budgets import Budget, BudgetState
from rules.models.evaluations import RuleEvaluation
from rules.models.insights import Insight, InsightChange, InsightComment
from rules.models.settings import RuleSetting

__all__ = [
    "Budget",
    "BudgetState",
    "Insight",
    "InsightChange",
    "InsightComment",
    "RuleEvaluation",
    "RuleSetting",
]
