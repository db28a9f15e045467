"""What an object's key means: whether it is an image, and its category, group, identifier and variant.

What belongs here: rules that look at one key, the variant order, image ids, partition slugs. Not here: the objects of a
category (`build.py`), what changed (`diff.py`), the bucket's own manifest.json (`bucket_manifest.py`).
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from pipeline.errors import SettingsError
from pipeline.settings import SKIP_NAMES

SINGLE_CATEGORY = "all"  # the only category of a source that is read as one
ROOT_CATEGORY = "root"  # objects in no folder
# The category of a top folder named "root". No folder name contains a slash, so this collides with none.
ROOT_FOLDER_CATEGORY = "root/"
MAX_SLUG = 60  # characters; a partition key is part of file names and run keys

Categories = Literal["all", "single"] | list[str]

# Extensions that are never pictures. With an unknown or no extension, the content decides (`stages/images/decode.py`).
# A camera's .thm is a picture, but of the video beside it.
NOT_IMAGES = frozenset(
    {
        "3g2", "3gp", "7z", "aac", "aae", "acr", "aif", "aiff", "amr", "arp", "asf", "avi", "bz2", "c", "cop", "cos",
        "cpp", "css", "csv", "db", "doc", "docx", "dop", "eml", "epub", "exe", "fit", "flac", "flv", "go", "gpx", "gz",
        "h", "htm", "html", "icc", "icm", "ini", "insv", "ipynb", "java", "js", "json", "jsonl", "kml", "kmz", "lnk",
        "log", "lrcat", "lrprev", "lrv", "m2ts", "m4a", "m4v", "md", "mid", "mkv", "mod", "mov", "mp3", "mp4", "mpeg",
        "mpg", "msg", "mts", "mxf", "nksc", "npy", "npz", "odp", "ods", "odt", "ogg", "ogv", "on1", "onnx", "opus",
        "parquet", "pdf", "pickle", "pkl", "pp3", "ppt", "pptx", "pt", "pth", "py", "rar", "rmd", "rs", "rtf",
        "safetensors", "sh", "sqlite", "sqlite3", "srt", "tar", "tgz", "thm", "tod", "toml", "torrent", "ts", "tsv",
        "tsx", "ttf", "txt", "url", "vob", "vrd", "vtt", "wav", "webloc", "webm", "wma", "wmv", "woff", "woff2", "xls",
        "xlsx", "xml", "xmp", "xz", "yaml", "yml", "zip", "zst",
    }
)  # fmt: skip
# What programs leave beside a file: copies from before an edit, and files that are still being transferred.
_LEFT_BESIDE = re.compile(
    r"\.[a-z][a-z0-9]{1,4}(~|_original|_exiftool_tmp|\.(bak|orig|old|tmp|temp|part|partial|[0-9a-f]{8}\.partial|"
    r"crdownload|download|filepart|opdownload|aria2|!ut|!qb|bc!))$",
    re.IGNORECASE,
)
_SIZED_NAME = re.compile(
    r"(?P<group>[^/]+)/(?:(?P=group)-)?(?P<identifier>[^/]+)-(?P<variant>\d+w|original)\.(?P<extension>[^/.]+)"
)
_EXTENSION = re.compile(r"[^/]\.(?P<extension>[A-Za-z0-9]{1,8})$")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# If the largest of several "widths" is below this, they are watts, weeks or weights: nobody stores a picture in several
# widths of which none fills a phone's screen.
LEAST_LARGEST_WIDTH = 320
_LARGEST = 1 << 62  # `original` is larger than every width


class ParsedKey(NamedTuple):
    """The parts of a key. `group`, `variant` and `extension` (lower-case, no dot) may be missing."""

    category: str
    group: str | None
    identifier: str
    variant: str | None
    extension: str | None


def extension_of(key: str) -> str | None:
    """Lower-case extension without its dot, or None."""
    match = _EXTENSION.search(key)
    return match["extension"].lower() if match else None


def skipped_part(key: str, names: Sequence[str] = SKIP_NAMES) -> str | None:
    """The part of a key that matches `names` (settings: `source.skip_names`), such as .DS_Store; else None."""
    match = _skip_pattern(tuple(names)).search(key) if names else None
    return match[1] if match else None


def is_hidden(key: str, names: Sequence[str] = SKIP_NAMES) -> bool:
    """Whether a key matches `names`, or is the marker of a folder."""
    return key.endswith("/") or skipped_part(key, names) is not None


def is_addressable(key: str) -> bool:
    """Whether an object with this key can be requested: no part is empty, `.` or `..`, or has a control character."""
    return not any(part in ("", ".", "..") for part in key.split("/")) and not _CONTROL.search(key)


def sort_of(key: str, size: int, names: Sequence[str] = SKIP_NAMES) -> Literal["image", "hidden", "other"]:
    """`image` (perhaps), `hidden`, or `other` for a file that is certainly no image, or left beside one by a program.

    An empty object without an extension is an S3 folder marker, whose closing slash listings drop. An object with a
    closing slash that is not empty is no marker: it may be an image, although it cannot be requested.
    """
    if key.endswith("/") and size > 0 and skipped_part(key, names) is None:
        return "image"
    extension = extension_of(key)
    if is_hidden(key, names) or (size == 0 and extension is None):
        return "hidden"
    return "other" if extension in NOT_IMAGES or _LEFT_BESIDE.search(key) else "image"


def category_of(key: str, categories: Categories, names: Sequence[str] = SKIP_NAMES) -> str | None:
    """The category of a key (relative to the source), or None if it is in no category."""
    if categories == "single":
        return SINGLE_CATEGORY
    folder, slash, _ = key.partition("/")
    if categories == "all":
        if not slash:
            return ROOT_CATEGORY
        unusable = folder in ("", ".", "..") or is_hidden(folder, names)
        return None if unusable else category_of_folder(folder)
    fitting = [name for name in categories if key.startswith(f"{name}/")]
    return max(fitting, key=len, default=None)


def category_of_folder(folder: str) -> str:
    """The category of a top folder: its name, except for a folder named as `ROOT_CATEGORY`."""
    return ROOT_FOLDER_CATEGORY if folder == ROOT_CATEGORY else folder


def folder_of(category: str, categories: Categories) -> str | None:
    """The folder of a category's objects, without a closing slash; None for objects in no folder."""
    if categories == "single" or (categories == "all" and category == ROOT_CATEGORY):
        return None
    return category.removesuffix("/")


def within_category(key: str, category: str, categories: Categories, names: Sequence[str] = SKIP_NAMES) -> str | None:
    """The part of a key after its category's folder; None if the key is of another category."""
    if category_of(key, categories, names) != category:
        return None
    folder = folder_of(category, categories)
    return key if folder is None else key.removeprefix(f"{folder}/")


def pattern_of(category: str, patterns: Mapping[str, str]) -> str | None:
    """The user's pattern for a category, by its name or the name of its folder."""
    return patterns.get(category, patterns.get(category.removesuffix("/")))


def compile_pattern(category: str, pattern: str) -> re.Pattern[str]:
    """Compile a user's pattern. Raises `SettingsError` if it is no regular expression or has no group `identifier`."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        message = f"source.patterns.{category} is not a regular expression: {error} in {pattern!r}."
        raise SettingsError(message) from error
    if "identifier" not in compiled.groupindex:
        raise SettingsError(
            f"source.patterns.{category} needs a group (?P<identifier>…) that says which image it is: {pattern!r}."
        )
    return compiled


def parse_key(rest: str, category: str, pattern: re.Pattern[str] | None = None) -> ParsedKey | None:
    """Parse `rest`, the key after its category's folder. None only if a user's `pattern` does not match it."""
    extension = extension_of(rest)
    if pattern is not None:
        match = pattern.fullmatch(rest)
        if match is None or not match["identifier"]:
            return None
        named = match.groupdict()
        group, variant = named.get("group") or None, named.get("variant") or None
        return ParsedKey(category, group, named["identifier"], variant, extension)
    sized = _SIZED_NAME.fullmatch(rest)
    if sized:
        return ParsedKey(category, sized["group"], sized["identifier"], sized["variant"], sized["extension"].lower())
    return parse_name(rest, category)


def parse_name(rest: str, category: str) -> ParsedKey:
    """Parse `rest` as `parse_key` does, but without looking for a width in the file's name."""
    extension = extension_of(rest)
    group, slash, identifier = rest.partition("/")
    if not slash or not group or not identifier:  # a key that cannot be requested still gets its own id
        return ParsedKey(category, None, rest, None, extension)
    return ParsedKey(category, group, identifier, None, extension)


def is_doubtful(variant: str | None, wanted: str) -> bool:
    """Whether a variant may be no width: it is small, and not the variant in the settings."""
    return variant is not None and variant != wanted and 0 <= _width(variant) < LEAST_LARGEST_WIDTH


def image_id(category: str, group: str | None, identifier: str) -> str:
    """16 hexadecimal digits, the same for all variants of an image."""
    text = f"{category}\0{group or ''}\0{identifier}"
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def variant_order(variant: str | None, wanted: str) -> tuple[int, int]:
    """Sort key under which the variant to read comes first: `wanted`, else the nearest larger, else the largest.

    No variant counts as the original; a name that is neither a width nor `original` counts as the smallest.
    """
    width, target = _width(variant), _width(wanted)
    return (0, width) if width >= target else (1, -width)


def slugify(category: str) -> str:
    """A partition key for a category: 1 to 60 of a-z, 0-9, - and _. Not unique; `slug_map` makes them so."""
    ascii_only = unicodedata.normalize("NFKD", category).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9_-]+", "-", ascii_only.lower()).strip("-")
    return slug[:MAX_SLUG] if slug else f"category-{_short_hash(category)}"


def slug_map(categories: Iterable[str], existing: Mapping[str, str]) -> dict[str, str]:
    """Slug → category for all of `existing` and `categories`.

    Existing pairs never change. If two categories would share a slug, it goes to the one that is called so, else to
    the first one; the other gets a suffix from its own name.
    """
    slugs = dict(existing)
    placed = set(slugs.values())
    for category in sorted(set(categories) - placed, key=lambda name: (slugify(name) != name, name)):
        slug, tries = slugify(category), 0
        while slug in slugs:
            slug, tries = f"{slugify(category)[: MAX_SLUG - 7]}-{_short_hash(category, tries)}", tries + 1
        slugs[slug] = category
    return slugs


def sample(keys: Sequence[str], most: int = 5) -> str:
    """The first few keys for an error message."""
    return ", ".join(repr(key) for key in keys[:most]) + (", …" if len(keys) > most else "")


@lru_cache(maxsize=32)
def _skip_pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    """A pattern that finds any of `names` as a part of a key; `*` and `?` match anything but a slash."""
    written = (re.escape(name).replace(r"\*", "[^/]*").replace(r"\?", "[^/]") for name in names)
    not_dots = r"(?!\.\.?(?:/|$))"  # `.` and `..` make a key that cannot be requested, not a hidden one
    return re.compile(f"(?:^|/){not_dots}({'|'.join(written)})(?:/|$)", re.IGNORECASE)


def _width(variant: str | None) -> int:
    if variant is None or variant == "original":
        return _LARGEST
    digits = variant.removesuffix("w")
    return int(digits) if digits.isascii() and digits.isdigit() else -1


def _short_hash(text: str, salt: int = 0) -> str:
    return hashlib.blake2b(f"{salt}{text}".encode(), digest_size=3).hexdigest()
