"""What people type about teams; the rules are the services'."""

from collections.abc import Iterable
from typing import Any

from django import forms

from tenants.models import Membership, Project, Team
from tenants.team_names import LONGEST


class TeamForm(forms.Form):
    name = forms.CharField(
        label="Name", max_length=LONGEST, widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "off"})
    )
    slug = forms.CharField(
        label="Slug",
        max_length=LONGEST,
        required=False,
        help_text="What your applications send as team, and what calls are stored with. It stays for good."
        " Empty: made from the name.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    alias = forms.CharField(max_length=LONGEST, required=False, strip=False, widget=forms.HiddenInput)


class AliasForm(forms.Form):
    alias = forms.CharField(
        label="Alias",
        max_length=LONGEST,
        help_text="Another name under which calls may arrive; capitals do not matter.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class MemberForm(forms.Form):
    """Who is to come in; ``people`` are the memberships to choose from."""

    member = forms.ChoiceField(label="Member", error_messages={"invalid_choice": "Choose a member from the list."})

    def __init__(self, *args: Any, people: Iterable[Membership], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by_id = {str(one.pk): one for one in people}
        self.fields["member"].choices = [(pk, one.user.email) for pk, one in self.by_id.items()]  # type: ignore[attr-defined]


class AdoptForm(forms.Form):
    """A value from the wire, and the team it is to mean; without one it becomes a team."""

    value = forms.CharField(max_length=LONGEST, strip=False)
    team = forms.CharField(max_length=LONGEST, required=False)


class ProjectTeamForm(forms.Form):
    """Whose a project's calls are that name no team."""

    team = forms.ChoiceField(
        label="Team",
        required=False,
        help_text="Calls that name no team count to it, from now on.",
        error_messages={"invalid_choice": "Choose a team from the list."},
    )

    def __init__(self, data: Any = None, *, teams: Iterable[Team], project: Project) -> None:
        self.by_slug = {one.slug: one for one in teams}
        current = next((slug for slug, one in self.by_slug.items() if one.pk == project.team_id), "")
        super().__init__(data, initial={"team": current})
        names = [(slug, one.name) for slug, one in self.by_slug.items()]
        self.fields["team"].choices = [("", "No team"), *names]  # type: ignore[attr-defined]

    def chosen(self) -> Team | None:
        """The team of a valid form."""
        return self.by_slug.get(self.cleaned_data["team"])
