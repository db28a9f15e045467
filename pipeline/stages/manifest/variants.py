"""Whether objects whose names differ by a width are one picture in several sizes: `flood-500w` may be a lamp.

What belongs here: which images to compare, and the meaning of the results. Not here: reading and comparing pictures
(`steps/variants.py`), the meaning of a name (`keys.py`).

Names alone are ambiguous, and reading every width of every image would cost several times the library. So pictures are
compared per set of widths, such as 400w 800w 1200w: if the first few images with exactly these widths are each one
picture, so are the others. If one of them is not, every image with these widths is compared.
In a library where nearly every image has its own set of widths, a larger sample without an exception is enough.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import polars as pl

from pipeline.stages.manifest.contract import VARIANTS_SCHEMA
from pipeline.stages.manifest.keys import ParsedKey, image_id, is_doubtful

ImageName = tuple[str | None, str]  # group and identifier
LOOKED_AT = 8  # images per set of widths that are compared before the rest is taken to be the same
ENOUGH = 200  # images of a category, whatever their widths, if each is one picture


@dataclass(frozen=True)
class Widths:
    """The widths of one image by its objects' names, and a digest of the objects."""

    variants: frozenset[str]
    content: int

    @property
    def text(self) -> str:
        return " ".join(sorted(self.variants))


@dataclass
class Several:
    """Collects objects; `images` are those with several widths."""

    _first: dict[ImageName, tuple[str, int]] = field(default_factory=dict[ImageName, "tuple[str, int]"])
    images: dict[ImageName, Widths] = field(default_factory=dict[ImageName, Widths])
    _sets: dict[frozenset[str], frozenset[str]] = field(default_factory=dict[frozenset[str], "frozenset[str]"])

    def add(self, parsed: ParsedKey, key: str, etag: str, size: int) -> None:
        """Add an object with a width in its name."""
        name, variant = (parsed.group, parsed.identifier), parsed.variant or ""
        content = _digest(key, etag, size)
        if name in self.images:
            before = self.images[name]
            self.images[name] = Widths(self._shared(before.variants | {variant}), before.content ^ content)
        elif name not in self._first:
            self._first[name] = (variant, content)
        else:
            first, digest = self._first[name]
            if first == variant:  # the same width in another format
                self._first[name] = (variant, digest ^ content)
            else:
                del self._first[name]
                self.images[name] = Widths(self._shared(frozenset({first, variant})), digest ^ content)

    def drop_doubtful(self, wanted: str) -> None:
        """Leave out images without a plausible width: their objects are separate images anyway."""
        self.images = {
            name: widths for name, widths in self.images.items()
            if not all(is_doubtful(variant, wanted) for variant in widths.variants)
        }  # fmt: skip

    def _shared(self, variants: frozenset[str]) -> frozenset[str]:
        """The same object for equal sets of widths. A library has few different ones."""
        return self._sets.setdefault(variants, variants)


Answers = Mapping[ImageName, tuple[Widths, bool]]  # whether the objects of an image are one picture


def read_answers(table: pl.DataFrame) -> dict[ImageName, tuple[Widths, bool]]:
    """The answers in a table of `VARIANTS_SCHEMA`."""
    return {
        (group, identifier): (Widths(frozenset(variants.split()), content), same)
        for group, identifier, variants, content, same in table.select(list(VARIANTS_SCHEMA)).iter_rows()
    }


def write_answers(answers: Answers) -> pl.DataFrame:
    """The same as a table, sorted."""
    rows = [(*name, widths.text, widths.content, same) for name, (widths, same) in answers.items()]
    return pl.DataFrame(rows, schema=VARIANTS_SCHEMA, orient="row").sort("group", "identifier")


def still_true(answers: Answers, images: Mapping[ImageName, Widths]) -> dict[ImageName, tuple[Widths, bool]]:
    """The answers about objects that have not changed."""
    return {name: answer for name, answer in answers.items() if images.get(name) == answer[0]}


def to_look_at(category: str, images: Mapping[ImageName, Widths], answers: Answers) -> list[ImageName]:
    """The images whose objects to compare next, in a stable order; empty if none is left."""
    of_widths: dict[frozenset[str], list[ImageName]] = defaultdict(list)
    for name, widths in images.items():
        of_widths[widths.variants].append(name)
    next_names: list[ImageName] = []
    for names in of_widths.values():
        same = [answers[name][1] for name in names if name in answers]
        open_names = sorted((name for name in names if name not in answers), key=lambda name: image_id(category, *name))
        next_names += open_names if not all(same) else open_names[: max(0, LOOKED_AT - len(same))]
    if not different(answers):
        next_names = sorted(next_names, key=lambda name: image_id(category, *name))[: max(0, ENOUGH - len(answers))]
    return next_names


def different(answers: Answers) -> frozenset[ImageName]:
    """Images whose objects are different pictures."""
    return frozenset(name for name, (_, same) in answers.items() if not same)


def names_as_text(names: Iterable[ImageName], images: Mapping[ImageName, Widths], most: int = 5) -> str:
    """Some of these images for a sentence, each with its widths."""
    ordered = sorted(names, key=lambda name: (name[0] or "", name[1]))
    shown = [f"{f'{group}/' if group else ''}{identifier} ({', '.join(sorted(images[group, identifier].variants))})"
             for group, identifier in ordered[:most]]  # fmt: skip
    more = f" and {len(ordered) - most:,} more" if len(ordered) > most else ""
    return ", ".join(shown) + more


def _digest(key: str, etag: str, size: int) -> int:
    text = f"{key}\0{etag}\0{size}"
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big") >> 1
