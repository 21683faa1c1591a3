"""Which names of features look like one feature: pure, and the same every time.

Two names are near when they are equal without case, separators, word order and a version at the end ("chat-bot",
"Chat Bot v2"), or when they are long and one typing mistake apart ("summarization", "summarisation"). Digits that are
no version tell names apart ("q1-report", "q2-report"), and so do numbers at the end of many names that differ in
nothing else ("store-01" to "store-20").
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Final

LONG: Final = 7  # letters from which on one mistake may be a mistake: "import" and "export" are no accident
MOST_NAMES: Final = 1_000
MOST_TOGETHER: Final = 100  # names of one suggestion
_LONGEST: Final = 60  # letters up to which mistakes are looked for
_COMPARED: Final = 20  # names of one form that a further one is compared with
_COUNTED: Final = 6  # names with a number at the end from which on nobody calls versions so
_WORD: Final = re.compile(r"[^\W_]+")
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_VERSION: Final = re.compile(r"v?\d{1,3}")
_DIGITS: Final = re.compile(r"\d+")
_NUMBERED: Final = re.compile(r"(?<![^\W_])\d+$")  # "store-01", and not "store v1"

type Pair = tuple[str, str]


def suggestions(
    names: Sequence[str], *, groups: Mapping[str, str], apart: Collection[Pair] = ()
) -> list[tuple[str, ...]]:
    """Sets of near names, in the order in which ``names`` first has one of each.

    Names that share a group of ``groups`` already are no news, and pairs of ``apart`` are not brought up again.
    """
    known = list(dict.fromkeys(name for name in names if name))[:MOST_NAMES]
    parent = {name: name for name in known}
    for one, other in _near_pairs(known):
        if _pair(one, other) not in apart and not (groups.get(one) and groups.get(one) == groups.get(other)):
            _join(parent, known, one, other)
    sets: dict[str, list[str]] = {}
    for name in known:
        sets.setdefault(_root(parent, name), []).append(name)
    return [tuple(found[:MOST_TOGETHER]) for found in sets.values() if len(found) > 1]


def pairs(names: Iterable[str]) -> list[Pair]:
    """Every two of ``names``, each in the order of their letters."""
    return [_pair(one, other) for one, other in combinations(sorted(set(names)), 2)]


def words(name: str) -> list[str]:
    """The words of a name without case and accents; a version at the end is none."""
    text = unicodedata.normalize("NFKD", _HUMP.sub(" ", name))
    plain = "".join(letter for letter in text if not unicodedata.combining(letter)).casefold()
    found: list[str] = _WORD.findall(plain)
    while found[1:] and _VERSION.fullmatch(found[-1]):
        found.pop()
    return found


def _near_pairs(names: Sequence[str]) -> Iterator[Pair]:
    """Names that share a form; every form is looked up once, so that many names cost little."""
    by_form: dict[tuple[str, str], list[str]] = {}
    counted = Counter(tuple(words(name)) for name in names if _NUMBERED.search(name))
    for name in names:
        found = words(name)
        if (number := _NUMBERED.search(name)) and counted[tuple(found)] >= _COUNTED:
            found.append(number[0])
        for form in _forms(found):
            for other in by_form.setdefault(form, [])[:_COMPARED]:
                yield other, name
            by_form[form].append(name)


def _forms(found: Sequence[str]) -> set[tuple[str, str]]:
    """What two near names have in common: all letters, the sorted words, or all letters but one."""
    if not found:
        return set()
    letters, digits = "".join(found), " ".join(_DIGITS.findall("".join(found)))
    forms = {("letters", letters), ("words", " ".join(sorted(found)))}
    if LONG <= len(letters) <= _LONGEST:
        shorter = {letters[:place] + letters[place + 1 :] for place in range(len(letters))}
        forms |= {(f"mistake {digits}", one) for one in {letters, *shorter}}
    return forms


def _join(parent: dict[str, str], order: Sequence[str], one: str, other: str) -> None:
    roots = sorted({_root(parent, one), _root(parent, other)}, key=order.index)
    for root in roots[1:]:
        parent[root] = roots[0]


def _root(parent: Mapping[str, str], name: str) -> str:
    while parent[name] != name:
        name = parent[name]
    return name


def _pair(one: str, other: str) -> Pair:
    return (one, other) if one <= other else (other, one)
