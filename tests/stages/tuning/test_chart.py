"""The curves of a sweep: one per figure that was measured, the setting in force marked, safe to embed."""

from pipeline.stages.tuning.chart import LEFT, RIGHT, WIDTH, charts, picture
from pipeline.stages.tuning.trials import Trial
from tests.stages.tuning.trying import trial


def test_the_curves_mark_the_setting_in_force_and_are_safe_to_embed(trials: list[Trial]) -> None:
    drawn = charts(trials)
    assert len(drawn) == 5, "ids kept is no curve before there are ids"
    assert all(one.count('class="now-dot"') == 1 for one in drawn)
    whole = picture(trials)
    assert whole.startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    assert "<script" not in whole


def test_a_figure_that_no_trial_has_gets_no_chart() -> None:
    measured = [trial([0, 0, 1], "0.1"), trial([0, 1, 2], "0.9")]
    assert any("Stability" in one for one in charts(measured))
    unknown = [trial([0, 0, 1], "0.1", stability=None), trial([0, 1, 2], "0.9", stability=None)]
    assert not any("Stability" in one for one in charts(unknown))
    assert len(charts(unknown)) == len(charts(measured)) - 1


def test_a_trial_stands_at_its_granularity_and_says_its_figure() -> None:
    [clusters, *_] = charts([trial([0, 0, 1], "0.0"), trial([0, 1, 2], "1.0")])
    assert f'cx="{LEFT:.1f}"' in clusters
    assert f'cx="{WIDTH - RIGHT:.1f}"' in clusters
    assert "<title>0.0: 2</title>" in clusters
    assert "<title>1.0: 3</title>" in clusters
