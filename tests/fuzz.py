"""Requests made up from the API's document, right ones and wrong ones, and what every answer must keep to.

A few of each operation in ``make test``, always the same; with ``FUZZ_EXAMPLES`` that many, new ones every time, as
``make soak`` does.
"""

import os
from collections.abc import Callable
from typing import Any, Final

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.openapi import from_dict
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.api_document import document
from tests.matrix import Operation

EXAMPLES: Final = int(os.environ.get("FUZZ_EXAMPLES", "8"))
# An answer is never 5xx, and its status, media type, headers and body are described.
AS_DESCRIBED: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
WRONG_IS_REFUSED: Final = negative_data_rejection
SCHEMA: Final = from_dict(document())

_as_often: Final = settings(
    max_examples=EXAMPLES,
    derandomize="FUZZ_EXAMPLES" not in os.environ,
    database=None,
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
SCHEMA.config.generation.update(with_security_parameters=False)


def cases(operation: Operation, known: dict[str, Any], query: dict[str, Any]) -> st.SearchStrategy[Case[Any]]:
    """Right and wrong requests, about what is made up and about what is there.

    ``known`` are path parameters of what is there, ``query`` the parameters that are needed to find it.
    """
    described = SCHEMA[operation.path][operation.method]
    here = {name: value for name, value in known.items() if f"{{{name}}}" in operation.path}
    right, wrong = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
    found = described.as_strategy(right, path_parameters=here, query=query)
    kinds = [found, found, described.as_strategy(right), described.as_strategy(wrong)]
    if operation.body() is not None:
        kinds += [described.as_strategy(wrong, path_parameters=here, query=query)]
    return st.one_of(*kinds)


def check_each(strategy: st.SearchStrategy[Any], check: Callable[[Any], None]) -> None:
    """Let ``check`` look at as many values of ``strategy`` as are asked for."""
    _as_often(given(strategy)(check))()
