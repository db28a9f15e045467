"""The stamps library: photographic cut-outs from a Debian package, unpacked without root.

What belongs here: fetching the package with apt, unpacking it, choosing the useful images. Not here: running anything
on them (`steps/`). The images are GPL-2 and stay on the user's machine; nothing of them is part of this project.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from pipeline.errors import DemoError

PACKAGE = "tuxpaint-stamps-default"
EXPECTED = 633
SMALLEST_SIDE = 17  # smaller ones are musical rests and the like, a few pixels of ink
DROPPED = "symbols/alphabets"
MARKER = ".library.json"


def fetch_stamps(root: Path, *, notice: Callable[[str], None] = lambda _: None) -> Path:
    """Place the stamps below `root` as FOLDER/SUBFOLDER/NAME.png, with their captions; does nothing if they exist.

    Raises `DemoError` if apt, dpkg or the package is unavailable.
    """
    if (root / MARKER).exists():
        return root
    missing = [tool for tool in ("apt-get", "dpkg-deb") if shutil.which(tool) is None]
    if missing:
        raise DemoError(
            f"The stamps library is unpacked from Debian's package {PACKAGE}, which needs {' and '.join(missing)}. "
            "On this machine run `make demo` (the bollards, which need no download), or copy the folder "
            f"usr/share/tuxpaint/stamps of that package here and run `image-cluster run FOLDER`."
        )
    notice(f"Fetching {PACKAGE} (about 160 MB) …")
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root.parent, prefix=".stamps-") as folder:
        stamps = _unpack(Path(folder))
        staged = Path(folder) / "library"
        count = _choose(stamps, staged)
        if count != EXPECTED:
            notice(f"The package holds {count} useful stamps; this demo was written for {EXPECTED}.")
        (staged / MARKER).write_text(f'{{"package": "{PACKAGE}", "images": {count}}}\n')
        staged.replace(root)
    return root


def _unpack(folder: Path) -> Path:
    # where apt has no lists yet (a fresh container), an update is the remedy; it needs root, so it is only named
    fetched = subprocess.run(["apt-get", "download", PACKAGE], cwd=folder, capture_output=True, text=True, check=False)
    packages = list(folder.glob("*.deb"))
    if fetched.returncode or not packages:
        raise DemoError(
            f"apt could not download {PACKAGE}: {(fetched.stderr.strip().splitlines() or ['no reason given'])[-1]} "
            "Run `sudo apt-get update` once and try again, or run `make demo`, whose bollards need no download."
        )
    subprocess.run(["dpkg-deb", "-x", str(packages[0]), str(folder / "unpacked")], check=True)
    return folder / "unpacked" / "usr" / "share" / "tuxpaint" / "stamps"


def _choose(stamps: Path, target: Path) -> int:
    """Copy every useful PNG, flat below its folder and sub-folder, and its caption beside it."""
    from PIL import Image

    count = 0
    for path in sorted(stamps.rglob("*.png")):
        inside = path.relative_to(stamps)
        if inside.as_posix().startswith(DROPPED):
            continue
        with Image.open(path) as image:
            if min(image.size) < SMALLEST_SIDE:
                continue
        copied = target / inside
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copied)
        if path.with_suffix(".txt").exists():
            shutil.copyfile(path.with_suffix(".txt"), copied.with_suffix(".txt"))
        count += 1
    return count
