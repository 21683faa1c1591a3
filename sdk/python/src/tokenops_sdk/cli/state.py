"""What the options before a command's name say, and the server they lead to."""

from dataclasses import dataclass

import typer

from tokenops_sdk.cli import profile
from tokenops_sdk.cli.api import Api


@dataclass(frozen=True)
class State:
    """``url`` and ``key`` are empty where the environment or ``login`` decide."""

    url: str = ""
    key: str = ""

    def api(self) -> Api:
        """:raises CommandError: there is no key, or the stored configuration cannot be read."""
        return Api(profile.load(url=self.url, key=self.key))


def state_of(context: typer.Context) -> State:
    """The state of a command's run."""
    found = context.obj
    return found if isinstance(found, State) else State()
