"""Dashboards that people put together, and the widgets on them."""

from typing import Final

from django.conf import settings
from django.db import models
from django.utils import timezone

from core.scope import OrgScopedModel
from dashboards.boards.grid import Place
from dashboards.boards.types import (
    LONGEST_DESCRIPTION,
    LONGEST_NAME,
    LONGEST_TEXT,
    BoardTerms,
    Kind,
    Pairs,
    WidgetTerms,
    loaded,
)
from dashboards.explore.question import Question

UNKNOWN: Final = "It asked for something that is not known any more."


class Board(OrgScopedModel):
    """A dashboard of one person, or shared with the organization.

    ``version`` counts its changes, those of its widgets included: whoever saves says which one they saw. A private one
    ends with its owner's account (a trigger sees to it), a shared one stays with nobody as its owner. One that an API
    key made never had an owner.
    """

    class Visibility(models.TextChoices):
        PRIVATE = "private", "Only you"
        SHARED = "shared", "Everybody in the organization"

    name = models.CharField(max_length=LONGEST_NAME)
    description = models.CharField(max_length=LONGEST_DESCRIPTION, default="", blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    visibility = models.CharField(max_length=10, choices=Visibility, default=Visibility.PRIVATE)
    range = models.CharField(max_length=20, default="", blank=True, help_text="What it opens with; '' is the usual.")
    filters = models.JSONField(default=list, help_text="(name, value) pairs that hold for every widget.")
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    changed_at = models.DateTimeField(default=timezone.now)
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    changed_by_key = models.CharField(max_length=100, default="", blank=True, help_text="Name of the key that did.")

    class Meta:
        db_table = "boards"
        indexes = [models.Index(fields=["organization", "owner"], name="board_org_owner")]
        constraints = [
            models.CheckConstraint(condition=models.Q(visibility__in=["private", "shared"]), name="board_visibility"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_shared(self) -> bool:
        return self.visibility == self.Visibility.SHARED

    @property
    def pairs(self) -> Pairs:
        return loaded(self.filters)


class Widget(OrgScopedModel):
    """One rectangle of a dashboard: a question with the way its answer is shown, or a text."""

    board = models.ForeignKey(Board, on_delete=models.CASCADE, related_name="widgets")
    kind = models.CharField(max_length=20, choices=[(kind.value, kind.label) for kind in Kind])
    title = models.CharField(max_length=LONGEST_NAME, default="", blank=True)
    question = models.JSONField(null=True, help_text="Of the explorer (explore.question); null for a text.")
    filters = models.JSONField(default=list)
    text = models.CharField(max_length=LONGEST_TEXT, default="", blank=True)
    x = models.PositiveSmallIntegerField()
    y = models.PositiveSmallIntegerField()
    w = models.PositiveSmallIntegerField()
    h = models.PositiveSmallIntegerField()

    class Meta:
        db_table = "board_widgets"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(w__gte=1, w__lte=12, h__gte=1, h__lte=12) & models.Q(x__lte=12 - models.F("w")),
                name="board_widget_on_grid",
            ),
            models.CheckConstraint(
                condition=models.Q(kind="text", question__isnull=True)
                | (models.Q(question__isnull=False) & ~models.Q(kind="text")),
                name="board_widget_asks_or_says",
            ),
        ]

    @property
    def place(self) -> Place:
        return Place(self.x, self.y, self.w, self.h)

    @property
    def pairs(self) -> Pairs:
        return loaded(self.filters)

    @property
    def asks(self) -> Question | None:
        """:raises ValueError: the explorer no longer knows what it asked."""
        return None if self.question is None else Question.from_json(self.question)

    @property
    def is_known(self) -> bool:
        """Whether what it asks can still be asked."""
        try:
            _ = self.asks
        except ValueError:
            return False
        return True

    @property
    def terms(self) -> WidgetTerms:
        """What asks for something that is not known any more is a text that says so."""
        if not self.is_known:
            return WidgetTerms(kind=Kind.TEXT, title=self.title, text=UNKNOWN, place=self.place)
        return WidgetTerms(
            kind=Kind(self.kind),
            title=self.title,
            question=self.asks,
            filters=self.pairs,
            text=self.text,
            place=self.place,
        )


def terms(board: Board, widgets: "list[Widget]") -> BoardTerms:
    """A stored dashboard as a value that another can be made from."""
    return BoardTerms(
        name=board.name,
        description=board.description,
        range=board.range,
        filters=board.pairs,
        widgets=tuple(widget.terms for widget in widgets),
    )
