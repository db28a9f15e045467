"""Keeps the working copy of a service up to date with its library in a bucket.

What belongs here: when to look. Not here: bringing the working copy up to date (`steps/live_library.py`), noticing
that stored versions changed (`steps/library_view/cache.py`).
"""

import logging
import threading

from pipeline.errors import ImageClusterError
from pipeline.steps.live_library import bring_up
from pipeline.steps.project import Project


class Follower:
    """Looks at the bucket every `data.look_seconds`, in a thread of its own. Does nothing without `data.url`."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="follower", daemon=True)

    def start(self) -> None:
        """Start looking."""
        if self._project.settings.data.url is not None:
            self._thread.start()

    def stop(self) -> None:
        """Stop looking; a copy that is under way goes on for a few seconds at most, and is completed by the next."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def _follow(self) -> None:
        while not self._stop.wait(self._project.settings.data.look_seconds):
            try:
                bring_up(self._project)
            except ImageClusterError as error:  # the library of before is served on
                self._project.tell_once(f"The library here is that of before: {error}")
            except Exception:  # a full disk, a bug: pages must go on being served
                logging.getLogger(__name__).exception("The library in the bucket could not be copied; trying again")
