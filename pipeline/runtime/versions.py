"""The versions of installed packages.

What belongs here: reading them, for packages that may be absent. Not here: what depends on them.
"""

from importlib.metadata import PackageNotFoundError, version

ABSENT = "not installed"


def version_of(package: str) -> str:
    """The version of a distribution, or `ABSENT`: torch and others are optional."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ABSENT
