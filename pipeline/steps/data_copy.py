"""A whole library → a copy in a bucket, and back: into a new folder, or onto another machine.

What belongs here: what may replace what, the order of copying, and locks. Not here: which folders may be copied, and
the record of the last copy (`copy_guards.py`), opening and listing the copies (`stored_copies.py`), which files a
library consists of (`storage/snapshot.py`), the objects in the bucket (`adapters/snapshot_store.py`), decisions alone
(`backup.py`).

A directory remembers which copy it was last equal to. It may replace the newest copy only if that is the one, and may
be replaced only if nothing in it changed since. So two machines that take turns never lose each other's work.
"""

import shutil
from collections.abc import Callable, Collection, Generator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.adapters.snapshot_store import SnapshotStore
from pipeline.errors import DataCopyError, ImageClusterError
from pipeline.steps.copy_guards import PARTLY, record, require_library, require_place, write_record
from pipeline.steps.curation import database_of
from pipeline.steps.project import Project
from pipeline.steps.stored_copies import open_copies
from pipeline.storage import snapshot as snapshots
from pipeline.storage.categories import read_slugs
from pipeline.storage.curation.copies import CategoryEvents, contents, make_copy
from pipeline.storage.curation.reading import SqliteFile
from pipeline.storage.curation.restoring import BESIDE, replace_file, set_aside
from pipeline.storage.files import file_digest
from pipeline.storage.layout import CURATION, MARKER
from pipeline.storage.snapshot import Entry, Snapshot

Expendable = frozenset[str]
SHOWN = 3  # names of changed files in a message


@dataclass(frozen=True)
class Copied:
    """What a copy did: `moved` files of `moved_size` bytes went over the network, of `files` with `size` in all."""

    url: str
    snapshot: str
    files: int
    size: int
    moved: int
    moved_size: int


def copy_out(
    project: Project, url: str, *, drop: bool = False, before_publishing: Callable[[], None] = lambda: None
) -> Copied:
    """Copy the library to a bucket. Waits for runs of its categories, and lets none begin meanwhile.

    `before_publishing` is called when everything is there and nothing points at it yet. With `drop` everything is
    stored again, which mends a damaged copy. Raises `DataCopyError` if the newest copy there is not the one that this
    directory comes from and `drop` is False, if there is no whole library here, if the server ignores conditions, or if
    another machine is quicker.
    """
    require_library(project)
    store = open_copies(project, url)
    before = store.newest(damaged=drop)
    if before is not None and before.name != record(project).get(url) and not drop:
        raise DataCopyError(
            f"The newest copy in {url} is {before.name}, and {project.settings.data_dir} was not made from it. "
            "Copy it into another directory to look at it, or put yours in its place with --replace."
        )
    store.require_conditions()
    with _locked(project, read_slugs(project.layout)), _scratch(project) as scratch:
        own = _take_snapshot(project, scratch)
        last = store.read(before.name) if before is not None and not drop else None
        if before is not None and last is not None and not own.differs(last):
            return _record_copy(project, url, before.name, own, [])
        if last is not None:
            there = {entry.digest for entry in last.files.values()}
        else:
            there = set[str]() if drop else store.recent_objects()
        todo = list({entry.digest: path for path, entry in own.files.items() if entry.digest not in there}.values())
        _send(project, store, own, todo, scratch)
        before_publishing()
        done = _record_copy(project, url, store.publish(own, before), own, todo)
    try:
        store.remove_old()
    except ImageClusterError as error:  # the copy is whole; some credentials may neither list nor delete
        project.tell_once(f"The copy is done. Old copies were not removed: {error}")
    return done


def copy_in(
    project: Project, url: str, *, name: str | None = None, drop: bool = False, expendable: Expendable = frozenset()
) -> Copied:
    """Make the data directory equal to a copy in a bucket: the newest, or the snapshot `name`.

    Every file is verified before the first one is replaced; an interrupted copy goes on where it stopped. Decisions
    that are replaced are kept beside the copies of decisions. `expendable`: names at the top of the directory that may
    differ, because they are made again. Raises `DataCopyError` if there is no copy, or if the directory changed since
    it was last copied and `drop` is False.
    """
    require_place(project)
    store = open_copies(project, url)
    newest = store.newest()
    if newest is None:
        raise DataCopyError(f"There is no library in {url}. Copy one there: image-cluster data copy DIRECTORY {url}")
    name = name or newest.name
    wanted = _own_part(project, store.read(name))
    slugs = {path.split("/")[1] for path in wanted.files if path.startswith("categories/")}
    with _locked(project, slugs | set(read_slugs(project.layout))), _scratch(project) as scratch:
        own = _take_snapshot(project, scratch)
        if not drop:
            _refuse_to_lose(project, store, own, expendable)
        todo = [path for path, entry in wanted.files.items() if own.files.get(path) != entry]
        if own.decisions == wanted.decisions and CURATION in todo:
            todo.remove(CURATION)
        _fetch(project, store, wanted, todo, scratch / "in")
        if not drop and _events_now(project) != own.decisions:
            raise DataCopyError(
                f"Somebody decided something in {project.settings.data_dir} while {url} was copied there. Nothing was "
                "replaced. Copy it to the bucket first, or drop it with --replace."
            )
        write_record(project, url, PARTLY + name)
        _replace(project, scratch / "in", own, wanted, todo)
        return _record_copy(project, url, name, wanted, todo)


def _send(project: Project, store: SnapshotStore, own: Snapshot, todo: Collection[str], scratch: Path) -> None:
    """Store the files `todo`; decisions are read from their copy in `scratch`."""

    def send(path: str) -> None:
        file = scratch / CURATION if path == CURATION else project.layout.root / path
        if not store.store(own.files[path], file):
            project.layout.copied_digests.unlink(missing_ok=True)  # it may know the digest of other bytes
            raise DataCopyError(
                f"{file} changed while it was copied to {store.url}. Nothing was replaced there. Repeat the command."
            )

    _move_each(project, f"copy to {store.url}", todo, send)


def _fetch(project: Project, store: SnapshotStore, wanted: Snapshot, todo: Collection[str], into: Path) -> None:
    """Bring the files `todo` into a folder, but for those that an interrupted copy left there whole."""

    def fetch(path: str) -> None:
        target = into / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not (target.exists() and file_digest(target) == wanted.files[path].digest):
            store.fetch(wanted.files[path], target)

    _move_each(project, f"copy from {store.url}", todo, fetch)


def _refuse_to_lose(project: Project, store: SnapshotStore, own: Snapshot, expendable: Expendable) -> None:
    """Raise `DataCopyError` if the directory holds anything that no copy has."""
    was = record(project).get(store.url, "")
    if was.startswith(PARTLY) or all(path == MARKER or _top(path) in expendable for path in own.files):
        return
    here = project.settings.data_dir
    if not was:
        raise DataCopyError(
            f"{here} holds a library already, and was never copied to or from {store.url}. Name a new directory, or "
            "replace all of it with --replace."
        )
    differing = own.differs(_own_part(project, store.read(was)))
    changed = [path for path in differing if _top(path) not in expendable]
    if changed:
        more = f" and {len(changed) - SHOWN:,} more" if len(changed) > SHOWN else ""
        raise DataCopyError(
            f"{here} changed since it was copied ({was}): {', '.join(changed[:SHOWN])}{more}. "
            f"Copy it to {store.url} first, or drop these changes with --replace."
        )


def _top(path: str) -> str:
    """The name at the top of the data directory under which a file lies."""
    return path.partition("/")[0]


def _replace(project: Project, fetched: Path, own: Snapshot, wanted: Snapshot, todo: Collection[str]) -> None:
    """Move every file to its place, what points at others last; then remove what the copy lacks."""
    root = project.layout.root
    for path in sorted(todo, key=snapshots.order):
        if path != CURATION:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (fetched / path).replace(root / path)
    for path, to in wanted.links.items():
        if own.links.get(path) != to:
            fetched.mkdir(exist_ok=True)
            staged = fetched / "link"
            staged.unlink(missing_ok=True)  # of a copy that was interrupted here
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            staged.symlink_to(to)
            staged.replace(root / path)
    _, database = database_of(project)
    if database is not None and own.decisions != wanted.decisions:
        if own.decisions:
            kept = set_aside(database, project.layout.replaced(project.now()))
            project.tell_once(f"The decisions that were here before are kept in {kept}.")
        if wanted.decisions:
            replace_file(fetched / CURATION, database)
        else:
            for ending in ("", *BESIDE):
                Path(f"{database}{ending}").unlink(missing_ok=True)
    for path in sorted({*own.files, *own.links} - {*wanted.files, *wanted.links, CURATION}):
        (root / path).unlink(missing_ok=True)
        _remove_empty((root / path).parent, root)


def _remove_empty(folder: Path, root: Path) -> None:
    while folder != root and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _take_snapshot(project: Project, scratch: Path) -> Snapshot:
    """The library as it is, with a copy of its decisions in `scratch`."""
    own = snapshots.take(project.layout, project.now(), lambda done, total: project.talk.progress("list", done, total))
    _, database = database_of(project)
    if database is None or not database.exists():
        return own
    made = make_copy(SqliteFile(database), scratch / CURATION, project.now())
    if not made.categories:
        return own
    return snapshots.with_decisions(own, Entry(file_digest(made.file), made.bytes), made.categories)


def _events_now(project: Project) -> dict[str, CategoryEvents]:
    """The events of each category as they are now; empty where another database than SQLite holds them."""
    _, database = database_of(project)
    return contents(SqliteFile(database)) if database is not None and database.exists() else {}


def _own_part(project: Project, library: Snapshot) -> Snapshot:
    """The snapshot without decisions where another database than SQLite holds them."""
    if database_of(project)[1] is not None or CURATION not in library.files:
        return library
    project.tell_once("The decisions of the copy are left out: curation.database_url names another database.")
    files = {path: entry for path, entry in library.files.items() if path != CURATION}
    return replace(library, files=files, decisions={})


def _move_each(project: Project, phase: str, paths: Collection[str], move: Callable[[str], None]) -> None:
    with ThreadPoolExecutor(project.settings.source.concurrency, thread_name_prefix="copy") as pool:
        waiting = [pool.submit(move, path) for path in paths]
        try:
            for done, future in enumerate(as_completed(waiting), start=1):
                future.result()
                project.talk.progress(phase, done, len(paths))
        except BaseException:  # also Ctrl-C: what has not begun must not begin
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@contextmanager
def _locked(project: Project, slugs: Collection[str]) -> Generator[None]:
    with ExitStack() as stack:
        for slug in sorted(slugs):
            stack.enter_context(project.lock(slug))
        yield


@contextmanager
def _scratch(project: Project) -> Generator[Path]:
    """A folder for files on their way. It stays after an error, for the next attempt to go on from."""
    folder = project.layout.copying
    folder.mkdir(parents=True, exist_ok=True)
    yield folder
    shutil.rmtree(folder)


def _record_copy(project: Project, url: str, name: str, library: Snapshot, moved: Collection[str]) -> Copied:
    write_record(project, url, name)
    moved_size = sum(library.files[path].size for path in moved)
    return Copied(url, name, len(library.files), library.size, len(moved), moved_size)
