"""What an object's key says: is it an image, of which category, group and identifier, in which variant.

What belongs here: rules that look at one key, the variant order, image ids, and partition slugs. Not here: which of
many objects make up a category and what changed (`stages/manifest/build.py`), and the bucket's own manifest.json
(`stages/manifest/bucket_manifest.py`). Pure: no disk, no network.
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
ROOT_CATEGORY = "root"  # objects that lie in no folder
# A top folder called as the category of loose images. No folder's name holds a slash, so this collides with none.
ROOT_FOLDER_CATEGORY = "root/"
MAX_SLUG = 60  # characters; a partition key is part of file names and run keys

Categories = Literal["all", "single"] | list[str]

# Known to hold no picture. An unknown or absent extension is kept: the content decides, in `stages/images/decode.py`.
NOT_IMAGES = frozenset(
    {
        "7z", "aae", "avi", "bz2", "css", "csv", "db", "doc", "docx", "exe", "gz", "htm", "html", "ini", "ipynb",
        "js", "json", "jsonl", "log", "m4a", "md", "mkv", "mov", "mp3", "mp4", "parquet", "pdf", "ppt", "pptx", "py",
        "rar", "rtf", "sh", "sqlite", "sqlite3", "tar", "toml", "ts", "tsv", "tsx", "ttf", "txt", "wav", "webm",
        "woff", "woff2", "xls", "xlsx", "xml", "xmp", "yaml", "yml", "zip", "zst",
    }
)  # fmt: skip
_SIZED_NAME = re.compile(
    r"(?P<group>[^/]+)/(?:(?P=group)-)?(?P<identifier>[^/]+)-(?P<variant>\d+w|original)\.(?P<extension>[^/.]+)"
)
_EXTENSION = re.compile(r"[^/]\.(?P<extension>[A-Za-z0-9]{1,8})$")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# Where the largest of several named widths is below this, they are watts, weeks or weights: nobody stores a picture in
# several widths of which none fills a phone's screen.
LEAST_LARGEST_WIDTH = 320
_LARGEST = 1 << 62  # `original` is larger than every width


class ParsedKey(NamedTuple):
    """What a key says about the image. `group`, `variant` and `extension` (lower-case, no dot) may be unknown."""

    category: str
    group: str | None
    identifier: str
    variant: str | None
    extension: str | None


def extension_of(key: str) -> str | None:
    """Lower-case extension without its dot, or None where the name has none."""
    found = _EXTENSION.search(key)
    return found["extension"].lower() if found else None


def skipped_part(key: str, names: Sequence[str] = SKIP_NAMES) -> str | None:
    """The part of a key that `names` (settings: `source.skip_names`) take for a system's housekeeping, else None."""
    found = _skip_pattern(tuple(names)).search(key) if names else None
    return found[1] if found else None


def is_hidden(key: str, names: Sequence[str] = SKIP_NAMES) -> bool:
    """Whether a key is somebody's housekeeping (`names`), or the marker of a folder."""
    return key.endswith("/") or skipped_part(key, names) is not None


def is_addressable(key: str) -> bool:
    """Whether an object of this key can be asked for: no part is empty, `.` or `..`, none holds a control character."""
    return not any(part in ("", ".", "..") for part in key.split("/")) and not _CONTROL.search(key)


def sort_of(key: str, size: int, names: Sequence[str] = SKIP_NAMES) -> Literal["image", "hidden", "other"]:
    """`image` (perhaps), `hidden`, or `other` for a file that is known to be no image.

    An empty object without an extension is the trace of an S3 folder marker, whose closing slash listings drop. One
    with a closing slash that holds something is no marker: it may be an image, which nobody can ask for.
    """
    if key.endswith("/") and size > 0 and skipped_part(key, names) is None:
        return "image"
    extension = extension_of(key)
    if is_hidden(key, names) or (size == 0 and extension is None):
        return "hidden"
    return "other" if extension in NOT_IMAGES else "image"


def category_of(key: str, categories: Categories, names: Sequence[str] = SKIP_NAMES) -> str | None:
    """The category that a key (relative to the source) belongs to, or None where no category wants it."""
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
    """The category of a top folder: its name, but for the one that is called as the category of loose images is."""
    return ROOT_FOLDER_CATEGORY if folder == ROOT_CATEGORY else folder


def folder_of(category: str, categories: Categories) -> str | None:
    """The folder that holds a category's objects, without a closing slash; None for those that lie in no folder."""
    if categories == "single" or (categories == "all" and category == ROOT_CATEGORY):
        return None
    return category.removesuffix("/")


def within_category(key: str, category: str, categories: Categories, names: Sequence[str] = SKIP_NAMES) -> str | None:
    """The part of a key after its category's folder; None where the key is not of this category."""
    if category_of(key, categories, names) != category:
        return None
    folder = folder_of(category, categories)
    return key if folder is None else key.removeprefix(f"{folder}/")


def pattern_of(category: str, patterns: Mapping[str, str]) -> str | None:
    """What the user wrote for a category, by its name or by its folder's."""
    return patterns.get(category, patterns.get(category.removesuffix("/")))


def compile_pattern(category: str, pattern: str) -> re.Pattern[str]:
    """A user's pattern, checked. Raises `SettingsError` where it is no regular expression or names no identifier."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        said = f"source.patterns.{category} is not a regular expression: {error} in {pattern!r}."
        raise SettingsError(said) from error
    if "identifier" not in compiled.groupindex:
        raise SettingsError(
            f"source.patterns.{category} needs a group (?P<identifier>…) that says which image it is: {pattern!r}."
        )
    return compiled


def parse_key(rest: str, category: str, pattern: re.Pattern[str] | None = None) -> ParsedKey | None:
    """Read `rest`, the key after its category's folder. None only where a user's `pattern` does not match it."""
    extension = extension_of(rest)
    if pattern is not None:
        found = pattern.fullmatch(rest)
        if found is None or not found["identifier"]:
            return None
        named = found.groupdict()
        group, variant = named.get("group") or None, named.get("variant") or None
        return ParsedKey(category, group, named["identifier"], variant, extension)
    sized = _SIZED_NAME.fullmatch(rest)
    if sized:
        return ParsedKey(category, sized["group"], sized["identifier"], sized["variant"], sized["extension"].lower())
    return parse_name(rest, category)


def parse_name(rest: str, category: str) -> ParsedKey:
    """Read `rest` as `parse_key` does, but with nothing in the file's name that tells of a width."""
    extension = extension_of(rest)
    group, slash, identifier = rest.partition("/")
    if not slash or not group or not identifier:  # a key that cannot be addressed keeps an id of its own
        return ParsedKey(category, None, rest, None, extension)
    return ParsedKey(category, group, identifier, None, extension)


def is_doubtful(variant: str | None, wanted: str) -> bool:
    """Whether a variant may be no width: it is small, and not the one that settings ask for."""
    return variant is not None and variant != wanted and 0 <= _width(variant) < LEAST_LARGEST_WIDTH


def image_id(category: str, group: str | None, identifier: str) -> str:
    """16 hexadecimal digits that stay the same whichever variant is read."""
    text = f"{category}\0{group or ''}\0{identifier}"
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def variant_order(variant: str | None, wanted: str) -> tuple[int, int]:
    """Sort key under which the variant to read comes first: `wanted`, else the nearest larger, else the largest.

    An absent variant counts as the original; a name that is neither a width nor `original` as smaller than every width.
    """
    width, target = _width(variant), _width(wanted)
    return (0, width) if width >= target else (1, -width)


def slugify(category: str) -> str:
    """A partition key for a category: 1 to 60 of a-z, 0-9, - and _. Not unique; `slug_map` sees to that."""
    ascii_only = unicodedata.normalize("NFKD", category).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9_-]+", "-", ascii_only.lower()).strip("-")
    return slug[:MAX_SLUG] if slug else f"category-{_short_hash(category)}"


def slug_map(categories: Iterable[str], known: Mapping[str, str]) -> dict[str, str]:
    """Slug → category for all of `known` and `categories`.

    Known pairs never change. Where two categories would share a slug, the later one gets a suffix made of its own name.
    """
    slugs = dict(known)
    placed = set(slugs.values())
    for category in sorted(set(categories) - placed):
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
    """One search of a whole key for any of `names` as a part of it; `*` and `?` stand for what is no slash."""
    written = (re.escape(name).replace(r"\*", "[^/]*").replace(r"\?", "[^/]") for name in names)
    not_dots = r"(?!\.\.?(?:/|$))"  # no system's names, but parts of keys that cannot be addressed
    return re.compile(f"(?:^|/){not_dots}({'|'.join(written)})(?:/|$)", re.IGNORECASE)


def _width(variant: str | None) -> int:
    if variant is None or variant == "original":
        return _LARGEST
    digits = variant.removesuffix("w")
    return int(digits) if digits.isascii() and digits.isdigit() else -1


def _short_hash(text: str, salt: int = 0) -> str:
    return hashlib.blake2b(f"{salt}{text}".encode(), digest_size=3).hexdigest()
