"""The same work for several categories: the trouble of one never keeps the others from theirs.

What belongs here: going on after a failure, and telling at the end what failed and why. Not here: the work itself
(`run.py` and the steps beside this file), printing (`console.py`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from pipeline.errors import (
    BucketError,
    BucketUnreachableError,
    CategoriesFailedError,
    ImageClusterError,
    TransientError,
)
from pipeline.steps.project import Project
from pipeline.storage.layout import goes_on_as

T = TypeVar("T")


@dataclass(frozen=True)
class Failure:
    """A category that was not finished, and the reason. What it had published before stays in place."""

    slug: str
    category: str
    error: Exception

    @property
    def expected(self) -> bool:
        """Whether the reason is one that people can do something about; anything else is a bug."""
        return isinstance(self.error, (ImageClusterError, OSError))

    @property
    def why(self) -> str:
        """The reason in words."""
        if isinstance(self.error, OSError):
            where = f": {self.error.filename}" if self.error.filename else ""
            return f"{self.error.strerror or self.error}{where}."
        return str(self.error) if self.expected else f"{type(self.error).__name__}: {self.error}"

    def summary(self) -> dict[str, str]:
        """What a summary of several categories says of this one."""
        return {"category": self.category, "failed": self.why}


def each_category(project: Project, slugs: Iterable[str], work: Callable[[str], T]) -> tuple[list[T], list[Failure]]:
    """What `work` returned for each category that it finished, and the failures of the others, both in order.

    A bucket that does not answer any more is asked once, not once per category. Ctrl-C ends everything.
    """
    finished: list[T] = []
    failures: list[Failure] = []
    gone: Exception | None = None
    for slug in slugs:
        if goes_on_as(project.layout, slug) is not None:  # recognised as renamed while another one was worked on
            continue
        if gone is not None:
            failures.append(Failure(slug, project.category_of(slug), gone))
            continue
        try:
            finished.append(work(slug))
        except Exception as error:  # noqa: BLE001  # also a bug in one category; `raise_failures` raises it at the end
            failures.append(Failure(slug, project.category_of(slug), error))
            gone = _bucket_trouble(project, error)
    return finished, failures


def raise_failures(failures: list[Failure], finished: int) -> None:
    """Raise what happened, where anything did.

    One reason for all categories is raised as it was; several, or one among others that were finished, as
    `CategoriesFailedError` with each reason once. A bug is raised as it is, so that its traceback is seen.
    """
    if not failures:
        return
    if not finished and len({one.why for one in failures}) == 1:
        raise failures[0].error
    text = told(failures, finished)
    if bug := next((one.error for one in failures if not one.expected), None):
        bug.add_note(text)
        raise bug
    if all(isinstance(one.error, TransientError) for one in failures):
        raise TransientError(text)
    codes = {one.error.exit_code if isinstance(one.error, ImageClusterError) else 1 for one in failures}
    raise CategoriesFailedError(text, exit_code=codes.pop() if len(codes) == 1 and not finished else 1)


def told(failures: list[Failure], finished: int) -> str:
    """Which categories failed and why, the same reason once."""
    reasons: dict[str, list[str]] = {}
    for one in failures:
        reasons.setdefault(one.why, []).append(one.category)
    lines = "".join(f"\n  {', '.join(categories)}: {why}" for why, categories in reasons.items())
    others = f" The {'other was' if finished == 1 else f'other {finished:,} were'} finished." if finished else ""
    return f"{len(failures):,} of {len(failures) + finished:,} categories failed.{others}{lines}"


def _bucket_trouble(project: Project, error: Exception) -> Exception | None:
    """The error itself where the whole bucket is in trouble; None where only this category is."""
    if not isinstance(error, (BucketError, BucketUnreachableError)):
        return None
    try:
        project.bucket.check()
    except ImageClusterError as trouble:
        return trouble
    return None


def some(names: list[str], most: int = 10) -> str:
    """The first `most` names for a sentence, and how many more there are."""
    shown = ", ".join(names[:most]) or "none"
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
