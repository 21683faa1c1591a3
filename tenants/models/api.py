"""What is remembered of requests to the API."""

from django.db import models

from core.scope import OrgScopedModel


class ApiAnswer(OrgScopedModel):
    """The answer to a write that came with an ``Idempotency-Key``, kept for 24 hours.

    It may hold a secret that is shown once, so it is encrypted (core.vault). Digests are SHA-256: of who asked what
    with which key, and of the body.
    """

    pk = models.CompositePrimaryKey("organization", "key_digest")
    organization = models.ForeignKey(
        "tenants.Organization", on_delete=models.DO_NOTHING, related_name="+", db_constraint=False
    )
    key_digest = models.BinaryField()
    body_digest = models.BinaryField()
    status = models.SmallIntegerField()
    answer = models.BinaryField(help_text="The encrypted body.")
    created_at = models.DateTimeField()

    class Meta:
        db_table = "api_answers"
        indexes = [models.Index(fields=["created_at"], name="api_answer_age")]
