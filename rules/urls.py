from django.urls import path

from rules.views import budgets, rules

app_name = "rules"

_ORGANIZATION = "o/<slug:organization_slug>/"
_RULES = _ORGANIZATION + "p/<slug:project_slug>/rules/"
_BUDGETS = _ORGANIZATION + "budgets/"
_BUDGET = _BUDGETS + "<int:budget_id>/"

urlpatterns = [
    path(_BUDGETS, budgets.budget_list, name="budget-list"),
    path(_BUDGETS + "new/", budgets.budget_create, name="budget-create"),
    path(_BUDGET, budgets.budget_detail, name="budget-detail"),
    path(_BUDGET + "edit/", budgets.budget_edit, name="budget-edit"),
    path(_BUDGET + "pause/", budgets.budget_pause, name="budget-pause"),
    path(_BUDGET + "resume/", budgets.budget_resume, name="budget-resume"),
    path(_RULES, rules.rule_list, name="rule-list"),
    path(_RULES + "<slug:rule>/", rules.rule_change, name="rule-change"),
    path(_BUDGET + "delete/", budgets.budget_delete, name="budget-delete"),
]
