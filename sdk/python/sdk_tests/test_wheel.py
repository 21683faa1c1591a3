"""The distribution: builds, installs into empty environments of every Python there is, and works with httpx alone."""

import os
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from sdk_tests.scripts import PRELUDE, SOURCES, environment

VERSIONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
# httpx and what it needs, pure Python: linked from this environment, because tests do not reach a registry.
HTTPX = ("httpx", "httpcore", "h11", "anyio", "certifi", "idna", "sniffio", "exceptiongroup", "typing_extensions.py")
CHECK = (
    PRELUDE
    + """
extras = {"openai", "anthropic", "google", "mistralai", "genai_prices", "typer", "django", "pydantic"}
assert not extras & set(sys.modules)
assert sdk.instrument() == []
with sdk.track(feature="wheel", tags={"python": sys.version_info.minor}):
    call("default")
assert sdk.flush(20)
assert (sdk.stats().accepted, sdk.stats().errors) == (1, 0), sdk.stats()
try:
    sdk.tracked_completion(model="gpt-4o", messages=[])
except ImportError as error:
    assert "pip install 'tokenops-sdk[openai]'" in str(error), error
else:
    raise AssertionError("there is no SDK of OpenAI here")
import asyncio
@sdk.serverless
async def handler():
    async def house(**_): return None
    await sdk.atracked_completion(model="house", messages=[], client=house)
asyncio.run(handler())
"""
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    uv(
        "build",
        "--wheel",
        "--offline",
        "--no-build-isolation",
        "--python",
        sys.executable,
        "--out-dir",
        folder,
        SOURCES.parent,
    )
    (built,) = folder.glob("*.whl")
    return built


def uv(*arguments):
    command = [shutil.which("uv", path=Path(sys.executable).parent), *map(str, arguments), "--quiet"]
    subprocess.run(command, check=True, capture_output=True, timeout=120, env=os.environ | {"VIRTUAL_ENV": sys.prefix})


def interpreter(version):
    """One that really starts: what a version manager puts on the path may not."""
    managed = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    for found in (*managed, shutil.which(f"python{version}")):
        if found and subprocess.run([found, "-c", "import venv"], capture_output=True, check=False).returncode == 0:
            return found
    return None


@pytest.fixture
def empty_environment(wheel, tmp_path, request):
    python = interpreter(request.param)
    if python is None:
        pytest.skip(f"There is no Python {request.param} on this machine.")
    subprocess.run([python, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True, timeout=60)
    uv("pip", "install", "--offline", "--no-deps", "--python", tmp_path / "venv" / "bin" / "python", wheel)
    (packages,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    for name in HTTPX:
        source = Path(metadata.distribution("httpx").locate_file(name))
        if source.exists() and not (packages / name).exists():
            (packages / name).symlink_to(source)
    return tmp_path / "venv" / "bin"


@pytest.mark.parametrize("empty_environment", VERSIONS, indirect=True)
def test_it_works_with_httpx_alone(empty_environment, server):
    given = environment(server.url) | {"PYTHONDONTWRITEBYTECODE": "1"}
    given.pop("PYTHONPATH")

    done = subprocess.run(
        [empty_environment / "python", "-c", CHECK], env=given, capture_output=True, text=True, timeout=60, check=False
    )
    command = subprocess.run(
        [empty_environment / "tokenops"], env=given, capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert [event["endpoint_name"] for event in server.events] == ["wheel", "default"]
    assert command.returncode != 0
    assert "pip install 'tokenops-sdk[cli]'" in command.stderr


def test_the_wheel_holds_the_package_with_its_types_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()

    assert "tokenops_sdk/py.typed" in names
    assert {name.split("/")[0] for name in names} == {"tokenops_sdk", "tokenops_sdk-0.1.0.dist-info"}


def test_the_package_never_imports_the_server_nor_django(tmp_path):
    """Every module of it, where importing one of these fails."""
    modules = [
        ".".join(path.relative_to(SOURCES).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((SOURCES / "tokenops_sdk").rglob("*.py"))
    ]
    blocked = ("django", "tokenops", "core", "tenants", "ingestion", "rules", "dashboards", "celery", "psycopg")
    program = f"""
import importlib, sys
sys.modules.update(dict.fromkeys({blocked!r}))
for name in {modules!r}: importlib.import_module(name)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(""), cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
