"""What a group of images is called in words: country, folder, or as people say.

What belongs here: choosing the word. Not here: where it is shown (the pages), what a group is (`manifest/keys.py`).
"""

import re
from collections.abc import Collection, Mapping

_CODE = re.compile(r"[A-Za-z]{2}")  # an ISO 3166 code of a country has two letters


def group_word(groups: Collection[str], slug: str, category: str, labels: Mapping[str, str]) -> str:
    """The word for one group: that of `labels` for the category, else country if all groups are codes, else folder."""
    written = labels.get(slug) or labels.get(category)
    return written or ("country" if groups and all(_CODE.fullmatch(group) for group in groups) else "folder")


def plural(word: str) -> str:
    """The word for several groups."""
    return f"{word[:-1]}ies" if re.search("[^aeiou]y$", word) else f"{word}s"
