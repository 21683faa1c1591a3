"""Which members of an event carry what a person or a model said: dropped unread and counted."""

import re

_CONTENT = frozenset(
    name
    for line in (
        "answer answers arguments body candidates choices completion completions content contents conversation",
        "document documents embedding embeddings errormessage function functioncall functions generation generations",
        "history image images input inputmessages inputs inputtext inputvalue instructions message messages output",
        "outputmessages outputs outputtext outputvalue prompt promptmessages prompts promptvariables query question",
        "rawprompt rawrequest rawresponse reasoningcontent request requestbody requestmessages response responsebody",
        "responsemessages responses responsetext result system systeminstruction systeminstructions systemmessage",
        "systemprompt text texts thinking toolcalls tooldefinitions toolresults tools transcript usermessage",
        "userprompt",
    )
    for name in line.split()
)
_CONTENT_ATTRIBUTE = re.compile(
    r"(?:gen_ai|llm|ai|traceloop|langfuse|mlflow|lk|gcp)\..*"
    r"(?:messages?|prompts?|completions?|content|instructions|arguments|definitions|text|object|toolcalls|input|output)\b.*"
)
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]{0,63}")


def is_content(name: str) -> bool:
    """Does a member of this name carry content? Spelling, case and underscores do not matter."""
    folded = name[:200].lower()
    return folded.replace("_", "").replace("-", "") in _CONTENT or _CONTENT_ATTRIBUTE.fullmatch(folded) is not None


def shown_name(name: str) -> str:
    """The member's name as an answer may show it: only what looks like an identifier, never a text."""
    return name if _PLAIN_NAME.fullmatch(name) else "(name not shown)"
