"""Branch and commit of the program that runs, without running git."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

# What the usual builders and hosts say; the first that is set counts.
_BRANCHES: Final = ("TOKENOPS_GIT_BRANCH", "GITHUB_HEAD_REF", "GITHUB_REF_NAME", "CI_COMMIT_REF_NAME", "GIT_BRANCH")
_COMMITS: Final = ("TOKENOPS_GIT_COMMIT", "GITHUB_SHA", "CI_COMMIT_SHA", "GIT_COMMIT", "SOURCE_VERSION")
_REF: Final = "ref: refs/heads/"


def branch_and_commit(start: Path | None = None, environ: Mapping[str, str] | None = None) -> tuple[str, str]:
    """Of the environment, else of the repository that ``start`` (the working directory) is in; '' where unknown."""
    given = os.environ if environ is None else environ
    branch, commit = (next((given[n] for n in names if given.get(n)), "") for names in (_BRANCHES, _COMMITS))
    if branch and commit:
        return branch, commit
    try:
        found = _of_repository(start or Path.cwd())
    except (OSError, ValueError):
        found = ("", "")
    return branch or found[0], commit or found[1]


def _of_repository(start: Path) -> tuple[str, str]:
    for folder in (start, *start.parents):
        if (folder / ".git").exists():
            return _head(_git_folder(folder / ".git"))
    return "", ""


def _git_folder(dot_git: Path) -> Path:
    """The folder itself, or where the file of a worktree or submodule points."""
    if dot_git.is_dir():
        return dot_git
    return (dot_git.parent / dot_git.read_text().removeprefix("gitdir:").strip()).resolve()


def _head(git: Path) -> tuple[str, str]:
    head = (git / "HEAD").read_text().strip()
    if not head.startswith(_REF):
        return "", head
    branch = head.removeprefix(_REF)
    common = git / (git / "commondir").read_text().strip() if (git / "commondir").exists() else git
    loose = common / "refs" / "heads" / branch
    return branch, loose.read_text().strip() if loose.exists() else _packed(common, f"refs/heads/{branch}")


def _packed(git: Path, ref: str) -> str:
    lines = (git / "packed-refs").read_text().splitlines()
    return next((line.split()[0] for line in lines if line.endswith(f" {ref}")), "")
