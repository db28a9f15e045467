"""One run in a separate process: `python -m pipeline.service.worker FOLDER`.

What belongs here: doing the job, and reporting progress as JSON lines. Not here: the files of the folder
(`run_folder.py`), starting the process and reading its progress (`runs.py`).
"""

import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, TextIO

from pipeline.errors import ImageClusterError
from pipeline.service.run_folder import RunFolder
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.steps.project import Project

LINES_PER_SECOND = 10


class JsonTalk:
    """A `Talk` that writes JSON lines, at most `LINES_PER_SECOND` of progress."""

    def __init__(self, out: TextIO) -> None:
        self._out, self._last, self._phase = out, 0.0, ""

    def say(self, event: str, **values: Any) -> None:
        self._out.write(json.dumps({"event": event, **values}, ensure_ascii=False, default=str) + "\n")
        self._out.flush()

    def notice(self, text: str) -> None:
        self.say("notice", text=text)

    def progress(self, phase: str, done: int, total: int) -> None:
        now = monotonic()
        if phase == self._phase and done < total and now - self._last < 1 / LINES_PER_SECOND:
            return
        self._last, self._phase = now, phase
        self.say("progress", phase=phase, done=done, total=total)


def main(folder: Path) -> int:
    """Do the job in `folder`; returns the exit code."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background parent passes on "ignore"
    files = RunFolder(folder)
    job = files.read_job()
    with files.lock(), files.open_progress() as out:
        talk = JsonTalk(out)
        try:
            result = KINDS[job["kind"]](files, job, talk)
        except ImageClusterError as error:
            talk.say("failed", error=str(error))
            return error.exit_code
        except KeyboardInterrupt:
            talk.say("cancelled")
            return 1
        except BaseException as error:  # a bug, or no memory: clients that wait for this run must learn of it
            talk.say("failed", error=f"{type(error).__name__}: {error}")
            raise
        files.write_result(result)
        talk.say("done")
    return 0


def _pipeline(_: RunFolder, job: dict[str, Any], talk: JsonTalk) -> Any:
    """All steps of the categories, as `image-cluster run`. `held`: why a result was not published, if it was not."""
    from pipeline.curation.addressing import unmistakable
    from pipeline.steps.each import raise_failures
    from pipeline.steps.live_library import writing
    from pipeline.steps.run import run
    from pipeline.storage.categories import read_slugs

    talk.progress("categories", 0, len(job["categories"]))
    project = _project(job, talk)
    slugs = read_slugs(project.layout)
    wanted = [unmistakable(job["slug"], slugs)] if job.get("slug") in slugs else job["categories"]
    with writing(project):
        done = run(project, wanted)
        raise_failures(done.failures, len(done.finished))
    talk.progress("categories", len(done.finished), len(done.finished))
    held = {one.category: list(one.published.held.reasons) for one in done.finished if one.published.held}
    return [{**row, "held": held.get(row["category"], [])} for row in done.summaries()]


def _clustering(_: RunFolder, job: dict[str, Any], talk: JsonTalk) -> Any:
    """The steps after reading, for one category."""
    from pipeline.steps.live_library import writing
    from pipeline.steps.run import cluster_again

    talk.progress("clustering", 0, 1)
    project = _project(job, talk)
    with writing(project):
        figures = cluster_again(project, job["slug"])
    talk.progress("clustering", 1, 1)
    return figures


def _tuning(_: RunFolder, job: dict[str, Any], talk: JsonTalk) -> Any:
    """The comparison of granularities, as `image-cluster tune`."""
    from pipeline.steps.live_library import writing
    from pipeline.steps.tune import stored_sweep, tune

    talk.progress("comparing", 0, 1)
    project = _project(job, talk)
    with writing(project):
        tune(project, job["slug"], runs=job["runs"])
    facts = stored_sweep(project, job["slug"]).facts
    return {"category": project.category_of(job["slug"]), "best": facts.best, "current": facts.current}


def _encoders(_: RunFolder, job: dict[str, Any], talk: JsonTalk) -> Any:
    """The comparison of two encoders, as `image-cluster encoders compare`."""
    from pipeline.steps.encoder_comparison import compare
    from pipeline.steps.live_library import writing

    talk.progress("comparing", 0, 1)
    project = _project(job, talk)
    first, second = job["specs"]
    with writing(project):
        found = compare(project, job["slug"], (first, second), sample=job["sample"], seed=job["seed"])
    return {"category": found.category, "specs": job["specs"], "better": found.better}


def _project(job: dict[str, Any], talk: JsonTalk) -> "Project":
    from pipeline.steps.project import Project

    settings = Settings.model_validate(job["settings"])
    return Project(settings, talk=talk, granularity_given=job.get("granularity_given", False))


def _vectors(folder: RunFolder, job: dict[str, Any], talk: JsonTalk) -> Any:
    """Cluster posted vectors."""
    from pipeline.service.vectors import VectorParams, group_posted, read_posted

    talk.progress("cluster", 0, 1)
    posted = read_posted(folder.vectors)
    answer = group_posted(posted, VectorParams.model_validate(job["parameters"]))
    talk.progress("cluster", 1, 1)
    return answer


KINDS: dict[str, Callable[[RunFolder, dict[str, Any], JsonTalk], Any]] = {
    "pipeline": _pipeline, "clustering": _clustering, "tuning": _tuning, "encoders": _encoders,
    "vectors": _vectors,
}  # fmt: skip

if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
