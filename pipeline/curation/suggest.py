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

_LETTERS = re.compile(r"[^\W\d_]{3,}")
LEAST_SHARE = 0.3  # least share of a cluster's images that must have a word
LEAST_IMAGES = 2  # fewer say nothing about the rest of the cluster
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
    """Cluster id → a suggested name, for clusters whose image texts differ from the rest.

    A name has up to `words` words, in the order in which the images say them.
    """
    counted = {name: _count(images, category) for name, images in clusters.items()}
    total: Counter[str] = Counter()
    for _, count, _ in counted.values():
        total.update(count)
    average = sum(total.values()) / max(1, len(counted))
    everywhere = max(1, sum(size for size, _, _ in counted.values()))
    result: dict[str, str] = {}
    for name, (size, count, spelled) in counted.items():
        weights = {
            word: number / size * math.log(1 + average / total[word])
            for word, number in count.items()
            if number >= max(LEAST_IMAGES, LEAST_SHARE * size) and number > 1.2 * size / everywhere * total[word]
        }
        best = _best(weights, spelled, words)
        if any(not _is_code(word) for word in best):
            result[name] = " ".join(spelled[word] for word in best)
    return result


def _best(weights: Mapping[str, float], spelled: Mapping[str, str], words: int) -> list[str]:
    """The heaviest words, in the order of `spelled`; none that is part of another one, as `zoo` of `Zoo 2022`."""
    chosen: list[str] = []
    for word in sorted(weights, key=lambda word: (-weights[word], word)):
        if len(chosen) < words and not any(word in _LETTERS.findall(other) for other in weights if other != word):
            chosen.append(word)
    order = {word: place for place, word in enumerate(spelled)}
    return sorted(chosen, key=lambda word: order[word])


def _is_code(word: str) -> bool:
    """Whether a word is a country code, which alone is no name for a cluster."""
    return len(word) == 2 and word.isupper()


def _count(images: Iterable[Carried], category: str) -> tuple[int, Counter[str], dict[str, str]]:
    """The number of images; in how many each word occurs; each word as the first image spells it, in its order."""
    count: Counter[str] = Counter()
    spelled: dict[str, str] = {}
    own = set(re.findall(r"[a-z]+", category.casefold()))
    size = 0
    for image in images:
        size += 1
        found = _words(image, own)
        count.update(found.keys())
        for word, spelling in found.items():
            spelled.setdefault(word, spelling)
    return size, count, spelled


def _words(image: Carried, own: set[str]) -> dict[str, str]:
    """The words of an image as compared → as spelled, each once, in their order.

    A group counts as one word, unless it is a number, such as a year. A two-letter group is a country's code.
    """
    stem = image.key.rsplit(".", 1)[0]
    words: dict[str, str] = {}
    if image.group and _LETTERS.search(image.group.casefold()):
        words[image.group.casefold()] = image.group
    elif image.group and len(image.group) == 2 and image.group.isalpha():
        words[image.group.upper()] = image.group.upper()
    for spelling in _LETTERS.findall(f"{stem} {image.caption}"):
        word = spelling.casefold()
        if word not in own and word not in _NOISE:
            words.setdefault(word, spelling)
    if re.search(r"[0-9a-f]{12,}", stem):  # the name contains a hash, whose letters are not words
        words = {word: spelling for word, spelling in words.items() if not re.fullmatch(r"[a-f]+", word)}
    return words
