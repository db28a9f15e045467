"""Commands on a library that lives in a bucket (`data.url`): the data directory is a working copy of it.

What belongs here: bringing the working copy up to date before a command, copying its work up after it, and who may.
Not here: the lease (`adapters/lease.py`), copying (`data_copy.py`), a service that follows the bucket
(`service/following.py`).

A writer holds a lock on the directory, against other commands of this machine, and the lease in the bucket, against
other machines. Even if both fail, the pointer in the bucket is replaced only by its ETag. A reader waits for neither:
it reads the directory as it is, even while another command of this machine works in it.
"""

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pipeline.adapters.lease import Lease, this_process
from pipeline.adapters.snapshot_store import SnapshotStore
from pipeline.errors import DataCopyError, ImageClusterError, LeaseHeldError, LeaseLostError, SettingsError
from pipeline.steps.copy_guards import PARTLY, record
from pipeline.steps.curation import DATABASE_VARIABLE, database_of
from pipeline.steps.data_copy import Copied, copy_in, copy_out
from pipeline.steps.project import Project
from pipeline.steps.stored_copies import open_copies
from pipeline.storage.categories import read_slugs, write_slugs
from pipeline.storage.layout import MADE_AGAIN

Access = Literal["none", "read", "decide", "write"]
LOOK_SECONDS = 0.2
_held: list[Path] = []  # the data directories that this process writes into under a lease


@contextmanager
def opened(project: Project, access: Access) -> Generator[None]:
    """Around a command. `decide` needs to write only where decisions are a file of the library.

    Does nothing without `data.url`. Raises what `bring_up` and `writing` raise.
    """
    if access == "write" or (access == "decide" and not decisions_are_shared(project)):
        with writing(project):
            yield
    else:
        if access != "none":
            bring_up(project)
        yield


@contextmanager
def writing(project: Project) -> Generator[None]:
    """Hold the library in the bucket, bring the working copy up to date, and copy up what was done.

    What an expected error or a signal left undone stays in the working copy, for the next command to go on from.
    Raises `LeaseHeldError` if another command works for longer than `data.wait_seconds`, `LeaseLostError` if another
    machine took over meanwhile, `DataCopyError` if the working copy holds work that the bucket lacks.
    """
    params, url = project.settings.data, project.settings.data.url
    if url is None:
        yield
        return
    store = open_copies(project, url)
    with _alone_here(project):
        store.require_conditions()
        lease = Lease(
            store.bucket, this_process(_command(), project.now()), seconds=params.lease_seconds,
            notice=project.talk.notice,
        )  # fmt: skip
        lease.acquire(params.wait_seconds)
        _held.append(project.settings.data_dir)
        try:
            _copy_down(project, store)
            try:
                yield
            except ImageClusterError:  # what was finished, as other categories, must not wait for the next command
                _try_to_copy_up(project, url, lease)
                raise
            except KeyboardInterrupt:
                project.talk.notice(f"Nothing was copied to {url}. The next command that writes here does it.")
                raise
            _copy_up(project, url, lease)
        finally:
            _held.remove(project.settings.data_dir)
            _hand_back(project, lease)


def require_lease(project: Project) -> None:
    """Raise `SettingsError` unless this process holds the library that a step would write into."""
    if project.settings.data.url is not None and project.settings.data_dir not in _held:
        raise SettingsError(
            f"This run does not hold the library in {project.settings.data.url}. Its executor takes the lease: use "
            "that of the project, and leave data.url out of the settings that only one run has."
        )


def bring_up(project: Project) -> bool:
    """Bring the working copy up to the newest library in the bucket; returns whether it was replaced.

    A directory in which another command works is left as it is, unless it holds no whole library yet. Raises
    `DataCopyError` if it holds work that the bucket lacks, and is behind it.
    """
    url = project.settings.data.url
    if url is None:
        return False
    store = open_copies(project, url)
    newest = store.newest()
    if newest is None or record(project).get(url) == newest.name:
        return False
    deadline = time.monotonic() + project.settings.data.wait_seconds
    while not _is_whole(project, url) and time.monotonic() < deadline:
        if _try_copy_down(project, store):
            return True
        project.tell_once(f"Waiting for another command that copies {url} to {project.settings.data_dir} …")
        time.sleep(LOOK_SECONDS)
    return _try_copy_down(project, store)


def decisions_are_shared(project: Project) -> bool:
    """Whether decisions are in a database that all machines see, and not in a file of the library."""
    return database_of(project)[1] is None


def require_shared_decisions(project: Project, *, read_only: bool) -> None:
    """Raise `SettingsError` if a service would decide in its own copy of the decisions."""
    if project.settings.data.url is None or read_only or decisions_are_shared(project):
        return
    raise SettingsError(
        f"A service on {project.settings.data.url} would write decisions into this machine's copy, where the next "
        "library from the bucket replaces them. Keep decisions in PostgreSQL, which all machines see "
        f"(curation.database_url or {DATABASE_VARIABLE}), or start it with --read-only."
    )


def _is_whole(project: Project, url: str) -> bool:
    was = record(project).get(url)
    return was is not None and not was.startswith(PARTLY)


def _try_copy_down(project: Project, store: SnapshotStore) -> bool:
    """Copy down if no other command works in this directory; returns whether it was replaced."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(project.layout.working_copy_lock, timeout=0):
            return _copy_down(project, store)
    except Timeout:
        return False


def _copy_down(project: Project, store: SnapshotStore) -> bool:
    newest, url, here = store.newest(), store.url, project.settings.data_dir
    if newest is None or record(project).get(url) == newest.name:
        return False
    slugs = read_slugs(project.layout)
    try:
        copied = copy_in(project, url, expendable=MADE_AGAIN)
    except DataCopyError as error:
        raise DataCopyError(
            f"{error}\nYou can look at the library in the bucket from another directory (--out). To take it and drop "
            f"what is here: image-cluster data copy {url} {here} --replace. To put what is here in its place: "
            f"image-cluster data copy {here} {url} --replace."
        ) from error
    _keep_new_categories(project, slugs)
    project.talk.notice(f"{_moved(copied)} copied from {url}.")
    return True


def _keep_new_categories(project: Project, before: dict[str, str]) -> None:
    """Keep the names that were noted here for new folders: a run or a queue names the category by them."""
    now = read_slugs(project.layout)
    new = {slug: name for slug, name in before.items() if slug not in now and name not in now.values()}
    if new:
        write_slugs(project.layout, {**now, **new})


def _copy_up(project: Project, url: str, lease: Lease) -> None:
    made = project.store.slugs_with("manifest")
    if not made and not project.layout.slugs.exists():  # nothing was ever run
        return
    if not project.layout.slugs.exists():  # Dagster was given a partition by hand
        write_slugs(project.layout, {slug: project.category_of(slug) for slug in made})
    try:
        lease.confirm()
        copied = copy_out(project, url, before_publishing=lease.confirm)
    except LeaseLostError as error:
        raise LeaseLostError(
            f"{error} Repeat the command: it goes on from here if the other one changed nothing, and else says what "
            "you can do."
        ) from error
    if copied.moved:
        project.talk.notice(f"{_moved(copied)} copied to {url}.")


def _try_to_copy_up(project: Project, url: str, lease: Lease) -> None:
    try:
        _copy_up(project, url, lease)
    except ImageClusterError as error:
        project.talk.notice(f"What was finished was not copied to {url}: {error}")


def _hand_back(project: Project, lease: Lease) -> None:
    try:
        lease.release()
    except ImageClusterError as error:  # what the command did is what counts
        seconds = project.settings.data.lease_seconds
        project.talk.notice(f"The lease was not handed back, and ends by itself in {seconds:g} seconds: {error}")


@contextmanager
def _alone_here(project: Project) -> Generator[None]:
    from filelock import FileLock, Timeout

    lock = FileLock(project.layout.working_copy_lock)
    try:
        lock.acquire(timeout=0.1)
    except Timeout:
        here = project.settings.data_dir
        project.talk.notice(f"Another command on this machine works in {here}; waiting for it …")
        try:
            lock.acquire(timeout=project.settings.data.wait_seconds)
        except Timeout as error:
            raise LeaseHeldError(
                f"Another command on this machine still works in {here}. Wait for it to end, or stop it."
            ) from error
    try:
        yield
    finally:
        lock.release()


def _moved(copied: Copied) -> str:
    return f"{copied.moved:,} of {copied.files:,} files ({copied.moved_size / 1e6:,.1f} MB)"


def _command() -> str:
    """This command as people typed it, without options, which may hold secrets."""
    words = [Path(sys.argv[0]).name, *sys.argv[1:3]]
    end = next((number for number, word in enumerate(words) if word.startswith("-")), len(words))
    return " ".join(words[:end])[:80]
