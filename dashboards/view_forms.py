"""What people type about saved views."""

from typing import Any, Final

from django import forms

from dashboards import saved_views
from dashboards.models.saved_views import LONGEST_NAME

# Beside the filter and what else a page is asked, which forms carry along as they are.
OWN_FIELDS: Final = frozenset({"csrfmiddlewaretoken", "view", "view_name", "view_page", "view_shared", "view_step"})
_NAME: Final = {"autocomplete": "off", "placeholder": "Search team, this month"}


class SaveForm(forms.Form):
    """A name for what a page shows now."""

    view_name = forms.CharField(label="Name", max_length=LONGEST_NAME, widget=forms.TextInput(attrs=_NAME))
    view_page = forms.ChoiceField(choices=[*saved_views.PAGES.items()], widget=forms.HiddenInput)
    view_shared = forms.BooleanField(label="Share with the organization", required=False)

    def __init__(self, *args: Any, may_share: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not may_share:
            del self.fields["view_shared"]


class StepForm(forms.Form):
    """What is to happen to a view; the name only when that is to change."""

    view_step = forms.ChoiceField(
        choices=[(step, step) for step in ("rename", "overwrite", "share", "unshare", "default", "no-default")]
    )
    view_name = forms.CharField(label="Name", required=False, max_length=LONGEST_NAME)
