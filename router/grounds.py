"""What a text gives grounds for: the words, numbers and dates that occur in it, however they are written."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property, lru_cache

_DIGITS_MAX = 40
_SQUASHED_MIN = 8
"""From this many letters on, a value may be spaced otherwise than the input (`SDN BHD` in `SDNBHD`)."""

_MONTHS = (
    "jan januar january janvier enero gennaio januari ene gen",
    "feb februar february fevrier febrero febbraio februari fev fevr",
    "mar mrz marz march mars marzo maart maerz marco",
    "apr april avril abril aprile avr abr",
    "may mai mayo maggio mei mag",
    "jun juni june juin junio giugno giu",
    "jul juli july juillet julio luglio juil lug",
    "aug august aout agosto augustus ago",
    "sep sept september septembre septiembre settembre set",
    "oct oktober october octobre octubre ottobre okt ott",
    "nov november novembre noviembre",
    "dec dezember december decembre diciembre dicembre dez dic",
)
_MONTH_OF = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_NUMBER = re.compile(r"\d+(?:[.,'\u2019 \u00a0\u202f]\d+)*")
_BLANK = re.compile("[ \u00a0\u202f]")
_THREE_DIGITS = re.compile(r"\d{3}(?!\d)")
_NUMERIC_DATE = re.compile(r"(?<!\d)(?=(\d{1,4})\s?[./-]\s?(\d{1,2})\s?[./-]\s?(\d{1,4})(?!\d))")
_COMPACT_DATE = re.compile(r"(?<!\d)(20\d\d)(\d\d)(\d\d)(?!\d)")
_NAME = "(" + "|".join(sorted(_MONTH_OF, key=len, reverse=True)) + ")"
_DAY = r"(\d{1,2})(?:st|nd|rd|th|er|o)?"
_YEAR = r"(\d{4}|\d{2})(?!\d)"
_DAY_FIRST = re.compile(rf"(?<!\d){_DAY}[\s.,/-]*(?:de\s+|of\s+)?{_NAME}(?![a-z])[\s.,'/-]*(?:de\s+)?{_YEAR}")
_MONTH_FIRST = re.compile(rf"\b{_NAME}[\s.-]*{_DAY}[\s.,'-]+{_YEAR}")
_YEAR_FIRST = re.compile(rf"(?<!\d)(\d{{4}})[\s./-]*{_NAME}[\s./-]*(\d{{1,2}})(?!\d)")
_EAST_ASIAN = re.compile(r"(\d{4})\s?[年년]\s?(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日일]?")
_ASCII_WORD = re.compile(r"[a-z0-9]+")
_NUMERIC = re.compile(r"[-+]?\d+(\.\d+)?")


def normal(text: str) -> str:
    """Fold case, width and accents, and put one blank for every run of anything but letters and digits."""
    if text.isascii():  # most text is: one pass in C instead of one call a character
        return " ".join(_ASCII_WORD.findall(text.lower()))
    folded = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(c if c.isalnum() else "" if unicodedata.combining(c) else " " for c in folded)
    return " ".join(plain.split())


def amounts(text: str) -> Iterator[frozenset[Decimal]]:
    """Yield every number of a text in order, each as all the amounts that it may mean."""
    for match in _NUMBER.finditer(text):
        yield frozenset(_numbers_in(match[0]))


@dataclass(frozen=True)
class Grounds:
    """A text, ready to be asked whether values occur in it."""

    text: str

    @staticmethod
    @lru_cache(maxsize=256)
    def of(text: str) -> Grounds:
        return Grounds(text)

    def hold(self, value: str | int | float) -> bool:
        """Say whether *value* occurs: a number by its amount, of either sign, an ISO date by its day, else by words."""
        if not isinstance(value, str):
            return _decimal(value) in self._numbers
        if _ISO_DATE.fullmatch(value):
            return value in self._dates
        return self._has_words(value) or (bool(_NUMERIC.fullmatch(value)) and abs(Decimal(value)) in self._numbers)

    def hold_amount(self, readings: frozenset[Decimal]) -> bool:
        """Say whether a number occurs that may be read in these ways."""
        return not self._numbers.isdisjoint(readings)

    def _has_words(self, value: str) -> bool:
        words = normal(value)
        if not words:  # "€" or "": nothing is left to compare but the signs themselves
            return value in self.text
        if f" {words} " in f" {self._words} ":
            return True
        squashed = words.replace(" ", "")
        return len(squashed) >= _SQUASHED_MIN and squashed in self._squashed

    @cached_property
    def _words(self) -> str:
        return normal(self.text)

    @cached_property
    def _squashed(self) -> str:
        return self._words.replace(" ", "")

    @cached_property
    def amounts(self) -> tuple[frozenset[Decimal], ...]:
        """Every number of the text in order, each as all the amounts that it may mean."""
        return tuple(amounts(self.text))

    @cached_property
    def _numbers(self) -> frozenset[Decimal]:
        return frozenset(n for readings in self.amounts for n in readings)

    @cached_property
    def _dates(self) -> frozenset[str]:
        return frozenset(_dates_in(_unaccented(self.text)))


def _decimal(value: int | float) -> Decimal:
    return abs(Decimal(repr(value))).normalize()


def _numbers_in(written: str) -> Iterator[Decimal]:
    """Every amount that *written* may mean: `1.234,50` is one, `1,234` two, `3 12.50` two (columns run together)."""
    if written.isdecimal():  # most are: nothing stands between the digits that could mean two things
        yield from (Decimal(written).normalize(),) if len(written) < _DIGITS_MAX else ()
        return
    for spelled in _spelled_in(_BLANK.split(written)):
        for point, comma in ((".", ","), (",", "."), (".", "'"), (",", "'")):
            whole, _, fraction = spelled.replace("\u2019", "'").partition(point)
            groups = whole.split(comma)
            if len(spelled) < _DIGITS_MAX and _are_thousands(groups) and (fraction.isdecimal() or not fraction):
                yield Decimal(f"{''.join(groups)}.{fraction}").normalize()


def _are_thousands(groups: Sequence[str]) -> bool:
    """True where a separator may stand between *groups*: `12.50` is no 1250, but `1,23,456` is a number in India."""
    first, *middle = groups
    lengths_fit = not middle or (len(first) <= 3 and len(middle[-1]) == 3 and all(len(g) in (2, 3) for g in middle))
    return lengths_fit and all(group.isdecimal() for group in groups)


def _spelled_in(parts: Sequence[str]) -> Iterator[str]:
    """Each part, and each run of parts that blanks may only group by thousands: `2 1 234,50` holds `1234,50`."""
    for start, spelled in enumerate(parts):
        yield spelled
        grouped = len(spelled) <= 3
        for following in parts[start + 1 : start + 7] if grouped else ():
            if not spelled.isdecimal() or not _THREE_DIGITS.match(following):
                break
            spelled += following
            yield spelled


def _unaccented(text: str) -> str:
    """Without case, width and Latin accents; other scripts stay whole, their marks are letters."""
    folded = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(c for c in folded if not unicodedata.combining(c) or c > "\u0400")
    return unicodedata.normalize("NFC", plain)


def _dates_in(text: str) -> Iterator[str]:
    for match in _NUMERIC_DATE.finditer(text):
        a, b, c = match.groups()
        yield from _iso(a, b, c) if len(a) > 2 else (*_iso(c, b, a), *_iso(c, a, b), *_iso(a, b, c))
    for pattern in (_COMPACT_DATE, _EAST_ASIAN):
        for match in pattern.finditer(text):
            yield from _iso(match[1], match[2], match[3])
    for pattern, (year, month, day) in ((_DAY_FIRST, (3, 2, 1)), (_MONTH_FIRST, (3, 1, 2)), (_YEAR_FIRST, (1, 2, 3))):
        for match in pattern.finditer(text):
            if number := _MONTH_OF.get(match[month]):
                yield from _iso(match[year], str(number), match[day])


def _iso(year: str, month: str, day: str) -> tuple[str, ...]:
    """The day, if there is such a day; a year of two digits may be of this century or the last."""
    centuries = {2: (1900, 2000), 4: (0,)}.get(len(year), ())
    days = (_day(century + int(year), int(month), int(day)) for century in centuries)
    return tuple(day for day in days if day is not None)


def _day(year: int, month: int, day: int) -> str | None:
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return None
