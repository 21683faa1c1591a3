"""What people say about members: whom to invite, and with which role."""

from collections.abc import Sequence
from typing import Final

from django import forms
from django.http import QueryDict

from tenants import roles
from tenants.models import Project
from tenants.permissions import PROJECT_ROLES, Role

_AS_IN_ORGANIZATION: Final = ("", "As in the organization")


def choices_for(giver: str) -> list[tuple[str, str]]:
    """The roles somebody with the role ``giver`` may give."""
    return [(role.value, role.label) for role in Role if roles.may_give(giver, role)]


def _project_role_field(label: str) -> forms.ChoiceField:
    choices = [_AS_IN_ORGANIZATION, *((role.value, role.label) for role in PROJECT_ROLES)]
    return forms.ChoiceField(label=label, choices=choices, required=False)


class RoleForm(forms.Form):
    role = forms.ChoiceField(label="Role in the organization")

    def __init__(self, data: QueryDict | None, *, giver: str, initial: str) -> None:
        super().__init__(data, initial={"role": initial})
        self.fields["role"].choices = choices_for(giver)  # type: ignore[attr-defined]


class InviteForm(RoleForm):
    email = forms.EmailField(
        label="E-mail address",
        max_length=254,
        help_text="The link in the mail works for seven days, once, for this address.",
        widget=forms.EmailInput(attrs={"autofocus": True, "autocomplete": "off"}),
    )
    project: "forms.ModelChoiceField[Project]" = forms.ModelChoiceField(
        label="Another role in one project",
        queryset=None,  # only known inside a scope
        required=False,
        empty_label="No",
    )
    project_role = _project_role_field("Role there")
    field_order = ("email", "role", "project", "project_role")

    def __init__(self, data: QueryDict | None, *, giver: str) -> None:
        super().__init__(data, giver=giver, initial=Role.MEMBER)
        self.fields["project"].queryset = Project.objects.order_by("name", "pk")  # type: ignore[attr-defined]

    def clean(self) -> dict[str, object]:
        cleaned = super().clean() or {}
        if bool(cleaned.get("project")) != bool(cleaned.get("project_role")) and not self.errors:
            self.add_error("project_role", "Choose both a project and a role, or neither.")
        return cleaned


class ProjectRolesForm(forms.Form):
    """One choice a project: the role there, or the organization's."""

    def __init__(self, data: QueryDict | None, *, rows: Sequence[tuple[Project, str]]) -> None:
        super().__init__(data)
        for project, role in rows:
            self.fields[f"project_{project.pk}"] = _project_role_field(project.name)
            self.initial[f"project_{project.pk}"] = role

    def chosen(self) -> dict[int, str]:
        """The role by project id; '' for the organization's. A field that was not sent keeps what there was."""
        names = [name for name in self.fields if name in self.data]
        return {int(name.removeprefix("project_")): self.cleaned_data[name] for name in names}


class AccountForm(forms.Form):
    """What must be typed before an account is deleted."""

    confirmation = forms.CharField(
        label="Your address", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "off"})
    )
