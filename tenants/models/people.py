"""People; read before a scope can be open, so without row-level security."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils import timezone


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractBaseUser):
    """A person, known by e-mail address. ``is_staff`` marks an instance administrator, who sees no tenant data."""

    email = models.EmailField(unique=True, error_messages={"unique": "This address is already in use."})
    name = models.CharField(max_length=100, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        db_table = "users"

    def __str__(self) -> str:
        return self.email


class SignInNotice(models.Model):
    """A mail about a sign-in that is still to be sent; gone with it, because it says where somebody was."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    email = models.EmailField(help_text="Where the person could be reached when they signed in.")
    address = models.CharField(max_length=64)
    user_agent = models.CharField(max_length=300)
    created_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True, help_text="When somebody began to send it.")

    class Meta:
        db_table = "sign_in_notices"


class KnownDevice(models.Model):
    """A place a person signed in from, as a digest: enough to know it again and not where it is."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    digest = models.BinaryField(help_text="Keyed digest of address and browser.")
    seen_at = models.DateTimeField()

    class Meta:
        db_table = "known_devices"
        constraints = [models.UniqueConstraint(fields=["user", "digest"], name="known_device_user_digest_uniq")]
