"""The demo's data directory belongs to the demo.

What belongs here: refusing another source for it. Not here: making the demo (`run.py`).
"""

from pathlib import Path

from pipeline.errors import SettingsError
from pipeline.settings.file import parse_settings

MARK = "demo.yaml"  # the demo's settings file in its data directory


def require_no_demo(data: Path, source: str) -> None:
    """Raises `SettingsError` if the demo's results are in `data` and `source` is not the demo's library.

    Its images would count as gone, and the guard would hold back every category of the demo.
    """
    settings = data / MARK
    if not source or not settings.exists():
        return
    library = parse_settings(settings.read_text(encoding="utf-8"), str(settings)).source.url
    if Path(source).resolve() != Path(library).resolve():
        raise SettingsError(
            f"{data}/ holds the results of the demo, which reads {library}, not {source}. Remove them with "
            f"`make clean` or `rm -r {data}`, or put yours elsewhere with --out, for example --out my-data."
        )
