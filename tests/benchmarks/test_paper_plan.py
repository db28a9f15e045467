"""The plan in docs/scale.md is what `python -m tests.benchmarks.paper_plan` prints, and names the figures behind it."""

import re
from pathlib import Path

import pytest

from tests.benchmarks import paper_plan
from tests.benchmarks.paper_plan import Prices

DOCS = Path(__file__).parents[2] / "docs"
STORED = (paper_plan.BYTES_VECTOR, paper_plan.BYTES_THUMBNAIL, paper_plan.BYTES_INDEX, paper_plan.BYTES_ROWS)
GPUS, CORES = (
    paper_plan.workers_of_a_driver(rate) for rate in (paper_plan.GPU_IMAGES_PER_SECOND, paper_plan.core_rate())
)


def test_the_table_in_the_documentation_is_the_one_that_is_printed() -> None:
    assert paper_plan.markdown(Prices()) in (DOCS / "scale.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("page", "figure"),
    [
        ("appendix/benchmarks.md", f"| the same with thumbnails | {paper_plan.IMAGES_PER_SECOND} |"),
        ("appendix/benchmarks.md", f"{paper_plan.DRIVER_SECONDS * 1e6:.0f} µs"),
        ("appendix/benchmarks.md", f"{paper_plan.MILLION_CPU_SECONDS:,} s of CPU time,\n{paper_plan.MILLION_GB} GB"),
        ("appendix/benchmarks.md", f"({paper_plan.FIFTH_CPU_SECONDS} of CPU time"),
        ("scale.md", f"busy {paper_plan.BUSY} of their time"),
        ("scale.md", f"{paper_plan.BYTES_SENT:,} bytes"),
        ("scale.md", ", ".join(f"{one:,}" for one in STORED[:-1]) + f" and {STORED[-1]:,} bytes"),
        ("scale.md", f"{paper_plan.GPU_IMAGES_PER_SECOND} images a second and GPU"),
        ("scale.md", f"{Prices().core_hour} for a core, ${Prices().gpu_hour:.2f} for a machine"),
        ("scale.md", f"${Prices().gb_month} for a GB"),
        ("scale.md", f"which {GPUS} such GPUs or {CORES} cores fill"),
        ("scale.md", f"exponent {paper_plan.EXPONENT:.2f}"),
    ],
)  # fmt: skip
def test_every_figure_that_it_starts_from_is_written_where_it_is_said_to_be(page: str, figure: str) -> None:
    assert figure in (DOCS / page).read_text(encoding="utf-8")


def test_twice_the_price_is_twice_the_cost() -> None:
    def costs(prices: Prices) -> list[float]:
        return [float(re.sub(",", "", one.figures[0])) for one in paper_plan.lines(prices) if "$" in one.what]

    once, twice = costs(Prices()), costs(Prices(core_hour=0.08, gpu_hour=1.6, gb_month=0.04))
    assert twice == pytest.approx([2 * cost for cost in once], rel=0.03)
