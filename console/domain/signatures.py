"""What failures of one cause have in common: the exception's class, and its message without what varies.

Owns the rules by which a part of a message varies. Must not know a failed job. Each text is judged alone and by its
form: a rule that compared texts would regroup failures whenever one more comes.
"""

from __future__ import annotations

import re
from functools import lru_cache

from console.domain.exception_places import BLANK, blanked_file, blanked_url
from console.domain.exception_words import (
    CURRENCIES,
    MONTHS,
    ROLES,
    UNITS,
    blanked_word,
    error_codes,
    is_number,
)
from console.domain.untrusted import Raw

_READ = 8_000
"""Characters of a message that are looked at: many times what a signature keeps."""
_KEPT = 600
"""Characters of a signature; the names of keys stand late in the messages of databases."""
_MOST_VALUES = 8
_DIGIT_BEHIND = re.compile(r"[\s,]{0,3}\d")
_COLON_BEHIND = re.compile(r"\s{0,3}:")
_KEY = re.compile(r"\w{1,40}")
_NAME = re.compile(r"[\w.-]{1,60}")
_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<url>[a-z][a-z0-9+.-]{1,20}://(?:\[[0-9a-fA-F:.]{2,45}\])?[^\s\"'`<>\[\](){}|]*)"
    # `…` holds names of tables and columns in MySQL's messages, and what Guzzle quotes.
    r"|(?P<quoted>\"[^\"]{0,2000}\"|`[^`]{0,500}`|(?<!\w)'(?:[^']|(?<=\w)'(?=\w)){0,2000}'(?!\w))"
    r"|(?P<open>(?<![\w.,;:])[\"'](?=\S))"
    r"|(?P<bracketed>\[(?:[^\[\]]|\[[0-9a-fA-F:.]{2,45}\]){0,500}\])"
    # A file's name may hold blanks.
    r"|(?P<file>/?(?:[\w.@%+~-]{1,100}/){1,30}[\w.-]{1,80}(?: [\w.-]{1,40}){1,3}"
    r"\.(?:pdf|csv|xlsx?|docx?|jpe?g|png|zip)\b)"
    r"|(?P<word>(?:[^\s\"'`\[\](){}<>=,;|]|(?<=\w)'(?=\w)|(?<=\d),(?=\d))+)"
    r"|(?P<other>.)",
    re.DOTALL,
)
_CONNECTION = re.compile(r" \((?:Connection: [^,()]{1,100}, )?(?:[A-Z][a-z]+: [^,()]{0,200}, ){0,4}SQL: ")
_UNREACHABLE = re.compile(r"SQLSTATE\[(?:\w{1,5}\] \[|08)|server has gone away|Lost connection to")
_STATEMENT = re.compile(
    r"(?i)(insert(?: ignore)? into|replace into|update|delete from|alter table)\s+[`\"\[]?([\w.]{1,100})"
)
_FROM = re.compile(r"(?i) from [`\"\[]?([\w.]{1,100})")
_BETWEEN = frozenset(("a", "an", "the", "at", "is", "to", "of", "with", "named", "called"))
_ROLE_BEHIND = re.compile(r"\s+(?:input |array )?([a-z]{3,12})\b")
_RESULT = re.compile(r"`(\d{3}) [^`]*`\Z")
_PLURAL = re.compile(rf"({BLANK} (?:more |other )?(?!doe|ha)[a-z]{{2,30}}[a-hj-rtv-z])s\b")
"""`1 more error` and `2 more errors` are one."""
_BLANKS = re.compile(rf"{BLANK}(?:[\s,/:+;&-]{{0,20}}{BLANK})+")
_QUOTED_BLANK = re.compile(rf"\"{BLANK}\"|'{BLANK}'")
_LETTER = re.compile(r"(?<=\s)\([^\s()]\)")
_ANONYMOUS = re.compile(r"\$[0-9a-f]{1,20}\Z")
_NAMESPACED = re.compile(r"\\?[A-Z_]\w+(?:\\{1,2}[A-Za-z_]\w+)+(?:::\w+)?")
_PUNCTUATION = ".:!?…"


@lru_cache(maxsize=2048)
def signature(exception_class: Raw, message: Raw) -> str:
    """One harmless line that failures of the same cause share. What varies is `…`: numbers, ids, times, amounts,
    addresses, names of temporary files, and what is quoted unless the words around say that it is a name in the code
    or the database. Names of keys, tables, columns and classes stay, and so do error codes and HTTP's."""
    name = _ANONYMOUS.sub("", exception_class.show(200))
    first = message.exact()[:_READ].lstrip().split("\n", 1)[0]
    text = _shortened(blanked(_without_values(first)))
    return f"{name}: {text}" if text else name


def blanked(text: str) -> str:
    """The text with what varies as `…`; it ends early where nobody would read on."""
    return _Scan(text).result()


def _shortened(text: str) -> str:
    text = _LETTER.sub(f"({BLANK})", _QUOTED_BLANK.sub(BLANK, text))
    text = _PLURAL.sub(r"\1", _BLANKS.sub(BLANK, text)).strip()
    return Raw.of(text.encode("utf-8", "surrogateescape")).show(_KEPT)


def _without_values(text: str) -> str:
    """The statement that a QueryException quotes, as its verb and table. Where the server could not be reached it is
    left out: whichever came first failed."""
    found = _CONNECTION.search(text)
    if found is None:
        return text
    head, statement = text[: found.start()], text[found.end() :]
    if _UNREACHABLE.search(head):
        return head
    known = _STATEMENT.match(statement)
    if known is not None:
        return f"{head} (SQL: {known[1]} `{known[2]}`)"
    table = _FROM.search(statement)
    verb = re.match(r"\w{1,20}", statement)
    return f"{head} (SQL: {verb[0] if verb else ''}" + (f" from `{table[1]}`)" if table else ")")


class _Scan:
    """One walk over a text, which knows the words that stand before the place it is at."""

    def __init__(self, text: str, before: tuple[str, ...] = ()) -> None:
        self._text = text
        self._before = list(before)
        self._codes = error_codes(text)
        self._values: set[str] = set()
        self._after_number = False
        self._parts: list[str] = []
        self._length = 0

    def result(self) -> str:
        for match in _TOKEN.finditer(self._text):
            kind = match.lastgroup
            if kind == "open" and self._text.find(match[0], match.end()) < 0:
                # Cut off inside a quotation.
                self._add(match[0] + BLANK)
                break
            self._add(self._part(kind or "other", match))
            if self._length > 2 * _KEPT:
                break
        result = "".join(self._parts)
        for value in self._values:
            # What varied once varies where the message says it again.
            result = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", BLANK, result)
        return result

    def _add(self, part: str) -> None:
        if part == BLANK and self._parts and self._parts[-1] == BLANK:
            return
        self._parts.append(part)
        self._length += len(part)

    def _part(self, kind: str, match: re.Match[str]) -> str:
        text = match[0]
        if kind in ("space", "other", "open"):
            if kind == "space" and self._after_number and (self._parts or [""])[-1] == BLANK:
                return self._space_behind_number(match)
            self._after_number = self._after_number and kind == "space"
            return " " if kind == "space" else text
        if kind == "word":
            return self._word(text, match)
        self._after_number = False
        if kind == "url":
            return blanked_url(text)
        if kind == "file":
            return blanked_file(text)
        return self._enclosed(text, match)

    def _space_behind_number(self, match: re.Match[str]) -> str:
        """A run of numbers is one: a space between two of them is left out, as is the first of them."""
        following = self._text[match.end() : match.end() + 1]
        if following.isdigit():
            self._parts.pop()
            self._length -= 1
            return ""
        return " "

    def _word(self, text: str, match: re.Match[str]) -> str:
        core = text.rstrip(_PUNCTUATION)
        tail = text[len(core) :]
        number = core.lstrip("#+-−~€$£¥")
        part = core
        if match.start() in self._codes or self._is_port(number):
            pass
        elif is_number(number):
            part = BLANK
            self._note(core)
            self._after_number = True
            return part + tail
        elif self._after_number and core in UNITS:
            # The number before stands for both.
            self._parts[-2:] = [BLANK] if self._parts[-1] == " " else self._parts[-2:]
            return tail
        elif core in MONTHS or core in CURRENCIES:
            beside = self._after_number or _DIGIT_BEHIND.match(self._text, match.end())
            part = BLANK if beside else core
        elif core:
            part = blanked_word(core)
        self._after_number = part == BLANK and self._after_number
        self._note(core)
        return part + tail

    def _is_port(self, number: str) -> bool:
        return bool(self._before) and self._before[-1] == "port" and number.isdecimal() and int(number[:6]) < 32768

    def _note(self, word: str) -> None:
        self._before = [*self._before[-3:], word.lower()]

    def _enclosed(self, text: str, match: re.Match[str]) -> str:
        """What stands in quotes or brackets: a name in a known role keeps its words, anything else varies."""
        begin, inner, end = text[0], text[1:-1], text[-1]
        if match.start() in self._codes or self._is_name(begin, inner, match.end()):
            scan = _Scan(inner, tuple(self._before))
            kept = inner if match.start() in self._codes else scan.result()
            if _RESULT.match(text):
                kept = inner
        else:
            kept = BLANK
            if 6 <= len(inner) <= 200 and len(self._values) < _MOST_VALUES:
                self._values.add(inner)
        # A following `:` makes it a key of JSON, whose value it describes.
        self._note(inner if len(inner) < 30 else "")
        return begin + kept + end

    def _is_name(self, begin: str, inner: str, end: int) -> bool:
        if begin == "`" or "://" in inner or inner.startswith(("/", "'/")) or _NAMESPACED.fullmatch(inner):
            return True
        if begin == "[" and " " in inner.strip():
            return True
        words = [word for word in self._before[-3:] if word.strip(":") not in _BETWEEN]
        if words and words[-1].rstrip(":") in ROLES:
            return True
        if _COLON_BEHIND.match(self._text, end) and begin == '"' and _KEY.fullmatch(inner):
            return True
        behind = _ROLE_BEHIND.match(self._text, end)
        return behind is not None and behind[1] in ROLES and _NAME.fullmatch(inner) is not None
