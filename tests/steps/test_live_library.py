"""Two machines work on one library in a bucket, and neither loses what the other did."""

import threading
from datetime import timedelta

import pytest

from pipeline.adapters.lease import Lease
from pipeline.errors import DataCopyError, LeaseHeldError, LeaseLostError, SettingsError
from pipeline.steps import live_library
from pipeline.steps.categories import categories
from pipeline.steps.copy_guards import record
from pipeline.steps.data_copy import copy_out
from pipeline.steps.live_library import bring_up, opened, require_shared_decisions, writing
from pipeline.steps.stored_copies import list_copies
from pipeline.storage.source_record import record_of, write_source
from tests.steps.named_library import name_all, names
from tests.steps.test_data_copy import state
from tests.steps.test_run import add
from tests.steps.two_machines import Machine, anna, ben, url

__all__ = ["anna", "ben", "url"]

pytestmark = pytest.mark.real


def test_what_one_machine_does_the_next_one_goes_on_from(anna: Machine, ben: Machine, url: str) -> None:
    anna.run_here()
    assert ben.read()
    assert state(ben) == state(anna)
    assert ben.run_here()["posts"]["read"] == 0
    with writing(ben.project()):
        name_all(ben)
    with writing(anna.project()):
        anna.run()
    assert names(anna) == ["Kind 0", "Kind 1", "Kind 2"]
    add(anna.library, "posts/de/100-800w.png", "red", 100)
    assert ben.run_here()["posts"]["read"] == 1
    assert anna.run_here()["posts"]["read"] == 0
    assert names(anna) == ["Kind 0", "Kind 1", "Kind 2"]


def test_a_command_that_changes_nothing_makes_no_copy(anna: Machine, ben: Machine, url: str) -> None:
    anna.run_here()
    anna.run_here()  # which no longer says of each image that it is new
    before = len(list_copies(anna.project(), url))
    anna.run_here()
    ben.read()
    ben.run_here()
    assert len(list_copies(anna.project(), url)) == before


def test_who_reads_sees_what_was_copied_up_and_copies_only_what_changed(anna: Machine, ben: Machine) -> None:
    assert not ben.read()
    anna.run_here()
    assert ben.read()
    assert state(ben) == state(anna)
    assert not ben.read()
    with writing(anna.project()):
        name_all(anna)
    assert ben.read()
    assert "2 of 8" in ben.notices[-1]


def test_while_one_machine_works_another_is_refused_and_may_still_read(anna: Machine, ben: Machine) -> None:
    anna.run_here()
    with writing(anna.project()):
        with pytest.raises(LeaseHeldError, match=r"worked on by .*process \d+ on .*Nothing was done here"):
            ben.run_here()
        assert ben.read()
        assert state(ben) == state(anna)
    ben.run_here()


def test_two_commands_of_one_machine_wait_for_each_other(anna: Machine) -> None:
    anna.run_here()
    with (
        writing(anna.project()),
        pytest.raises(LeaseHeldError, match="Another command on this machine still works in"),
        writing(anna.project()),
    ):
        pass


def test_a_lease_lost_in_the_middle_copies_nothing_up_and_names_the_way_on(
    anna: Machine, ben: Machine, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna.run_here()
    before = [stored.snapshot for stored in list_copies(anna.project(), url)]
    monkeypatch.setattr(Lease, "_renew_often", lambda _: None)  # as on a machine that sleeps

    def takes_over_and_changes_nothing() -> None:
        with writing(ben.project()):
            pass

    with pytest.raises(LeaseLostError, match=r"took it over.*Nothing was replaced.*Repeat the command"):
        _slept(anna, takes_over_and_changes_nothing)
    assert [stored.snapshot for stored in list_copies(anna.project(), url)] == before
    anna.run_here()
    ben.read()
    assert names(ben) == ["Mine 0", "Mine 1", "Mine 2"]


def test_where_both_worked_nothing_is_overwritten_and_the_ways_on_are_named(
    anna: Machine, ben: Machine, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna.run_here()
    monkeypatch.setattr(Lease, "_renew_often", lambda _: None)

    def works() -> None:
        with writing(ben.project()):
            name_all(ben, "Theirs")
            ben.run()

    with pytest.raises(LeaseLostError):
        _slept(anna, works)
    theirs = list_copies(ben.project(), url)
    for again in (anna.run_here, anna.read):
        with pytest.raises(DataCopyError, match=rf"changed since it was copied.*\n.*data copy {url} .* --replace"):
            again()
    assert list_copies(ben.project(), url) == theirs
    assert names(ben) == ["Theirs 0", "Theirs 1", "Theirs 2"]


def _slept(machine: Machine, meanwhile: object) -> None:
    """A machine names its clusters and runs; then it sleeps, while another one works."""
    with writing(machine.project()):
        name_all(machine, "Mine")
        machine.run()
        thread = threading.Thread(target=meanwhile)
        thread.start()
        thread.join()


def test_a_command_that_fails_copies_up_what_it_finished(anna: Machine, ben: Machine) -> None:
    def fails() -> None:
        with writing(anna.project()):
            anna.run()
            raise SettingsError("something else went wrong")

    with pytest.raises(SettingsError, match="something else"):
        fails()
    assert ben.read()
    assert state(ben) == state(anna)


def test_a_command_that_is_stopped_leaves_its_work_to_the_next_one(anna: Machine, ben: Machine) -> None:
    anna.run_here()

    def stopped() -> None:
        with writing(anna.project()):
            name_all(anna)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert "The next command that writes here does it" in anna.notices[-1]
    assert not ben.read() or names(ben) != ["Kind 0", "Kind 1", "Kind 2"]
    assert not anna.read()
    anna.run_here()
    ben.read()
    assert names(ben) == ["Kind 0", "Kind 1", "Kind 2"]


def test_a_library_of_before_goes_up_and_never_into_the_place_of_another(anna: Machine, ben: Machine) -> None:
    anna.run()
    ben.run()
    anna.run_here()
    with pytest.raises(DataCopyError, match="holds a library already, and was never copied"):
        ben.run_here()
    with pytest.raises(DataCopyError, match="holds a library already, and was never copied"):
        ben.read()


def test_decisions_of_a_command_take_the_lease_only_where_they_are_a_file_of_the_library(
    anna: Machine, ben: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna.run_here()

    def decides(machine: Machine) -> None:
        with opened(machine.project(), "decide"):
            pass

    with writing(anna.project()):
        with pytest.raises(LeaseHeldError):
            decides(ben)
        monkeypatch.setattr(live_library, "decisions_are_shared", lambda _: True)
        decides(ben)


def test_without_a_bucket_nothing_is_asked(anna: Machine, url: str) -> None:
    anna.settings.pop("data")
    with opened(anna.project(), "write"):
        anna.run()
    assert not bring_up(anna.project())
    require_shared_decisions(anna.project(), read_only=False)
    assert list_copies(anna.project(), url) == []


def test_what_a_service_notes_without_the_lease_does_not_stand_in_the_way_of_a_newer_library(
    anna: Machine, ben: Machine
) -> None:
    anna.run_here()
    ben.read()
    add(anna.library, "boxes/de/1-800w.png", "red", 1)
    categories(ben.project())  # a notification about a new folder, or a look at the source
    write_source(ben.project().layout, record_of(str(anna.library.parent), "auto"))  # another source, from the page
    anna.run_here()
    assert ben.read()
    assert state(ben) == state(anna)
    assert ben.run_here()["posts"]["read"] == 0


def test_a_service_that_was_there_before_the_first_run_takes_the_library_of_another_machine(
    anna: Machine, ben: Machine
) -> None:
    categories(ben.project())
    write_source(ben.project().layout, record_of(str(ben.library), "auto"))
    anna.run_here()
    assert ben.read()
    assert state(ben) == state(anna)


@pytest.mark.parametrize("off", [timedelta(hours=-1), timedelta(hours=1)])
def test_a_machine_with_a_clock_that_is_an_hour_off_takes_its_turn_like_any_other(
    anna: Machine, ben: Machine, url: str, off: timedelta
) -> None:
    ben.now += off
    for number in range(3):
        add(anna.library, f"posts/de/{200 + number}-800w.png", "red", 200 + number)
        first, second = (anna, ben) if number % 2 else (ben, anna)
        assert first.run_here()["posts"]["read"] == (1 if number else 37)
        assert second.run_here()["posts"]["read"] == 0
    anna.read()
    ben.read()
    assert state(ben) == state(anna)
    assert list_copies(anna.project(), url)[0].snapshot == record(anna.project())[url]


def test_a_library_of_more_than_a_thousand_files_goes_on_after_an_interruption_without_sending_them_again(
    anna: Machine, ben: Machine, url: str
) -> None:
    """A listing of a bucket has 1,000 objects a page; what is there already is found on all of its pages."""
    anna.run()
    folder = anna.data / "contents"
    folder.mkdir(exist_ok=True)
    for number in range(1100):
        (folder / f"{number}.txt").write_text(str(number))
    with pytest.raises(KeyboardInterrupt):
        copy_out(anna.project(), url, before_publishing=_interrupted)
    assert copy_out(anna.project(), url).moved == 0
    ben.read()
    assert len(list((ben.data / "contents").glob("*.txt"))) == 1100


def _interrupted() -> None:
    raise KeyboardInterrupt
