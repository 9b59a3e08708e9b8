"""Words of an exception's message: which vary from one failure to the next, and which numbers are codes.

Owns the lists of words and the forms of ids. Must not know where quotes or addresses begin.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address

from console.domain.exception_places import BLANK, blanked_file, blanked_host, looks_like_file


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ROLES = _words(
    "ability action argument attribute binding broadcaster cast channel class code column command component "
    "connection constraint contract database directive disk driver enum error event exception executing extension "
    "factory field file filter format function gate guard header host index input interface job key language "
    "library listener locale macro mailer message method middleware migration model module object offset "
    "operation option package parameter password permission policy process property provider queue reason "
    "relation relationship route rule schema scope script section sequence server service session status store "
    "stream table template trait transport trigger type variable view"
)
"""Words whose quoted neighbour is a name in the code, the configuration or the database."""
UNITS = _words(
    "ms s sec secs second seconds min mins minute minutes h hour hours day days µs B byte bytes kB KB MB GB TB "
    "KiB MiB GiB TiB % percent millisecond milliseconds"
)
_CALENDAR = _words(
    "January February March April May June July August September October November December "
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"
)
MONTHS = frozenset(name + point for full in _CALENDAR for name in (full, full[:3]) for point in ("", ",")) | {
    "GMT",
    "UTC",
    "AM",
    "PM",
    "am",
    "pm",
}
CURRENCIES = _words("EUR USD GBP CHF JPY CAD AUD SEK NOK DKK PLN CZK INR BRL € $ £ ¥")

_KNOWN = re.compile(
    r"(?i)utf-?\d{1,2}\w{0,10}|sha-?\d{1,3}|iso-8859-\d{1,2}|latin1|base64|x86_64|ipv[46]|oauth2|i18n|l10n|k8s"
    r"|[a-z]{2}-[a-z]{4,9}-\d"
)
_COMPOUND = _words(
    "add all auto based built by case change check class client content cross date dead default double end error "
    "ever existing fail file first free full hard half high host id in job key known last left level line live "
    "long lock loop low main multi name new non not null off on one only open opt out over own part per plug "
    "point post pre print private public queue re read retry right run safe self semi server set side sign single "
    "so start step sub sync text third three time to two type un up user valid value wide well white work write"
)
"""Parts of hyphenated English words, which are no slugs."""
_NUMBER = re.compile(
    r"\d[\d.,:_/-]*(?:[a-zµ]{1,2}|[KMGT]?i?B|%|[snrt][tdh])?|\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)?"
    r"|\d{1,2}/[A-Z][a-z]{2}/\d{4}(?:[\d:]*)"
)
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,5}")
_PREFIXED = re.compile(r"([A-Za-z]{1,12}_(?:test_|live_)?)([A-Za-z0-9]{8,255})")
_HEX = re.compile(r"(?i)(?:0x)?[0-9a-f]{7,128}")
_UUID = re.compile(r"(?i)[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}")
_MAC = re.compile(r"(?i)[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}")
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)+")
_CODE = re.compile(r"(?=[^\d]*\d)[\w.#]+(?:[-/][\w.#]+)+")
_TURNS = re.compile(r"\d+|[^\W\d_]+")
_DIGITS = re.compile(r"\d+")

_STATUS = r"[1-5]\d\d"
_REASONS = (
    "Bad|Unauthorized|Payment Required|Forbidden|Not|Method|Request|Conflict|Gone|Length|Precondition|Payload|URI|"
    "Unsupported|Expectation|Misdirected|Unprocessable|Locked|Too|Unavailable|Internal|Service|Gateway|Moved|Found|"
    "Temporary|Permanent|OK|Created|Accepted"
)
_CODES = re.compile(
    r"SQLSTATE(?P<state>\[\w{1,10}\])(?:(?P<gap> )(?P<errno>\[\d{1,5}\])|: [^:\d]{1,80}: (?P<number>\d{1,5})\b)?"
    rf"|(?i:\bHTTP(?:/\d(?:\.\d)?)?|\bstatus(?: code)?|\bresponse(?: code)?|\b(?:got|with|return|reply) code"
    rf"|\bcode:|\(code)[ :=]{{0,3}}(?:(?:was|is|of|got|code|status|error)[ :]{{1,2}})?"
    rf"[\[(]?(?P<quote>[\"'`]?)(?P<http>{_STATUS})\b"
    rf"|(?i:\b(?:returned|answered|responded|replied|received|got|with|gave))(?i: (?:an?|with|by))? "
    rf"(?P<said>{_STATUS})(?=[.,;:!?)]|\Z| (?:from|for|on|to|when|after|while|by|at|response|error|instead|status)\b)"
    rf"|(?<![\w.,#-])(?P<reason>{_STATUS})(?= (?:{_REASONS})\b)"
    r"|(?i:\b(?:error|errno|exit code|exit status|exited with|signal|error code)) ?[:#=]? ?[\[(]?(?P<error>\d{1,5})\b"
    r"(?![.,:/-]?\d)"
    r"|(?i:\b(?:argument|parameter) )(?P<position>#\d{1,3})\b"
    r"|resulted in a (?P<result>`\d{3}[^`]{0,100}`)"
)


def error_codes(text: str) -> frozenset[int]:
    """Where the numbers, quotes and brackets begin that hold a code: of SQL, HTTP, curl, a program's end, and which
    argument it was. Numbers of three digits are HTTP's only beside its words."""
    return frozenset(_starts(text))


def _starts(text: str) -> Iterator[int]:
    for match in _CODES.finditer(text):
        for name, value in match.groupdict().items():
            if value and name not in ("gap", "quote"):
                yield match.start(name) - (1 if name == "http" and match["quote"] else 0)
                yield match.start(name)


def is_number(text: str) -> bool:
    """Whether it is a number, with its unit perhaps: an amount, a time, a size, a date."""
    return len(text) <= 100 and _NUMBER.fullmatch(text) is not None


def blanked_word(word: str) -> str:
    """The word, with what varies in it as `…`."""
    if len(word) > 300:
        return BLANK
    if word.isalpha() or _KNOWN.fullmatch(word) or word.startswith("--"):
        return word
    if "@" in word and _EMAIL.fullmatch(word):
        return BLANK
    if "\\" in word or "::" in word or word.startswith("$"):
        return BLANK if _is_address(word) else word
    if _UUID.fullmatch(word) or _MAC.fullmatch(word) or _is_address(word):
        return BLANK
    if looks_like_file(word):
        return blanked_file(word)
    if "/" in word and not is_number(word) and not _CODE.fullmatch(word):
        return "/".join(blanked_word(part) if part else "" for part in word.split("/")[:40])
    name, colon, port = word.rpartition(":")
    if colon and port.isdecimal():
        return f"{BLANK if _is_address(name) else blanked_host(name)}:{port if int(port[:6]) < 32768 else BLANK}"
    return _blanked_id(word)


def _blanked_id(word: str) -> str:
    prefixed = _PREFIXED.fullmatch(word)
    if prefixed and _is_random(prefixed[2]):
        return prefixed[1] + BLANK
    if _HEX.fullmatch(word) and any(each.isdigit() for each in word):
        return BLANK
    if re.fullmatch(r"[A-Za-z][\w-]*(?:\.[\w-]+)*\.[A-Za-z]{2,}", word):
        return blanked_host(word)
    if "-" in word:
        if _CODE.fullmatch(word):
            return BLANK
        return BLANK if _SLUG.fullmatch(word) and not _COMPOUND.intersection(word.split("-")) else word
    turns = _TURNS.findall(word)
    if word.isalnum() and (len(turns) > 3 or (len(turns) > 2 and len(word) > 7)):
        return BLANK
    return _DIGITS.sub(BLANK, word)


def _is_random(text: str) -> bool:
    return any(each.isdigit() for each in text) or (text[1:].lower() != text[1:] and text.upper() != text)


def _is_address(word: str) -> bool:
    """An IP address, with its port or prefix perhaps."""
    bare = word.partition("/")[0].strip("[]")
    if not any(each.isdigit() for each in bare) and bare != "::":
        return False
    try:
        ip_address(bare)
    except ValueError:
        return False
    return True
