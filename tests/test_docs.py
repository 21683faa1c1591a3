"""What the documents say is there, is there."""

import json
import re
import shlex
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
from django.core.management import get_commands
from django.urls import resolve

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *ROOT.glob("docs/**/*.md")]
)
ROOMS = (
    "core",
    "tenants",
    "ingestion",
    "rules",
    "dashboards",
    "gateway",
    "tokenops",
    "tests",
    "docs",
    "static",
    "templates",
    "bench",
)
MADE_LATER = {"bench/results.json"}  # by `make bench`
READERS = re.compile(
    r"env\.(?:text|boolean|integer|choice|words|networks|secret|previous_secret|token)\(\s*\"([A-Z_]+)\""
)


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def code(name):
    """What stands in backticks or fences of a document."""
    content = text(name)
    fences = re.findall(r"```\w*\n(.*?)```", content, re.DOTALL)
    return [*fences, *re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", content, flags=re.DOTALL))]


def targets():
    return set(re.findall(r"^([a-z-]+):(?!=)", text("Makefile"), re.MULTILINE))


def table_names(name):
    """The variables in the first column of a document's tables."""
    cells = re.findall(r"^\| ([^|]+) \|", text(name), re.MULTILINE)
    return [variable for cell in cells for variable in re.findall(r"`([A-Z][A-Z_]+)`", cell)]


# --- Commands ---


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_make_target_of_a_document_exists(name):
    mentioned = {target for part in code(name) for target in re.findall(r"\bmake ([a-z-]+)\b", part)}

    assert mentioned <= targets()


def test_help_lists_every_target_that_people_use():
    result = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)

    lines = [line.split(maxsplit=2) for line in result.stdout.splitlines()]
    assert {make for make, *_ in lines} == {"make"}
    listed = {name: description for _make, name, description in lines}
    used_by_others = re.findall(r"^[a-z-]+: ([a-z][a-z -]*)", text("Makefile"), re.MULTILINE)
    assert targets() - set(listed) <= {target for line in used_by_others for target in line.split()}
    assert set(listed) >= {"help", "run", "test", "check", "fmt", "bench", "screenshots", "lock", "clean"}
    assert listed["run"] == "start everything on http://127.0.0.1:8000 (PORT, HOST, DEMO=0)"
    assert all(len(description) > 10 for description in listed.values())


def test_make_alone_is_make_help():
    outputs = [
        subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for command in (["make"], ["make", "help"])
    ]

    assert outputs[0] == outputs[1]
    assert outputs[0].split()[:2] == ["make", "help"]


def test_contributing_names_the_targets_a_contributor_needs():
    assert set(re.findall(r"^make ([a-z]+)", text("CONTRIBUTING.md"), re.MULTILINE)) == {
        "run",
        "test",
        "check",
        "fmt",
        "bench",
        "soak",
        "help",
    }


def test_targets_are_phony_so_that_a_file_of_that_name_hides_none():
    (phony,) = re.findall(r"^\.PHONY: (.+)$", text("Makefile"), re.MULTILINE)

    assert set(phony.split()) == targets()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_program_of_a_document_exists(name):
    parts = code(name)
    modules = {module for part in parts for module in re.findall(r"python -m ([\w.]+)", part)}
    commands = {command for part in parts for command in re.findall(r"manage\.py (\w+)", part)}
    scripts = {script for part in parts for script in re.findall(r"npm run (\w+)", part)}

    assert [module for module in modules if find_spec(module) is None] == []
    assert commands <= set(get_commands())
    assert scripts <= set(json.loads(text("package.json"))["scripts"])


# --- Files ---


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_leads_somewhere(name):
    content = re.sub(r"```.*?```|`[^`\n]+`", "", text(name), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)\s]+)\)", content) + re.findall(r"(?:src|href)=\"([^\"]+)\"", content)
    files = [link.partition("#")[0] for link in links if "://" not in link and not link.startswith("#")]

    assert [file for file in files if not (ROOT / name).parent.joinpath(file).exists()] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_file_of_ours_that_a_document_names_exists(name):
    paths = {
        path.rstrip("/.")
        for part in code(name)
        for path in re.findall(rf"(?<![\w/.-])((?:{'|'.join(ROOMS)})/[\w./-]*)", part)
    }

    assert sorted(path for path in paths - MADE_LATER if not (ROOT / path).exists()) == []


def test_pictures_are_small_enough_for_a_page_and_described():
    pictures = re.findall(r"!\[([^\]]*)\]\((docs/images/[^)]+)\)", text("README.md"))

    assert {path for _description, path in pictures} == {
        "docs/images/overview-light.png",
        "docs/images/calls-dark.png",
        "docs/images/gateway-light.png",
    }
    for description, path in pictures:
        assert len(description) > 10, path
        content = (ROOT / path).read_bytes()
        assert content.startswith(b"\x89PNG\r\n"), path
        assert len(content) < 1_000_000, path


def test_decisions_are_numbered_without_gaps_and_dated():
    files = sorted((ROOT / "docs/adr").glob("*.md"))

    assert [path.name[:5] for path in files] == [f"{number:04d}-" for number in range(1, len(files) + 1)]
    for path in files:
        content = path.read_text(encoding="utf-8")
        assert content.startswith("# "), path.name
        assert re.search(r"\b20\d\d-\d\d-\d\d\b", content), path.name


# --- Settings ---


def read_settings():
    folders = (ROOT / "tokenops/settings", ROOT / "tokenops/stack")
    return {name for folder in folders for path in folder.glob("*.py") for name in READERS.findall(path.read_text())}


def test_every_setting_is_documented_and_every_documented_setting_is_read():
    documented = table_names("docs/configuration.md")

    assert sorted(documented) == sorted(read_settings())


def test_the_readme_shows_settings_that_exist_with_the_defaults_of_the_reference():
    def rows(name):
        lines = re.findall(r"^\| (`[A-Z_`, ]+`) \| ([^|]+) \|", text(name), re.MULTILINE)
        return dict(lines)

    short, whole = rows("README.md"), rows("docs/configuration.md")

    assert len(short) == 6
    assert set(short) <= set(whole)
    differing = {name for name in short if short[name] != whole[name]}
    assert differing == {"`DATABASE_URL`"}  # "embedded Postgres" and "the embedded Postgres"


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_documents_mention_no_setting_that_is_not_read(name):
    names = {word for part in code(name) for word in re.findall(r"\b([A-Z]+_(?:URL|KEY|PROXIES|PEPPER|FROM))\b", part)}

    assert names - {"TOKENOPS_API_KEY"} <= read_settings()


# --- The threat model ---


def threats():
    """Every threat with the tests that hold its defence."""
    table = text("docs/threat-model.md").partition("\n## Threats\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (?!Threat |---)([^|]+) \| ([^|]+) \| ([^|]+) \|$", table, re.MULTILINE)
    return {threat: re.findall(r"`([^`]+)`", held_by) for threat, _defence, held_by in rows}


def test_every_threat_is_held_by_tests_that_exist():
    found = threats()

    assert len(found) >= 20
    for threat, tests in found.items():
        assert tests, threat
        for test in tests:
            path, _, function = test.partition("::")
            files = [ROOT / path] if path.endswith(".py") else sorted((ROOT / path).glob("test_*.py"))
            content = "\n".join(file.read_text(encoding="utf-8") for file in files)
            assert f"\ndef {function or 'test_'}" in content, f"{threat}: {test}"


# --- What the README shows ---


def test_the_first_call_of_the_readme_is_shell_with_json_that_the_api_takes():
    (command,) = re.findall(r"```bash\n(curl .*?)```", text("README.md"), re.DOTALL)[:1]

    words = shlex.split(command)

    assert words[:2] == ["curl", "http://127.0.0.1:8000/api/v1/ingest"]
    assert json.loads(words[words.index("-d") + 1]) == {
        "model": "gpt-4o-mini",
        "input_tokens": 1200,
        "output_tokens": 250,
        "endpoint_name": "summarization",
    }


def test_the_python_of_the_readme_compiles():
    programs = re.findall(r"```python\n(.*?)```", text("README.md"), re.DOTALL)

    assert len(programs) == 3
    for program in programs:
        compile(program, "README.md", "exec")


def test_addresses_of_the_readme_are_routes():
    assert resolve("/api/docs/").view_name
    assert "/api/docs/" in text("README.md")


def test_the_rooms_of_contributing_are_the_packages():
    rooms = re.findall(r"^\| `([a-z]+)` \|", text("CONTRIBUTING.md"), re.MULTILINE)

    assert rooms == ["core", "tenants", "ingestion", "rules", "gateway", "dashboards", "tokenops"]
    assert all((ROOT / room / "__init__.py").exists() for room in rooms)
