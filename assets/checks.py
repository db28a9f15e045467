"""How an asset check is made: one finding per category, gathered into one result.

What belongs here: the machinery. Not here: any check; each sits in the file of its asset and is a pure function of what
is stored, `(project, slug) -> Finding`.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

import dagster as dg

from assets.common import CATEGORY, expected_errors, markdown_table
from pipeline.errors import ImageClusterError
from pipeline.steps.project import Project
from resources.project import ProjectResource

Figure = int | float | str


@dataclass(frozen=True)
class Finding:
    """What a check saw of one category: whether it holds, in words, and the figures that it compared."""

    passed: bool
    text: str
    figures: dict[str, Figure] = field(default_factory=dict[str, Figure])


def category_check(
    asset: str, *, blocking: bool = True
) -> Callable[[Callable[[Project, str], Finding]], dg.AssetChecksDefinition]:
    """Make a function's finding a check of `asset` in each category; its name and docstring are the check's.

    A check that does not block only warns. A blocking one holds only runs that hold the check too; a later run of the
    asset below it passes, so `steps.publish` looks at the document once more before anything is placed.
    """

    def decorate(find: Callable[[Project, str], Finding]) -> dg.AssetChecksDefinition:
        def run_check(context: dg.AssetCheckExecutionContext, project: ProjectResource) -> dg.AssetCheckResult:
            with expected_errors(context):
                opened = project.open(context.log)
                slugs = context.partition_keys
                found = {slug: _found(find, opened, slug, alone=len(slugs) == 1) for slug in slugs}
            return _result(found, dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN)

        with warnings.catch_warnings():
            # Partitioned checks are a preview in Dagster 1.13; without them the UI shows one category's result for all.
            warnings.simplefilter("ignore", dg.PreviewWarning)
            return dg.asset_check(
                asset=asset, name=find.__name__, description=find.__doc__, blocking=blocking,
                partitions_def=CATEGORY,
            )(run_check)  # fmt: skip

    return decorate


def _found(find: Callable[[Project, str], Finding], project: Project, slug: str, *, alone: bool) -> Finding:
    """One category's finding; where several are looked at, one that cannot be is a failed finding among the others."""
    try:
        return find(project, slug)
    except ImageClusterError as error:
        if alone:
            raise
        return Finding(passed=False, text=str(error))


def _result(found: dict[str, Finding], severity: dg.AssetCheckSeverity) -> dg.AssetCheckResult:
    if len(found) == 1:
        (finding,) = found.values()
        figures = {name: _value(value) for name, value in finding.figures.items()}
        return dg.AssetCheckResult(passed=finding.passed, severity=severity, description=finding.text, metadata=figures)
    failed = [slug for slug, finding in found.items() if not finding.passed]
    rows = [{"category": slug, "passed": finding.passed, "finding": finding.text}
            for slug, finding in sorted(found.items(), key=lambda item: item[1].passed)]  # fmt: skip
    text = "; ".join(f"{slug}: {found[slug].text}" for slug in failed) or f"holds in all {len(found)} categories"
    return dg.AssetCheckResult(
        passed=not failed,
        severity=severity,
        description=text,
        metadata={
            "categories": len(found),
            "failed": len(failed),
            "findings": dg.MetadataValue.md(markdown_table(rows)),
        },
    )


def _value(value: Figure) -> dg.MetadataValue:
    if isinstance(value, int):
        return dg.MetadataValue.int(value)
    return dg.MetadataValue.float(value) if isinstance(value, float) else dg.MetadataValue.text(value)
