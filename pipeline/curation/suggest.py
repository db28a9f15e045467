"""Suggested names for a cluster, from the texts of its images: shown, but never published as names.

What belongs here: the words of keys, groups and captions, and which are typical of a cluster. Not here: showing them
(`commands/clusters.py`, `service/`).

Class-based TF-IDF: Grootendorst (2022), "BERTopic: Neural topic modeling with a class-based TF-IDF procedure".
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

LEAST_SHARE = 0.3  # least share of a cluster's images that must have a word
_NOISE = frozenset(
    ("img", "dsc", "dscn", "image", "images", "photo", "photos", "picture", "pic", "file", "copy", "original", "thumb")
)


@dataclass(frozen=True)
class Carried:
    """The texts of one image: its key, its group (a country), and its caption in manifest.json."""

    key: str
    group: str | None = None
    caption: str = ""


def suggest(clusters: Mapping[str, Iterable[Carried]], category: str, *, words: int = 3) -> dict[str, str]:
    """Cluster id → a suggested name, for clusters whose image texts differ from the rest."""
    counted = {name: _count(images, category) for name, images in clusters.items()}
    total: Counter[str] = Counter()
    for _, count in counted.values():
        total.update(count)
    average = sum(total.values()) / max(1, len(counted))
    result: dict[str, str] = {}
    for name, (size, count) in counted.items():
        expected = size / max(1, sum(size for size, _ in counted.values()))
        weights = {
            word: number / size * math.log(1 + average / total[word])
            for word, number in count.items()
            if number >= LEAST_SHARE * size and number > 1.2 * expected * total[word]
        }
        best = sorted(weights, key=lambda word: (-weights[word], word))[:words]
        if any(not _is_code(word) for word in best):
            result[name] = " ".join(best)
    return result


def _is_code(word: str) -> bool:
    """Whether a word is a country code, which alone is no name for a cluster."""
    return len(word) == 2 and word.isupper()


def _count(images: Iterable[Carried], category: str) -> tuple[int, Counter[str]]:
    count: Counter[str] = Counter()
    own = set(re.findall(r"[a-z]+", category.casefold()))
    size = 0
    for image in images:
        size += 1
        count.update(_words(image, own))
    return size, count


def _words(image: Carried, own: set[str]) -> set[str]:
    """The words of an image, each once; a two-letter group is kept as a code."""
    stem = image.key.rsplit(".", 1)[0]
    words = {
        word
        for word in re.findall(r"[^\W\d_]{3,}", f"{stem} {image.caption}".casefold())
        if word not in own and word not in _NOISE and not (image.group and word == image.group.casefold())
    }
    if re.search(r"[0-9a-f]{12,}", stem):  # the name contains a hash, whose letters are not words
        words = {word for word in words if not re.fullmatch(r"[a-f]+", word)}
    return words | ({image.group.upper() if len(image.group) == 2 else image.group} if image.group else set())
