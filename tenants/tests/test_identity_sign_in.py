"""Signing in and up through an identity provider: whose account opens, and whose does not."""

import threading
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.contrib.sessions.models import Session
from django.core import mail
from django.db import DatabaseError, connections, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conftest import make_user
from tenants import accounts, invitations
from tenants.models import Membership, Organization, OrganizationSettings, SignInNotice, User
from tenants.permissions import Role
from tenants.tests import totp
from tenants.tests.identity import come_back, configure, is_signed_in, leave, sign_in_there
from tenants.tests.people import join, owner_of

ADA = "ada@example.test"


def invite(acme: Organization, email: str, client: Client) -> str:
    """Open the link of a new invitation; its address."""
    issued = invitations.invite(
        organization=acme, actor=owner_of(acme), email=email, role=Role.VIEWER, now=timezone.now()
    )
    page = reverse("tenants:invitation", args=[issued.token])
    client.get(page)
    return page


# --- The way there ---


def test_the_button_leads_to_the_issuer_with_state_and_pkce_and_back_to_us(issuer, anonymous, settings):
    url = leave(anonymous)

    query = parse_qs(urlsplit(url).query)
    assert url.startswith(f"{issuer.url}/authorize?")
    assert query["client_id"] == ["tokenops"]
    assert query["response_type"] == ["code"]
    assert query["redirect_uri"] == [f"{settings.BASE_URL}/accounts/sign-in/oidc/callback/"]
    assert set(query["scope"][0].split()) == {"openid", "profile", "email"}
    assert query["code_challenge_method"] == ["S256"]
    assert len(query["code_challenge"][0]) == 43
    assert len(query["state"][0]) >= 16


def test_nothing_of_a_link_changes_what_is_asked_of_the_issuer(issuer, anonymous):
    path = (
        reverse("tenants:identity-login", args=["oidc"]) + "?auth_params=redirect_uri%3Dhttps://evil.test&scope=admin"
    )

    page = anonymous.post(path).text

    assert "evil.test" not in page
    assert "admin" not in page.partition("refresh")[2].partition(">")[0]


def test_we_are_found_under_the_base_url_whatever_host_was_asked(issuer, anonymous, settings):
    settings.ALLOWED_HOSTS, settings.BASE_URL = ["*"], "https://tokenops.example.com"

    page = anonymous.post(reverse("tenants:identity-login", args=["oidc"]), headers={"host": "evil.test"}).text

    assert "https%3A%2F%2Ftokenops.example.com%2Faccounts%2Fsign-in%2Foidc%2Fcallback%2F" in page
    assert "evil.test" not in page


# --- New people ---


def test_a_new_person_gets_an_account_with_the_address_the_issuer_confirmed(issuer, anonymous):
    answer = sign_in_there(anonymous, issuer)

    assert answer["Location"] == "/"
    assert is_signed_in(anonymous)
    user = User.objects.get()
    assert (user.email, user.name, user.has_usable_password()) == (ADA, "Ada", False)
    assert list(EmailAddress.objects.values_list("email", "verified", "primary")) == [(ADA, True, True)]
    assert mail.outbox == []


def test_the_same_person_comes_back_to_the_same_account_whatever_the_address_is_now(issuer, anonymous):
    sign_in_there(anonymous, issuer)
    issuer.person["email"] = "ada.lovelace@example.test"
    again = Client()

    sign_in_there(again, issuer)

    assert is_signed_in(again)
    assert User.objects.get().email == ADA


def test_an_address_the_issuer_did_not_confirm_is_confirmed_by_our_mail_first(issuer, anonymous):
    issuer.person["email_verified"] = False

    answer = sign_in_there(anonymous, issuer)

    assert answer["Location"] == reverse("account_email_verification_sent")
    assert not is_signed_in(anonymous)
    assert [message.to for message in mail.outbox] == [[ADA]]
    assert EmailAddress.objects.get().verified is False


def test_capitals_in_an_address_make_nobody_new(issuer, anonymous):
    issuer.person["email"] = "Ada@Example.TEST"

    sign_in_there(anonymous, issuer)

    assert User.objects.get().email == ADA
    assert EmailAddress.objects.get().email == ADA


def test_who_comes_without_an_address_is_asked_for_one_and_must_confirm_it(issuer, anonymous):
    del issuer.person["email"]
    issuer.userinfo = {"sub": issuer.person["sub"], "name": "Ada"}

    answer = sign_in_there(anonymous, issuer)
    form = reverse("socialaccount_signup")
    assert answer["Location"] == form
    assert "Your e-mail address" in anonymous.get(form).text
    sent = anonymous.post(form, {"email": ADA})

    assert sent["Location"] == reverse("account_email_verification_sent")
    assert not is_signed_in(anonymous)
    assert [message.to for message in mail.outbox] == [[ADA]]
    assert "/userinfo" in issuer.asked


def test_the_way_on_is_kept_and_stays_on_this_host(issuer, db):
    for wanted, kept in (("/account/organizations/", "/account/organizations/"), ("https://evil.test/", "/")):
        client = Client()
        assert sign_in_there(client, issuer, next=wanted)["Location"] == kept


def test_no_token_is_stored_anywhere_and_the_database_would_refuse(issuer, anonymous):
    sign_in_there(anonymous, issuer)
    del issuer.person["email"]
    issuer.person["sub"], issuer.userinfo = "another", {"sub": "another"}
    sign_in_there(Client(), issuer)  # waits for an address

    assert not SocialToken.objects.exists()
    assert not any("an access token" in str(one.get_decoded()) for one in Session.objects.all())
    account = SocialAccount.objects.get()
    assert set(account.extra_data) == {"identity", "email", "email_verified", "name"}
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        SocialToken.objects.create(account=account, token="x")


def test_one_who_comes_twice_at_once_has_one_account(issuer, committed_db):
    """Both pass the check for a known address before either account is there."""
    clients = [Client(), Client()]
    ways_back = [issuer.approve(leave(client)) for client in clients]
    together = threading.Barrier(2)
    answers = []

    def run(client: Client, url: str) -> None:
        try:
            together.wait()
            answers.append(come_back(client, url).status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=pair) for pair in zip(clients, ways_back, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert User.objects.count() == SocialAccount.objects.count() == 1
    assert set(answers) <= {302, 409}
    assert 302 in answers


# --- Accounts that are there already ---


def test_an_account_with_the_address_is_not_opened_by_a_provider_nobody_trusts(issuer, anonymous):
    make_user(ADA)

    answer = sign_in_there(anonymous, issuer)

    assert answer.status_code == 409
    assert "You have an account already" in answer.text
    assert not is_signed_in(anonymous)
    assert not SocialAccount.objects.exists()


def test_an_address_that_is_not_confirmed_tells_nothing_about_accounts(issuer, anonymous):
    make_user(ADA)
    issuer.person["email_verified"] = False

    known = sign_in_there(anonymous, issuer)
    issuer.person |= {"sub": "eve", "email": "nobody@example.test"}
    unknown = sign_in_there(Client(), issuer)

    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert not is_signed_in(anonymous)
    assert not SocialAccount.objects.filter(user__email=ADA).exists()
    assert mail.outbox[0].to == [ADA]


def test_a_trusted_provider_opens_the_account_with_the_address_and_the_person_is_told(issuer, anonymous, settings):
    ada = make_user(ADA)
    configure(settings, issuer, TRUSTED_IDENTITY_PROVIDERS="oidc")

    sign_in_there(anonymous, issuer)

    assert is_signed_in(anonymous)
    assert SocialAccount.objects.get().user == ada
    assert [message.subject for message in mail.outbox] == ["An account at Acme ID opens your TokenOps account now"]
    assert User.objects.get().has_usable_password()


def test_trust_in_one_provider_is_no_trust_in_another(issuer, anonymous, settings):
    make_user(ADA)
    configure(settings, issuer, TRUSTED_IDENTITY_PROVIDERS="oidc")
    issuer.person, issuer.emails = {"id": 5, "login": "ada"}, [{"email": ADA, "primary": True, "verified": True}]

    assert sign_in_there(anonymous, issuer, "github").status_code == 409

    assert not is_signed_in(anonymous)


@pytest.mark.parametrize("verified", [False, None, "true"])
def test_even_a_trusted_provider_must_have_confirmed_the_address(issuer, anonymous, settings, verified):
    make_user(ADA)
    configure(settings, issuer, TRUSTED_IDENTITY_PROVIDERS="oidc")
    issuer.person["email_verified"] = verified

    sign_in_there(anonymous, issuer)

    assert not is_signed_in(anonymous)
    assert not SocialAccount.objects.exists()


def test_an_account_whose_own_address_was_never_confirmed_is_not_opened(issuer, anonymous, settings):
    """Somebody else may have signed up with the address, and would share the account."""
    squatter = make_user(ADA)
    squatter.emailaddress_set.update(verified=False)
    configure(settings, issuer, TRUSTED_IDENTITY_PROVIDERS="oidc")

    sign_in_there(anonymous, issuer)

    assert not is_signed_in(anonymous)
    assert not SocialAccount.objects.exists()


def test_another_issuer_with_the_same_numbers_opens_nothing(issuer, anonymous, settings):
    sign_in_there(anonymous, issuer)
    before = SocialAccount.objects.get().uid
    issuer.discovery["issuer"] = issuer.claims["iss"] = f"{issuer.url}/"
    configure(settings, issuer, OIDC_ISSUER=f"{issuer.url}/")
    other = Client()

    assert sign_in_there(other, issuer).status_code == 409

    assert not is_signed_in(other)
    assert SocialAccount.objects.get().uid == before


def test_an_account_that_was_switched_off_stays_shut(issuer, anonymous):
    sign_in_there(anonymous, issuer)
    User.objects.update(is_active=False)
    again = Client()

    assert sign_in_there(again, issuer)["Location"] == reverse("account_inactive")

    assert not is_signed_in(again)


# --- Who may sign up ---


def test_a_closed_instance_makes_no_accounts_and_lets_its_own_people_in(issuer, anonymous, settings):
    sign_in_there(Client(), issuer)
    settings.SIGNUP = "closed"

    sign_in_there(anonymous, issuer)
    assert is_signed_in(anonymous)
    issuer.person |= {"sub": "eve", "email": "eve@example.test"}
    stranger = Client()
    answer = sign_in_there(stranger, issuer)

    assert "Sign-up is closed" in answer.text
    assert not is_signed_in(stranger)
    assert User.objects.count() == 1


def test_without_an_invitation_nobody_new_comes_in(issuer, anonymous, settings):
    settings.SIGNUP = "invite"

    assert "New accounts need an invitation" in sign_in_there(anonymous, issuer).text

    assert not is_signed_in(anonymous)
    assert not User.objects.exists()


def test_the_invited_address_signs_up_and_joins(issuer, anonymous, settings, acme):
    settings.SIGNUP = "invite"
    page = invite(acme, ADA, anonymous)

    assert sign_in_there(anonymous, issuer, next=page)["Location"] == page
    anonymous.post(page)

    assert Membership.objects.get(user__email=ADA).role == Role.VIEWER


def test_another_address_than_the_invited_one_is_told_so(issuer, anonymous, settings, acme):
    settings.SIGNUP = "invite"
    invite(acme, "bob@example.test", anonymous)

    answer = sign_in_there(anonymous, issuer)

    assert answer.status_code == 403
    assert "The invitation is for b…@…" in answer.text
    assert "bob@example.test" not in answer.text
    assert not User.objects.filter(email=ADA).exists()


def test_of_several_addresses_the_invited_one_is_taken(issuer, anonymous, settings, acme):
    settings.SIGNUP = "invite"
    invite(acme, ADA, anonymous)
    issuer.person = {"id": 5, "login": "ada", "name": "Ada"}
    issuer.emails = [
        {"email": "private@example.test", "primary": True, "verified": True},
        {"email": ADA, "primary": False, "verified": True},
    ]

    sign_in_there(anonymous, issuer, "github")

    assert is_signed_in(anonymous)
    assert list(EmailAddress.objects.filter(user__email=ADA).values_list("email", flat=True)) == [ADA]
    assert SocialAccount.objects.get().extra_data == {"login": "ada", "name": "Ada"}


def test_who_comes_without_an_address_types_the_invited_one(issuer, anonymous, settings, acme):
    settings.SIGNUP = "invite"
    invite(acme, ADA, anonymous)
    del issuer.person["email"]
    issuer.userinfo = {"sub": issuer.person["sub"]}
    form = sign_in_there(anonymous, issuer)["Location"]

    wrong = anonymous.post(form, {"email": "eve@example.test"})
    assert "Use the address the invitation was sent to." in wrong.text
    anonymous.post(form, {"email": ADA})

    assert is_signed_in(anonymous)
    assert not User.objects.filter(email="eve@example.test").exists()


# --- As after a password ---


def test_the_second_step_is_asked_for(issuer, anonymous):
    sign_in_there(Client(), issuer)
    totp.give_factor(ADA)

    answer = sign_in_there(anonymous, issuer)

    assert answer["Location"] == reverse("mfa_authenticate")
    assert not is_signed_in(anonymous)


def test_an_organization_that_requires_two_steps_keeps_out_who_has_none(issuer, anonymous, acme, scope):
    sign_in_there(anonymous, issuer)
    Membership.objects.create(user=User.objects.get(email=ADA), organization=acme, role=Role.MEMBER)
    with scope(acme):
        OrganizationSettings.objects.update(mfa_required=True)

    answer = anonymous.get("/o/acme/projects/")

    assert answer.status_code == 403
    assert "Acme requires two-step sign-in" in answer.text


def test_a_new_place_is_news(issuer, anonymous):
    sign_in_there(anonymous, issuer)

    sign_in_there(Client(REMOTE_ADDR="203.0.113.9"), issuer)

    (notice,) = SignInNotice.objects.all()
    assert (notice.email, notice.address) == (ADA, "203.0.113.9")


def test_the_session_is_a_new_one(issuer, anonymous):
    url = issuer.approve(leave(anonymous))
    before = anonymous.session.session_key

    come_back(anonymous, url)

    assert anonymous.session.session_key != before


def test_a_deleted_account_leaves_nothing_and_may_come_anew(issuer, anonymous):
    sign_in_there(anonymous, issuer)
    accounts.delete_account(actor=User.objects.get(), confirmation=ADA, now=timezone.now() + timedelta(days=1))

    assert not SocialAccount.objects.exists()
    sign_in_there(Client(), issuer)
    assert User.objects.get().email == ADA


def test_a_member_signs_in_and_sees_what_the_role_shows(issuer, anonymous, settings, acme, acme_project):
    join(acme, ADA, Role.VIEWER)
    configure(settings, issuer, TRUSTED_IDENTITY_PROVIDERS="oidc")

    sign_in_there(anonymous, issuer)

    assert anonymous.get("/o/acme/projects/").status_code == 200
    assert anonymous.get("/o/acme/settings/").status_code == 403


def test_signing_in_counts_against_the_limit_of_the_address(issuer, settings, db):
    settings.ACCOUNT_RATE_LIMITS = {"login": "2/m/ip"}
    path = reverse("tenants:identity-login", args=["oidc"])

    answers = [Client(REMOTE_ADDR="203.0.113.77").post(path).status_code for _ in range(3)]

    assert answers == [200, 200, 429]
