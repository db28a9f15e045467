"""`deploy/kubernetes`: the chart renders, every object is valid, and what it names exists in the product.

Needs Helm (`make helm`). Without it these tests are skipped by hand; `.ci/run` brings it, or fails. Nothing is
installed anywhere: `test_chart_runs.py` starts the command lines as processes.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from pipeline.service.security import PROBES
from pipeline.settings import parse_settings
from tests.deploy.test_compose import DEPLOY, ROOT

FOLDER = DEPLOY / "kubernetes"
CHART = FOLDER / "image-cluster"
BESIDE = Path(sys.executable).parent / "helm"
HELM = str(BESIDE) if BESIDE.exists() else shutil.which("helm")
NEEDED = {
    "image.repository": "registry.example.com/image-cluster",
    "settings.source.url": "s3://my-bucket/images", "settings.data.url": "s3://my-bucket/library",
}  # fmt: skip
WITH_INGRESS = {"ingress.enabled": "true", "ingress.host": "images.example.com", "ingress.tlsSecret": "images-tls"}
KUBERNETES = ("1.29", "1.32", "1.37")  # the oldest that Chart.yaml allows, and newer ones
POD_OWNERS = ("Deployment", "CronJob")

with_helm = pytest.mark.skipif(HELM is None, reason="There is no helm on this machine: make helm brings it.")


def call_helm(*words: str, values: dict[str, str]) -> subprocess.CompletedProcess[str]:
    assert HELM is not None
    given = [word for name, value in values.items() for word in ("--set", f"{name}={value}")]
    return subprocess.run([HELM, *words, *given], capture_output=True, text=True, check=False)


def render(values: dict[str, str], *files: Path) -> list[dict[str, Any]]:
    """The objects of the chart, as release `photos`."""
    chosen = [word for file in files for word in ("--values", str(file))]
    done = call_helm("template", "photos", str(CHART), "--namespace", "library", *chosen, values=values)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def pod_of(thing: dict[str, Any]) -> dict[str, Any]:
    spec = thing["spec"]["jobTemplate"]["spec"] if thing["kind"] == "CronJob" else thing["spec"]
    return spec["template"]


def one(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (found,) = [thing for thing in objects if thing["kind"] == kind]
    return found


VARIANTS = {
    "plain": (NEEDED, ()),
    "with an ingress": (NEEDED | WITH_INGRESS, ()),
    "with a GPU": (NEEDED, (FOLDER / "gpu-values.yaml",)),
    "for Dagster": (NEEDED | {"nightly.enabled": "false"}, ()),
    "without policies": (NEEDED | {"networkPolicy.enabled": "false", "nightly.disruptionBudget": "false"}, ()),
}


@pytest.fixture(params=VARIANTS)
def objects(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    values, files = VARIANTS[request.param]
    return render(values, *files)


@with_helm
def test_helm_finds_nothing_to_complain_about() -> None:
    done = call_helm("lint", str(CHART), "--strict", values=NEEDED)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout


@with_helm
@pytest.mark.parametrize("version", KUBERNETES)
def test_every_object_is_valid_for_kubernetes(objects: list[dict[str, Any]], version: str) -> None:
    assert objects
    for thing in objects:
        kubernetes_validate.validate(thing, version, strict=True)


@with_helm
@pytest.mark.parametrize("missing", NEEDED)
def test_what_has_no_default_is_asked_for_by_name(missing: str) -> None:
    done = call_helm("template", "photos", str(CHART), values=NEEDED | {missing: ""})
    assert done.returncode != 0
    assert f"{missing}:" in done.stderr


@with_helm
def test_the_ingress_is_off_unless_asked_for_and_never_without_tls() -> None:
    assert "Ingress" not in {thing["kind"] for thing in render(NEEDED)}
    ingress = one(render(NEEDED | WITH_INGRESS), "Ingress")
    assert ingress["spec"]["tls"][0]["hosts"] == ["images.example.com"]
    done = call_helm("template", "photos", str(CHART), values=NEEDED | WITH_INGRESS | {"ingress.tlsSecret": ""})
    assert "ingress.tlsSecret" in done.stderr


@with_helm
def test_selectors_ports_and_names_fit_each_other(objects: list[dict[str, Any]]) -> None:
    pods = {thing["kind"]: pod_of(thing) for thing in objects if thing["kind"] in POD_OWNERS}
    labels = {kind: pod["metadata"]["labels"].items() for kind, pod in pods.items()}
    deployment, service = one(objects, "Deployment"), one(objects, "Service")
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels["Deployment"]
    assert service["spec"]["selector"].items() <= labels["Deployment"]
    assert not service["spec"]["selector"].items() <= labels.get("CronJob", {"none": ""}.items())
    (port,) = pods["Deployment"]["spec"]["containers"][0]["ports"]
    assert service["spec"]["ports"][0]["targetPort"] == port["name"]
    for thing in objects:
        match thing["kind"]:
            case "PodDisruptionBudget":
                assert thing["spec"]["selector"]["matchLabels"].items() <= labels["CronJob"]
            case "NetworkPolicy":
                assert all(thing["spec"]["podSelector"]["matchLabels"].items() <= own for own in labels.values())
                assert thing["spec"]["ingress"][0]["ports"] == [{"protocol": "TCP", "port": port["containerPort"]}]
            case "Ingress":
                backend = thing["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
                assert backend == {"name": service["metadata"]["name"], "port": {"name": "http"}}
    made = {(thing["kind"], thing["metadata"]["name"]) for thing in objects}
    for pod in pods.values():
        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        assert {mount["name"] for mount in pod["spec"]["containers"][0]["volumeMounts"]} == set(volumes)
        assert ("ConfigMap", volumes["settings"]["configMap"]["name"]) in made
        assert ("PersistentVolumeClaim", volumes["library"]["persistentVolumeClaim"]["claimName"]) in made
    claims = [pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] for pod in pods.values()]
    assert len(set(claims)) == len(claims), "two pods that may stand on two nodes share a volume of one node"


@with_helm
def test_our_pods_write_nowhere_but_to_volumes_and_have_no_rights(objects: list[dict[str, Any]]) -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    for thing in objects:
        if thing["kind"] not in POD_OWNERS:
            continue
        pod = pod_of(thing)["spec"]
        user, container = pod["securityContext"], pod["containers"][0]
        assert f"USER {user['runAsUser']}:{user['runAsGroup']}" in dockerfile
        assert (user["runAsNonRoot"], user["fsGroup"]) == (True, user["runAsGroup"])
        assert pod["automountServiceAccountToken"] is False
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}
        }  # fmt: skip
        writable = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
        assert writable == {"/library/data", "/cache", "/tmp"}
        assert "memory" in container["resources"]["limits"]


@with_helm
def test_the_probes_are_addresses_that_answer_without_a_token() -> None:
    container = pod_of(one(render(NEEDED), "Deployment"))["spec"]["containers"][0]
    paths = {name: container[name]["httpGet"]["path"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert paths == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
    assert set(paths.values()) <= set(PROBES)


@with_helm
def test_no_object_holds_a_secret_and_the_settings_are_settings(objects: list[dict[str, Any]]) -> None:
    assert "Secret" not in {thing["kind"] for thing in objects}
    assert not re.search(r"(?i)(password|secret_access_key|token):\s*\S", yaml.safe_dump(objects).replace(
        "automountServiceAccountToken: false", ""
    ))  # fmt: skip
    for thing in objects:
        if thing["kind"] in POD_OWNERS:
            container = pod_of(thing)["spec"]["containers"][0]
            assert container["envFrom"] == [{"secretRef": {"name": "image-cluster"}}]
    text = one(objects, "ConfigMap")["data"]["image-cluster.yaml"]
    settings = parse_settings(text, "image-cluster.yaml")
    assert (settings.source.url, settings.data.url) == (NEEDED["settings.source.url"], NEEDED["settings.data.url"])


@with_helm
def test_the_image_is_that_of_this_version_and_the_gpu_is_for_the_nightly_run_alone() -> None:
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert version is not None
    plain, gpu = render(NEEDED), render(NEEDED, FOLDER / "gpu-values.yaml")
    for objects, tag in ((plain, f"{version[1]}-cpu"), (gpu, f"{version[1]}-cuda")):
        for kind in POD_OWNERS:
            image = pod_of(one(objects, kind))["spec"]["containers"][0]["image"]
            assert image == f"registry.example.com/image-cluster:{tag}"
    assert pod_of(one(gpu, "CronJob"))["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert pod_of(one(gpu, "CronJob"))["spec"]["tolerations"]
    assert "nvidia" not in yaml.safe_dump(one(gpu, "Deployment"))
