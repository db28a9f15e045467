"""`deploy/kubernetes/dagster-values.yaml`: what Dagster's chart makes of it is a valid pod, with our limits and names.

The chart itself is not here; its keys were read in the chart's schema.
"""

from typing import Any

import kubernetes_validate
import yaml

from tests.deploy.test_compose import DEPLOY, ROOT

PATH = DEPLOY / "kubernetes" / "dagster-values.yaml"
VALUES: dict[str, Any] = yaml.safe_load(PATH.read_text(encoding="utf-8"))
OURS = yaml.safe_load((DEPLOY / "dagster.yaml").read_text(encoding="utf-8"))
(CODE,) = VALUES["dagster-user-deployments"]["deployments"]
RUNS = VALUES["runLauncher"]["config"]["k8sRunLauncher"]


def pod(container: dict[str, Any], spec: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """A pod with these parts of the values, as the chart and Dagster's launcher put them together."""
    full = {
        "name": "dagster", "image": f"{CODE['image']['repository']}:{CODE['image']['tag']}",
        "envFrom": [{"secretRef": secret} for secret in part["envSecrets"]], "volumeMounts": part["volumeMounts"],
    }  # fmt: skip
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a-run"},
        "spec": {"containers": [full | container], "volumes": part["volumes"]} | spec,
    }  # fmt: skip


def test_code_location_and_runs_are_valid_pods_with_the_same_user_and_volumes() -> None:
    code = pod(
        {"securityContext": CODE["securityContext"], "resources": CODE["resources"]},
        {"securityContext": CODE["podSecurityContext"]}, CODE,
    )  # fmt: skip
    run = pod(RUNS["runK8sConfig"]["containerConfig"], RUNS["runK8sConfig"]["podSpecConfig"], RUNS)
    for thing in (code, run):
        kubernetes_validate.validate(thing, "1.32", strict=True)
        container = thing["spec"]["containers"][0]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        mounts = container["volumeMounts"]
        assert {mount["mountPath"] for mount in mounts if not mount.get("readOnly")} == {
            "/library/data", "/cache", "/tmp"
        }  # fmt: skip
        assert {mount["name"] for mount in mounts} == {volume["name"] for volume in thing["spec"]["volumes"]}
    assert code["spec"]["securityContext"] == run["spec"]["securityContext"]


def test_the_limits_are_those_of_our_own_instance_but_for_one_run_at_a_time() -> None:
    pools, runs = VALUES["concurrency"]["pools"], VALUES["concurrency"]["runs"]
    assert pools["defaultLimit"] == OURS["concurrency"]["pools"]["default_limit"]
    assert pools["granularity"] == OURS["concurrency"]["pools"]["granularity"]
    assert runs["maxConcurrentRuns"] == 1
    assert VALUES["dagsterDaemon"]["runRetries"]["maxRetries"] == OURS["run_retries"]["max_retries"]
    kept = {kind: VALUES["retention"][kind]["purgeAfterDays"] for kind in ("sensor", "schedule")}
    assert kept == {kind: OURS["retention"][kind]["purge_after_days"] for kind in kept}
    assert VALUES["postgresql"]["postgresqlScheme"] == OURS["storage"]["postgres"]["postgres_db"]["scheme"]


def test_the_charts_version_is_that_of_dagster_in_the_image() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    (version,) = [line.split("==")[1].split()[0] for line in lock.splitlines() if line.startswith("dagster==")]
    assert f"--version {version} " in PATH.read_text(encoding="utf-8")
    assert f"--version {version} " in (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")


def test_secret_and_settings_are_those_of_the_chart_beside_it() -> None:
    chart = yaml.safe_load((PATH.parent / "image-cluster" / "values.yaml").read_text(encoding="utf-8"))
    assert CODE["envSecrets"] == RUNS["envSecrets"] == [{"name": chart["secret"]}]
    settings = next(volume for volume in RUNS["volumes"] if volume["name"] == "settings")
    release = settings["configMap"]["name"].removesuffix("-settings")
    assert f"helm install {release} deploy/kubernetes/" in (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")


def test_the_code_location_is_that_of_compose_and_no_secret_has_a_value() -> None:
    assert CODE["codeServerArgs"] == ["--module-name", "pipeline.definitions"]
    assert VALUES["generatePostgresqlPasswordSecret"] is False
    assert "postgresqlPassword" not in VALUES["postgresql"]
