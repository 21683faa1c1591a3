"""Runs an ES module of ``static/js`` in Node, so that what the browser computes is tested beside its Python twin."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

MODULES = Path(__file__).resolve().parents[2] / "static/js"

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")


def evaluate(expression: str, *, imports: dict[str, str], given: object) -> Any:
    """The JSON value of ``expression``; it sees ``given`` and the imported names (module file name → import clause)."""
    lines = [f'import {clause} from "{(MODULES / file).as_uri()}";' for file, clause in imports.items()]
    lines += ["const given = JSON.parse(process.argv[1]);", f"console.log(JSON.stringify({expression}));"]
    command = ["node", "--input-type=module", "-e", "\n".join(lines), json.dumps(given)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
