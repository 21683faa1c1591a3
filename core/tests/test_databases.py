from core.databases import APP, EDGE, OWNER, ROLES, Database

DATABASE = Database(url="postgresql://admin:pw@db.test:6432/prod?sslmode=require", secret="s" * 40)


def test_every_role_enters_the_same_database_with_a_password_of_its_own():
    parameters = [DATABASE.parameters(role) for role in ROLES]

    assert {(p["host"], p["port"], p["dbname"], p["sslmode"]) for p in parameters} == {
        ("db.test", "6432", "prod", "require")
    }
    assert [p["user"] for p in parameters] == list(ROLES)
    assert len({p["password"] for p in parameters}) == len(ROLES)
    assert "pw" not in {p["password"] for p in parameters}


def test_passwords_follow_the_secret():
    assert Database(url=DATABASE.url, secret="t" * 40).password(APP) != DATABASE.password(APP)


def test_conninfo_is_in_key_value_form():
    conninfo = DATABASE.conninfo(EDGE, application_name="writer")

    assert "user=tokenops_edge" in conninfo
    assert "application_name=writer" in conninfo
    assert "://" not in conninfo


def test_django_entry_limits_statements_of_the_web_role_and_not_of_the_owner():
    web, owner = DATABASE.django(APP, statement_timeout_ms=5_000), DATABASE.django(OWNER)

    assert (web["NAME"], web["USER"], web["HOST"], web["PORT"]) == ("prod", APP, "db.test", "6432")
    assert web["OPTIONS"] == {
        "sslmode": "require",
        "options": "-c statement_timeout=5000",
        "application_name": APP,
    }
    assert owner["OPTIONS"]["options"] == "-c statement_timeout=0"
