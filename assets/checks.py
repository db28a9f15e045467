"""The machinery of asset checks: one finding per category, combined into one result.

What belongs here: the machinery. Not here: any check; each is in the file of its asset, a pure function of stored data,
`(project, slug) -> Finding`.
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
    """The result of a check for one category: whether it passed, a text, and the compared figures."""

    passed: bool
    text: str
    figures: dict[str, Figure] = field(default_factory=dict[str, Figure])


def category_check(
    asset: str, *, blocking: bool = True
) -> Callable[[Callable[[Project, str], Finding]], dg.AssetChecksDefinition]:
    """Turn a function into a check of `asset` in each category; the check has its name and docstring.

    A check that does not block only warns. A blocking check stops only runs that include it; a later run of a
    downstream asset is not stopped, so `steps.publish` validates the document again before it publishes.
    """

    def decorate(find: Callable[[Project, str], Finding]) -> dg.AssetChecksDefinition:
        def run_check(context: dg.AssetCheckExecutionContext, project: ProjectResource) -> dg.AssetCheckResult:
            with expected_errors(context):
                opened = project.open(context.log)
                slugs = context.partition_keys
                findings = {slug: _finding(find, opened, slug, alone=len(slugs) == 1) for slug in slugs}
            return _result(findings, dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN)

        with warnings.catch_warnings():
            # Partitioned checks are a preview in Dagster 1.13; without them, the UI shows one category's result for all
            warnings.simplefilter("ignore", dg.PreviewWarning)
            return dg.asset_check(
                asset=asset, name=find.__name__, description=find.__doc__, blocking=blocking,
                partitions_def=CATEGORY,
            )(run_check)  # fmt: skip

    return decorate


def _finding(find: Callable[[Project, str], Finding], project: Project, slug: str, *, alone: bool) -> Finding:
    """The finding of one category. Among several categories, an expected error becomes a failed finding."""
    try:
        return find(project, slug)
    except ImageClusterError as error:
        if alone:
            raise
        return Finding(passed=False, text=str(error))


def _result(findings: dict[str, Finding], severity: dg.AssetCheckSeverity) -> dg.AssetCheckResult:
    if len(findings) == 1:
        (finding,) = findings.values()
        figures = {name: _value(value) for name, value in finding.figures.items()}
        return dg.AssetCheckResult(passed=finding.passed, severity=severity, description=finding.text, metadata=figures)
    failed = [slug for slug, finding in findings.items() if not finding.passed]
    rows = [{"category": slug, "passed": finding.passed, "finding": finding.text}
            for slug, finding in sorted(findings.items(), key=lambda item: item[1].passed)]  # fmt: skip
    text = "; ".join(f"{slug}: {findings[slug].text}" for slug in failed) or f"holds in all {len(findings)} categories"
    return dg.AssetCheckResult(
        passed=not failed,
        severity=severity,
        description=text,
        metadata={
            "categories": len(findings),
            "failed": len(failed),
            "findings": dg.MetadataValue.md(markdown_table(rows)),
        },
    )


def _value(value: Figure) -> dg.MetadataValue:
    if isinstance(value, int):
        return dg.MetadataValue.int(value)
    return dg.MetadataValue.float(value) if isinstance(value, float) else dg.MetadataValue.text(value)
