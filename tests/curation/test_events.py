"""Which recorded decisions are in force, and which views are kept."""

from pipeline.curation import decisions as d
from pipeline.curation.events import Event, active_events, is_undone, saved_views
from tests.curation.library import events


def test_an_undone_decision_does_not_hold_and_an_undone_undo_lets_it_hold_again() -> None:
    recorded = events(d.Rename(cluster="a", name="Red"), d.Undo(event=1), d.Rename(cluster="b", name="Blue"))
    assert [event.number for event in active_events(recorded)] == [3]
    assert (is_undone(recorded, 1), is_undone(recorded, 3)) == (True, False)
    again = [*recorded, Event(4, "t", "ann", d.Undo(event=2))]
    assert [event.number for event in active_events(again)] == [1, 3]
    assert (is_undone(again, 1), is_undone(again, 2)) == (False, True)


def test_a_view_is_kept_under_its_last_address_until_it_is_removed() -> None:
    first = d.SaveView(name="Wet", address="find?tag=wet")
    recorded = events(
        first, d.SaveView(name="alone", address="unclustered"), d.SaveView(name="Wet", address="find?tag=wet&sort=date")
    )
    views = saved_views(recorded)
    assert list(views) == ["alone", "Wet"]  # by name, ignoring case
    assert views["Wet"].number == 3
    removed = [*recorded, Event(4, "t", "ann", d.SaveView(name="Wet", address=None))]
    assert list(saved_views(removed)) == ["alone"]
    assert saved_views([*removed, Event(5, "t", "ann", d.Undo(event=4))])["Wet"].number == 3
