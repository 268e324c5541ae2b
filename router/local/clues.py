"""What speaks for a span being the value of a field: where it stands, what stands around it, what it looks like."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from .concepts import concepts
from .features import hints
from .page import WORD, Page
from .spans import Span

_MANY = 4
_SHAPES = (
    (re.compile(r"[A-ZÀ-Þ]+"), "A"),
    (re.compile(r"[a-zß-ÿ]+"), "a"),
    (re.compile(r"\d+"), "9"),
    (re.compile(r" +"), " "),
)


def place(page: Page, span: Span) -> Iterator[str]:
    """First or last of its kind, near the top or the bottom."""
    line, alike = page.line_of(span), page.orders[span.kind]
    rank = bisect_right(alike, span.start) - 1
    yield span.kind
    yield f"line {min(line, _MANY)}"
    yield f"from the end {min(len(page.lines) - 1 - line, _MANY)}"
    yield f"{span.kind} {min(rank, _MANY)}"
    yield f"{span.kind} from the end {min(len(alike) - 1 - rank, _MANY)}"
    if span.kind == "mention":
        yield f"is {span.value}"
    if len(alike) == 1:
        yield "the only one"


def around(page: Page, span: Span) -> Iterator[str]:
    """The words before and after it, and how its line begins."""
    line = page.line_of(span)
    offset = span.start - page.starts[line]
    before = WORD.findall(page.lines[line][:offset])[-2:]
    after = WORD.findall(page.lines[line][span.end - page.starts[line] :][:40])[:1]
    yield f"before {before[-1] if before else '|'}"
    yield f"two before {' '.join(before)}"
    yield f"after {after[0] if after else '|'}"
    yield f"begins {page.words[line][0] if page.words[line] else '|'}"
    yield f"mark before {page.text[max(0, span.start - 2) : span.start].strip()[-1:]}"
    yield f"mark after {page.text[span.end : span.end + 2].strip()[:1]}"


def shape(page: Page, span: Span) -> Iterator[str]:
    """How it is written, how long it is."""
    written = page.text[span.start : span.end]
    shaped = written
    for pattern, sign in _SHAPES:
        shaped = pattern.sub(sign, shaped)
    yield f"shape {shaped[:12]}"
    yield f"length {len(written).bit_length()}"
    yield f"words {min(len(written.split()), 2 * _MANY)}"
    found = WORD.findall(written.lower())
    yield f"first {found[0] if found else '|'}"
    yield f"last {found[-1] if found else '|'}"


def company(page: Page, span: Span) -> Iterator[str]:
    """The other words of its line, the lines above and below, and how it compares with the page's other values."""
    line = page.line_of(span)
    for word in page.words[line][:8]:
        yield f"beside {word}"
    for word in page.words[line - 1][:3] if line else ():
        yield f"above {word}"
    for word in page.words[line + 1][:2] if line + 1 < len(page.lines) else ():
        yield f"below {word}"
    yield f"seen {min(page.repeats[span.value], _MANY)} times"
    if isinstance(span.value, int | float):
        yield "greatest" if span.value == page.greatest else "less"
        yield f"{'fraction' if isinstance(span.value, float) else 'whole'} {'negative' if span.value < 0 else ''}"
        yield f"last in line {page.text[span.end : span.end + 4].strip(' €$£')[:1] in ('', chr(10))}"


def meaning(page: Page, span: Span) -> Iterator[str]:
    """What it and its line are about, by the dictionary, and that together with its place."""
    line = page.line_of(span)
    for word in WORD.findall(page.text[span.start : span.end].lower())[:_MANY]:
        yield from (f"is {concept}" for concept in concepts.of_word(word))
    for concept in page.meanings[line]:
        yield f"about {concept}"
        yield f"about {concept}, {span.kind}"
    for concept in page.meanings[line - 1] if line else ():
        yield f"above {concept}"
    if isinstance(span.value, int | float) and span.value == page.greatest:
        yield from (f"greatest, about {concept}" for concept in page.meanings[line])
    if span.kind == "mention":
        yield from (f"{span.value} {concept}" for concept in page.counts(concepts) if concept.startswith("in "))


def nothing(page: Page) -> Iterator[str]:
    """What speaks for the field being empty: what the whole page is like."""
    yield "nothing"
    yield f"nothing in {len(page.lines).bit_length()} lines"
    yield from (f"nothing, {feature}" for feature in page.counts(hints))
