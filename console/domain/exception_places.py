"""Files, hosts and URLs in an exception's message, without what varies from one failure to the next.

Owns which parts of a place stay. Must not know words that are no places.
"""

from __future__ import annotations

import re
from ipaddress import ip_address

BLANK = "…"
_TEMPORARY = ("/tmp/", "/var/tmp/", "/dev/shm/", "/private/var/", "/var/folders/")  # noqa: S108 - read, never written
_CODE = re.compile(
    r"(?i)[\w.-]{1,200}\.(?:php|phar|log|key|pem|crt|lock|ya?ml|ini|so|sock|conf|env|sh|js)|\.env[\w.]*|[\w-]+"
)
_DATA = re.compile(
    r"(?i)[^/]{1,255}(\.(?:pdf|csv|tsv|xlsx?|docx?|jpe?g|png|gif|webp|svg|zip|gz|txt|xml|json|html?|mp[34]|mov|ics|eml))"
)
_MEDIA = ("application/", "text/", "image/", "audio/", "video/", "multipart/")
_URL = re.compile(r"([a-z][a-z0-9+.-]{1,20}://)(?:[^/@]{0,200}@)?([^/?#]{0,300})([^?#]*)", re.DOTALL)
_RESOURCE = re.compile(r"[a-z][a-z_]{2,24}")
_VERSION = re.compile(r"v\d{1,3}(?:\.\d{1,3})?|api|rest")
_SLUG = re.compile(r"[a-z]+(?:-[a-z]+)+")


def looks_like_file(word: str) -> bool:
    """Whether it is a path, or the name of a file that holds data."""
    if word.startswith(_MEDIA):
        return False
    return (word.startswith("/") and len(word) > 1) or _DATA.fullmatch(word.rpartition("/")[2]) is not None


def blanked_file(path: str) -> str:
    """A path whose numbered directories and data's names are blank: files of code, logs and keys stay. Of a path
    within a store only its first directory stays, of a temporary file nothing but that it is one."""
    for temporary in _TEMPORARY:
        if path.startswith(temporary):
            return temporary + BLANK
    *directories, name = path.split("/")
    number = re.search(r"(?:\(\d{1,7}\)|:\d{1,7})\Z", name)
    name = name[: number.start()] if number else name
    data = _DATA.fullmatch(name)
    if data:
        name = BLANK + data[1].lower()
    elif _CODE.fullmatch(name) is None or not name.partition(".")[0].replace("_", "").replace("-", "").isalpha():
        name = BLANK if any(each.isdigit() for each in name) or name == "" or " " in name else name
    if data and directories and not path.startswith("/"):
        return f"{_directory(directories[0])}/{BLANK}{data[1].lower()}"
    return "/".join([*(_directory(each) for each in directories[:30]), name])


def _directory(name: str) -> str:
    return BLANK if any(each.isdigit() for each in name) or _SLUG.fullmatch(name) else name


def blanked_url(url: str) -> str:
    """Scheme, host and the first word of the path that names a kind of things: the rest varies."""
    match = _URL.match(url)
    if match is None:
        return url
    shown = []
    for part in match[3].rstrip(".,;:").split("/")[1:5]:
        if not _VERSION.fullmatch(part):
            shown += [part if _RESOURCE.fullmatch(part) else BLANK] if part else []
            break
        shown.append(part)
    return match[1] + blanked_host(match[2].rstrip(".,;")) + "".join(f"/{part}" for part in shown)


def blanked_host(host: str) -> str:
    """A host by its name, without what numbers one of many; its port stays unless it is one that is given at random."""
    bare, colon, port = host.rpartition(":")
    if not (colon and port.isdecimal()):
        bare, colon, port = host, "", ""
    if colon and int(port[:6]) >= 32768:
        port = BLANK
    try:
        ip_address(bare.strip("[]"))
        shown = BLANK
    except ValueError:
        shown = ".".join(_label(each) for each in bare.split(".")[:20])
    return shown + colon + port


def _label(label: str) -> str:
    if re.fullmatch(r"s3|v\d|k8s|[a-z]{2}-[a-z]{4,9}-\d", label):
        return label
    return BLANK if any(each.isdigit() for each in label) or _SLUG.fullmatch(label) else label
