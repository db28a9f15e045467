"""`.github/workflows/release.yaml`: valid, no job has more rights than it needs, and what it names exists.

It is not run here: this is about its text, its shell scripts, and the files, options and variants in them.
"""

import importlib.resources
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / ".github" / "workflows" / "release.yaml").read_text(encoding="utf-8")
WORKFLOW: dict[str, Any] = yaml.safe_load(TEXT)
JOBS: dict[str, dict[str, Any]] = WORKFLOW["jobs"]
STEPS = [(name, step) for name, job in JOBS.items() for step in job["steps"]]
SCRIPTS = [(name, step["run"]) for name, step in STEPS if "run" in step]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")


def script(words: str) -> str:
    (found,) = [text for _, text in SCRIPTS if words in text]
    return found


def uses(job: str) -> set[str]:
    return {step["uses"].split("@")[0] for name, step in STEPS if name == job and "uses" in step}


def test_it_is_a_workflow_that_only_a_tag_starts() -> None:
    folder = importlib.resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    jsonschema.validate(WORKFLOW, json.loads((folder / "github-workflows.json").read_text(encoding="utf-8")))
    assert WORKFLOW["on"] == {"push": {"tags": ["v*"]}}


def test_every_job_has_the_rights_that_its_steps_need_and_no_others() -> None:
    assert WORKFLOW["permissions"] == {}
    for name, job in JOBS.items():
        text, needed = yaml.safe_dump(job["steps"]), {}
        if "actions/checkout" in uses(name):
            needed["contents"] = "read"
        if "--push" in text:
            needed["packages"] = "write"
        if "cosign sign" in text or "pypa/gh-action-pypi-publish" in uses(name):
            needed["id-token"] = "write"
        assert job["permissions"] == needed, name
    for name, step in STEPS:
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"] == {"persist-credentials": False}, name


def test_nothing_is_published_that_was_not_checked_and_the_wheel_comes_last() -> None:
    assert {name: job.get("needs") for name, job in JOBS.items()} == {
        "check": None, "package": "check", "images": "package", "publish": "images",
    }  # fmt: skip
    assert JOBS["publish"]["environment"] == "release"
    handed_on = [step["with"] for _, step in STEPS if "-artifact@" in step.get("uses", "")]
    assert [(one["name"], one["path"]) for one in handed_on] == [("dist", "dist")] * 2


def test_the_only_secret_is_the_token_of_the_run() -> None:
    assert set(re.findall(r"secrets\.(\w+)", TEXT)) == {"GITHUB_TOKEN"}
    assert re.search(r"(?i)password: |api[_-]key", TEXT) is None


def test_actions_have_a_version() -> None:
    named = [step["uses"] for _, step in STEPS if "uses" in step]
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@(v[\d.]+|release/v\d+|[0-9a-f]{40})", one) for one in named), named


@pytest.mark.parametrize(("job", "text"), SCRIPTS)
def test_scripts_parse_and_take_what_others_wrote_from_variables_only(job: str, text: str) -> None:
    assert "${{" not in text, f"{job}: a name of a branch or tag would be run as a command"
    subprocess.run(["bash", "-n"], input=text, text=True, check=True)


def test_the_images_are_all_variants_with_arguments_that_the_dockerfile_takes() -> None:
    known = re.findall(r"^  (\w+)\)", (ROOT / "deploy" / "install.sh").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(JOBS["images"]["strategy"]["matrix"]["variant"]) == sorted(known)
    build = script("docker buildx build")
    (file,) = re.findall(r"--file (\S+)", build)
    assert (ROOT / file).is_file()
    given = set(re.findall(r"--build-arg (\w+)=", build))
    assert given == {"VARIANT", "VERSION"} <= set(re.findall(r"^ARG (\w+)", DOCKERFILE, re.MULTILINE))
    assert "--sbom=true --provenance=mode=max" in build


@pytest.mark.parametrize(("tag", "code"), [("v{version}", 0), ("{version}", 1), ("v0.0.0", 1), ("v{version}rc1", 1)])
def test_a_tag_that_is_not_the_version_of_the_package_ends_the_release(tag: str, code: int) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    environment = {**os.environ, "GITHUB_REF_NAME": tag.format(version=version)}
    done = subprocess.run(["bash", "-e", "-c", script('GITHUB_REF_NAME" =')], cwd=ROOT, env=environment, check=False)
    assert done.returncode == code


def test_the_check_is_the_one_of_every_change_and_the_builder_the_one_of_the_image() -> None:
    assert os.access(ROOT / script(".ci/run"), os.X_OK)
    build = script("uv build")
    (wanted,) = re.findall(r'"(uv==.*)"', build)
    pinned = subprocess.run(
        ["bash", "-c", f'echo "{wanted}"'], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    assert re.fullmatch(r"uv==\d+\.\d+\.\d+", pinned)
    text = subprocess.run(
        [Path(sys.executable).parent / "uv", "build", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert all(option in text for option in re.findall(r"--[a-z-]+", build.partition("uv build")[2]))
    assert (ROOT / "requirements.lock").is_file()
