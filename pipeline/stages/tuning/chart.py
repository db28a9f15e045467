"""The curves of a sweep, as SVG without script: one small chart per figure, all over the same granularity.

What belongs here: scales, marks and their text. Not here: the figures (`trials.py`), colours (page.css; `STYLE` serves
`picture`, which stands alone).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from pipeline.stages.tuning.trials import WORDS, Trial

WIDTH, HEIGHT = 320, 190
LEFT, RIGHT, TOP, BOTTOM = 40, 12, 40, 30
STYLE = """
.title{font:600 13px system-ui,sans-serif;fill:#1c1a17}.note,.tick{font:11px system-ui,sans-serif;fill:#5d574d}
.grid{stroke:#dcd7cd}.line{fill:none;stroke:#0b6156;stroke-width:2}.dot{fill:#0b6156}
.now{stroke:#b45309;stroke-dasharray:3 3}.now-dot{fill:#b45309}.ground{fill:#fffefc}
"""

Value = Callable[[Trial], float | None]


@dataclass(frozen=True)
class Curve:
    """One chart: title, note, the figure of a trial, its format, and the top of the scale."""

    title: str
    note: str
    value: Value
    text: Callable[[float], str]
    top: float | None = None


def _percent(value: float) -> str:
    return f"{value:.1%}" if 0 < value < 0.1 else f"{value:.0%}"


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _two_decimals(value: float) -> str:
    return f"{value:.2f}"


def _share_kept(trial: Trial) -> float | None:
    return trial.survival.kept / trial.survival.ids if trial.survival and trial.survival.ids else None


CURVES = (
    Curve("Clusters", "how many", lambda trial: trial.seen, _count),
    Curve("Unclustered", "share of the images", lambda trial: trial.unclustered, _percent),
    Curve("Validity", "higher is better", lambda trial: trial.validity, _two_decimals),
    Curve("Stability", "higher is steadier", lambda trial: trial.stability, _two_decimals, 1.0),
    Curve("Ids kept", "share of today's clusters", _share_kept, _percent, 1.0),
    Curve("Largest cluster", "share of the images", lambda trial: trial.largest, _percent),
)


def charts(trials: Sequence[Trial]) -> list[str]:
    """One SVG per measured figure. Colours come from the classes title, note, tick, grid, line, dot, now."""
    return [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(curve.title)} over granularity">'
        f"{_panel(trials, curve)}</svg>"
        for curve in _measured(trials)
    ]


def picture(trials: Sequence[Trial]) -> str:
    """All charts as one SVG document with its own colours, three in a row."""
    shown = _measured(trials)
    rows = -(-len(shown) // 3)
    panels = "".join(
        f'<g transform="translate({number % 3 * WIDTH} {number // 3 * HEIGHT})">{_panel(trials, curve)}</g>'
        for number, curve in enumerate(shown)
    )
    size = f'width="{3 * WIDTH}" height="{rows * HEIGHT}" viewBox="0 0 {3 * WIDTH} {rows * HEIGHT}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{STYLE}</style>'
        f'<rect class="ground" width="100%" height="100%"/>{panels}</svg>'
    )


def _measured(trials: Sequence[Trial]) -> list[Curve]:
    return [curve for curve in CURVES if any(curve.value(trial) is not None for trial in trials)]


def _panel(trials: Sequence[Trial], curve: Curve) -> str:
    measured = [(trial, value) for trial in trials if (value := curve.value(trial)) is not None]
    low = min(0.0, *(value for _, value in measured))
    high = curve.top or max((value for _, value in measured), default=1.0)
    high = high if high > low else low + 1

    def x(trial: Trial) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * trial.granularity

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low)

    parts = [
        f'<text class="title" x="{LEFT}" y="16">{escape(curve.title)}</text>',
        f'<text class="note" x="{LEFT}" y="30">{escape(curve.note)}</text>',
    ]
    for value in (low, (low + high) / 2, high):
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>')
        parts.append(_label(LEFT - 6, y(value) + 4, curve.text(value), "end"))
    base = HEIGHT - 10
    parts += [_label(LEFT, base, "0 coarse", "start"), _label(WIDTH - RIGHT, base, "fine 1", "end")]
    numbered = [(trial, value) for trial, value in measured if trial.setting not in WORDS]
    if len(numbered) > 1:
        points = " ".join(f"{x(trial):.1f},{y(value):.1f}" for trial, value in numbered)
        parts.append(f'<polyline class="line" points="{points}"/>')
    for trial, value in sorted(measured, key=lambda pair: pair[0].current):
        if trial.current:
            parts.append(f'<path class="now" d="M{x(trial):.1f} {TOP}V{HEIGHT - BOTTOM}"/>')
            parts.append(_label(x(trial), base, "now", "middle"))
        parts.append(
            f'<circle class="{"now-dot" if trial.current else "dot"}" cx="{x(trial):.1f}" cy="{y(value):.1f}" '
            f'r="{5 if trial.current else 3}"><title>{escape(trial.setting)}: {curve.text(value)}</title></circle>'
        )
    return "".join(parts)


def _label(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text class="tick" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
