"""The versions of packages, and of those that are absent."""

from importlib.metadata import version

from pipeline.runtime.versions import version_of


def test_a_package_has_its_version_and_an_absent_one_says_so() -> None:
    assert version_of("numpy") == version("numpy")
    assert version_of("no-such-package") == "not installed"
