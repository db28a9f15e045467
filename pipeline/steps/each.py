"""The same work for several categories: the failure of one does not stop the others.

What belongs here: continuing after a failure, and reporting at the end what failed and why. Not here: the work itself
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
from pipeline.storage.categories import goes_on_as
from pipeline.storage.full_disk import trouble_text

T = TypeVar("T")


@dataclass(frozen=True)
class Failure:
    """A category that failed, and the reason. Its last publication stays in place."""

    slug: str
    category: str
    error: Exception

    @property
    def expected(self) -> bool:
        """Whether people can do something about the reason; anything else is a bug."""
        return isinstance(self.error, (ImageClusterError, OSError))

    @property
    def why(self) -> str:
        """The reason in words."""
        if isinstance(self.error, OSError):
            return trouble_text(self.error)
        return str(self.error) if self.expected else f"{type(self.error).__name__}: {self.error}"

    def summary(self) -> dict[str, str]:
        """The row of this category in a summary."""
        return {"category": self.category, "failed": self.why}


def each_category(project: Project, slugs: Iterable[str], work: Callable[[str], T]) -> tuple[list[T], list[Failure]]:
    """The results of the categories that `work` finished, and the failures of the others, both in order.

    A bucket that stops answering is tried once, not once per category. Ctrl-C ends everything.
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
    """Raise one error for these failures; does nothing where there are none.

    If every category failed for the same reason, that error is raised itself. Otherwise `CategoriesFailedError` lists
    each reason once. A bug is raised as it is, so that its traceback is seen.
    """
    if not failures:
        return
    if not finished and len({failure.why for failure in failures}) == 1:
        raise failures[0].error
    text = failure_text(failures, finished)
    if bug := next((failure.error for failure in failures if not failure.expected), None):
        bug.add_note(text)
        raise bug
    if all(isinstance(failure.error, TransientError) for failure in failures):
        raise TransientError(text)
    codes = {failure.error.exit_code if isinstance(failure.error, ImageClusterError) else 1 for failure in failures}
    raise CategoriesFailedError(text, exit_code=codes.pop() if len(codes) == 1 and not finished else 1)


def failure_text(failures: list[Failure], finished: int) -> str:
    """Which categories failed and why, each reason once."""
    reasons: dict[str, list[str]] = {}
    for failure in failures:
        reasons.setdefault(failure.why, []).append(failure.category)
    lines = "".join(f"\n  {', '.join(categories)}: {why}" for why, categories in reasons.items())
    others = f" The {'other was' if finished == 1 else f'other {finished:,} were'} finished." if finished else ""
    return f"{len(failures):,} of {len(failures) + finished:,} categories failed.{others}{lines}"


def _bucket_trouble(project: Project, error: Exception) -> Exception | None:
    """The error of the whole bucket, or None where only this category is in trouble."""
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
