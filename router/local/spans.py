"""Finds what in a text could be the value of a field: numbers, dates, codes, lines, names, a few words in a row."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from .belief import Json

RUNS = tuple(f"run of {length}" for length in range(1, 8))
_RUNS_IN_TEXTS_UP_TO = 400  # characters; longer texts would have thousands of runs

_NUMBER = re.compile(
    r"(?<![\w.,])[-\u2212(]?[$€£¥]?\s?(\d{1,3}(?:[.,' ]\d{3})+(?:[.,]\d{1,2})?|\d+(?:[.,]\d+)?)(-?)(?![\w]|[.,]\d)"
)
_MINUS = "-\u2212("
_ISO = re.compile(r"\b(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})\b")
_EAST_ASIAN = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日")
_NUMERIC = re.compile(r"\b(\d{1,2})([-/.])\s?(\d{1,2})\2\s?(\d{4}|\d{2})\b")
_MONTHS = (
    "jan ene gen", "feb fév fev", "mar mär mrz maa", "apr avr abr", "may mai maj mag mei", "jun juin giu",
    "jul juil lug", "aug août aou ago", "sep set", "oct okt ott", "nov", "dec dez déc dic",
)  # fmt: skip
_DAY_MONTH = re.compile(
    r"\b(\d{1,2})(?:st|nd|rd|th|\.|er)?[ -]+(?:of |de |di )?([^\W\d_]{3,10})\.?,?[ -]+(?:de |del )?(\d{4}|\d{2})\b"
)
_MONTH_DAY = re.compile(r"\b([^\W\d_]{3,10})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})\b")
_NUMBER_WORDS = """
zero|one a an single eine ein un une uno una|two zwei deux dos due couple both pair|three drei trois tres tre|
four vier quatre cuatro quattro|five fünf cinq cinco cinque|six sechs seis sei|seven sieben sept siete sette|
eight acht huit ocho otto|nine neun neuf nueve nove|ten zehn dix diez dieci|eleven elf onze once undici|
twelve dozen zwölf douze doce dodici"""
_NAMED_NUMBERS = {word: number for number, words in enumerate(_NUMBER_WORDS.split("|")) for word in words.split()}
_CURRENCIES = {
    "USD": r"\$|USD|(?:US[ -]?)?dollars?|bucks?|dólares|us\$",
    "EUR": r"€|EUR|euros?",
    "GBP": r"£|GBP|pounds?(?: sterling)?|quid|libras",
    "JPY": r"¥|JPY|yen",
    "CNY": r"¥|CNY|RMB|yuan",
    "CHF": r"CHF|Fr\.|Franken|(?:swiss )?francs?|Stutz",
    "CAD": r"CAD|C\$|CA\$|\$|canadian dollars?",
    "AUD": r"AUD|A\$|AU\$|\$|au(?:stralian|ssie) dollars?",
    "NZD": r"NZD|NZ\$|\$",
    "MXN": r"MXN|\$|pesos?",
    "SEK": r"SEK|kr|(?:swedish )?kron(?:a|or)",
    "NOK": r"NOK|kr|(?:norwegian )?kroner?",
    "DKK": r"DKK|kr|(?:danish )?kroner?",
    "PLN": r"PLN|zł|zlot(?:y|ys|ych)|złot(?:y|ych|e)",
    "CZK": r"CZK|Kč",
    "HUF": r"HUF|Ft",
    "INR": r"INR|₹|Rs\.?|rupees?",
    "BRL": r"BRL|R\$|reais|real",
    "TRY": r"TRY|TL|₺|lira",
    "KRW": r"KRW|₩|won",
    "THB": r"THB|฿|baht",
    "SGD": r"SGD|S\$|\$",
    "HKD": r"HKD|HK\$|\$",
    "MYR": r"MYR|RM",
    "ZAR": r"ZAR|rand|R(?= ?\d)",
}
_DAY_NAME = (
    r"(?:next |this |on )?(?:mon|tues|wednes|thurs|fri|satur|sun)day|today|tomorrow|tonight|(?:montag|dienstag|"
    r"mittwoch|donnerstag|freitag|samstag|sonntag|heute|morgen)|(?:lun|mar|mercre|jeu|vendre|same)di|dimanche|demain|lunes|"
    r"martes|miércoles|jueves|viernes|sábado|domingo|hoy|mañana|domani|oggi|"
    r"\d{1,2}(?:st|nd|rd|th|\.)? (?:jan|feb|mar|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[a-zä]*|"
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december) \d{1,2}(?:st|nd|rd|th)?"
)
_HOUR = r"\d{1,2}(?:[:.]\d\d)? ?(?:[ap]\.?m\.?)?|noon|midnight|morning|afternoon|evening|night"
_MOMENT = re.compile(
    rf"\b(?:(?:{_DAY_NAME})(?:,? (?:at |um |à |a las )?(?:{_HOUR}))?|(?:{_HOUR}),? (?:on )?(?:{_DAY_NAME})|"
    r"in (?:\d+|an?|two|three|half an) (?:minute|hour|day|week|month)s?|(?:\d{1,2}[:.]\d\d|\d{1,2} ?[ap]m|noon)|"
    r"this (?:morning|afternoon|evening)|next (?:week|month|year)|every \w+)(?!\w)",
    re.I,
)
_DAY = re.compile(rf"\b(?:{_DAY_NAME})(?!\w)", re.I)
_OPENING = re.compile(r"(?:\b(?:to|that|me|add|put|buy|need|get|stick|write|about|of|and)|[:,-]) (?=\w)", re.I)
_CLOSING = re.compile(r"[.!?;]|$| (?:to|on|onto|for|at|in|please|pls|zum|auf|à|a) ?", re.I)
_WORD = re.compile(r"[^\W_]+(?:['\u2019.&-][^\W_]+)*")
_WRITTEN_CODE = re.compile(r"(?=(?<![\w-])((?:[A-Za-z]{1,3} (?=\d))?[\w-]+))")
_PATTERNS = {
    "mail": re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    "link": re.compile(r"(?:https?://|www\.)[^\s<>\"']*[\w/]"),
    "phone": re.compile(r"\+?\(?\d[\d ()./-]{6,}\d"),
    "time": re.compile(
        r"\b(?:\d{1,2}:\d\d(?::\d\d)?(?: ?[ap]\.?m\b\.?)?|\d{1,2} ?(?:[ap]\.?m|h|Uhr)\b\.?|noon|midnight)", re.I
    ),
    "code": re.compile(r"#?\b(?=[\w/-]*\d)[A-Za-z]{0,5}[-/ ]?\d[\w/-]{2,}"),
    "quote": re.compile(r"[\"\u201c\u201e\u00ab']([^\"\u201d\u201c\u00bb'\n]{2,60})[\"\u201d\u201c\u00bb']"),
    "name": re.compile(
        r"\b[A-ZÀ-Þ][\w'\u2019&.-]*"
        r"(?: (?:[A-ZÀ-Þ][\w'\u2019&.-]*|&|of|and|the|de|la|du|von|und|y|e)(?!\w))*"
    ),
    "name after a title": re.compile(
        r"\b(?:Dr|Mr|Mrs|Ms|Prof|Herr|Frau|Mme|Sra?)\.? ([A-ZÀ-Þ][\w'\u2019-]*(?: [A-ZÀ-Þ][\w'\u2019-]*)*)"
    ),
    "after a colon": re.compile(r"[:=] *([^\s:][^\n]{0,80})"),
    "column": re.compile(r"(?:^|\s\s+|\t|\|)([^\s|][^\n|]*?)(?=\s\s+|\t|\||$)", re.M),
    "line": re.compile(r"^[ \t]*([^\s][^\n]{0,90})", re.M),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the text and the value it stands for."""

    kind: str
    value: Json
    start: int
    end: int


Finder: TypeAlias = Callable[[str], Iterable[Span]]


def numbers(text: str) -> Iterator[Span]:
    """Numbers with decimals, thousands marks, a minus on either side or brackets; small ones as words too."""
    for match in _NUMBER.finditer(text):
        sign = -1 if match.group(0)[0] in _MINUS or match.group(2) else 1
        yield Span("number", sign * _number(match.group(1)), match.start(), match.end())
    for match in _WORD.finditer(text):
        if (number := _NAMED_NUMBERS.get(match.group(0).lower())) is not None:
            yield Span("number word", number, match.start(), match.end())


def dates(text: str) -> Iterator[Span]:
    """Days with a year, as ISO dates; 03/04/2026 is read both ways."""
    for match in _ISO.finditer(text):
        yield from _day("iso", match, match[1], match[2], match[3])
    for match in _EAST_ASIAN.finditer(text):
        yield from _day("iso", match, match[1], match[2], match[3])
    for match in _NUMERIC.finditer(text):
        yield from _day(f"day {match[2]} month", match, match[4], match[3], match[1])
        yield from _day(f"month {match[2]} day", match, match[4], match[1], match[3])
    for match in _DAY_MONTH.finditer(text):
        yield from _day("named month", match, match[3], _month(match[2]), match[1])
    for match in _MONTH_DAY.finditer(text):
        yield from _day("named month first", match, match[3], _month(match[1]), match[2])


def texts(text: str) -> Iterator[Span]:
    """Mail addresses, times, codes, names, lines, what follows a colon, and the like."""
    for kind, pattern in _PATTERNS.items():
        for match in pattern.finditer(text):
            group = 1 if pattern.groups else 0
            value = match.group(group).rstrip(" \t,;")
            yield Span(kind, value, match.start(group), match.start(group) + len(value))
            if kind == "name" and value.endswith("."):  # the end of a sentence, or of an abbreviation
                yield Span(kind, value[:-1], match.start(group), match.start(group) + len(value) - 1)


def runs(text: str) -> Iterator[Span]:
    """Up to seven words in a row, within a sentence, in short texts."""
    found = list(_WORD.finditer(text[:_RUNS_IN_TEXTS_UP_TO]))
    for first, begin in enumerate(found):
        for length, last in enumerate(found[first : first + len(RUNS)]):
            if re.search(r"[.!?;:]\s|\n", text[begin.start() : last.start()]):
                break
            yield Span(RUNS[length], text[begin.start() : last.end()], begin.start(), last.end())


def moments(text: str) -> Iterator[Span]:
    """Days without a year, hours, and both together: tomorrow at 10, in 20 minutes; the days also by themselves."""
    for kind, pattern in (("moment", _MOMENT), ("day", _DAY)):
        for match in pattern.finditer(text):
            begin = match.start() + (len("on ") if match.group(0).lower().startswith("on ") else 0)
            yield Span(kind, text[begin : match.end()], begin, match.end())


def clauses(text: str) -> Iterator[Span]:
    """What is wanted: from a word like `to` or `add` up to a moment, a preposition or the end, in short texts."""
    seen = text[:_RUNS_IN_TEXTS_UP_TO]
    moments_begin = [match.start() for match in _MOMENT.finditer(seen)]
    for opening in _OPENING.finditer(seen):
        begin = opening.end()
        ends = [match.start() for match in _CLOSING.finditer(seen, begin)]
        stop = min([start for start in moments_begin if start > begin], default=len(seen))
        for kind, end in (("clause", min(ends)), ("long clause", min(stop, seen.find(".", begin) % (len(seen) + 1)))):
            if value := seen[begin:end].rstrip(" ,.!?"):
                yield Span(kind, value, begin, begin + len(value))


def compiled(pattern: str) -> re.Pattern[str] | None:
    """A schema's pattern; None for one that only other dialects know: values are then not held to it."""
    try:
        return re.compile(pattern)
    except re.error:
        return None


def matching(pattern: str) -> Finder:
    """Finds what fits a schema's pattern once blanks and dashes are dropped and letters are capitals."""
    wanted = compiled(pattern)

    def find(text: str) -> Iterator[Span]:
        for match in _WRITTEN_CODE.finditer(text):
            bare = re.sub(r"[\s_-]", "", match.group(1))
            values = [value for value in (match.group(1), bare, bare.upper()) if wanted and wanted.search(value)]
            yield from (Span("pattern", value, match.start(1), match.end(1)) for value in values[:1])

    return find


def mentions(values: Iterable[str]) -> Finder:
    """Finds the words of a list of values, and the signs and names of currencies in it."""
    wanted = {value: _CURRENCIES.get(value, re.escape(value).replace("_", "[ _-]")) for value in values}
    patterns = {value: re.compile(rf"(?<![^\W_])(?:{words})(?![^\W\d_])", re.I) for value, words in wanted.items()}

    def find(text: str) -> Iterator[Span]:
        for value, pattern in patterns.items():
            if match := pattern.search(text):
                yield Span("mention", value, match.start(), match.end())

    return find


def _number(digits: str) -> int | float:
    """Reads 1,234.50 and 1.234,50 and 1234,5: the last mark is the decimal one, unless three digits follow it."""
    plain = re.sub(r"[' ]", "", digits)
    head, mark, tail = plain.rpartition("," if plain.rfind(",") > plain.rfind(".") else ".")
    if not mark or (len(tail) == 3 and head != "0"):
        return int(re.sub(r"\D", "", plain))
    return float(f"{re.sub(r'[^0-9]', '', head) or 0}.{tail}")


def _day(kind: str, match: re.Match[str], year: str, month: str | int, day: str) -> Iterator[Span]:
    """The span of a day that exists."""
    full_year = int(year) + (2000 if len(year) == 2 else 0)
    try:
        value = date(full_year, int(month), int(day)).isoformat()
    except ValueError:
        return
    yield Span(kind, value, match.start(), match.end())


def _month(name: str) -> int:
    """The number of a month by the beginning of its name; 0 for another word."""
    low = name.lower()
    return next((n for n, starts in enumerate(_MONTHS, 1) if low.startswith(tuple(starts.split()))), 0)
