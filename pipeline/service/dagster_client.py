"""A client for Dagster's GraphQL: launch, follow and stop a run.

What belongs here: these requests over plain HTTP, without importing Dagster. Not here: what a run does (`assets/`). The
address comes from the settings, never from a request.
"""

import json
import urllib.error
import urllib.request
from typing import Any, cast
from urllib.parse import urlsplit

from pipeline.errors import BucketError, TransientError
from pipeline.service.options import is_loopback

JOB, PARTITIONS = "refresh", "category"
TIMEOUT_SECONDS = 30.0
STATES = {
    "SUCCESS": "succeeded", "FAILURE": "failed", "CANCELED": "cancelled", "QUEUED": "running", "NOT_STARTED": "running",
    "MANAGED": "running", "STARTING": "running", "STARTED": "running", "CANCELING": "running",
}  # fmt: skip

WHERE = """query { repositoriesOrError { ... on RepositoryConnection { nodes { name location { name }
  jobs { name } } } ... on PythonError { message } } }"""
PARTITION = """mutation($r: RepositorySelector!, $d: String!, $k: String!) {
  addDynamicPartition(repositorySelector: $r, partitionsDefName: $d, partitionKey: $k) { __typename
    ... on PythonError { message } ... on UnauthorizedError { message } } }"""
LAUNCH = """mutation($p: ExecutionParams!) { launchRun(executionParams: $p) { __typename
  ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  ... on RunConfigValidationInvalid { errors { message } } ... on UnauthorizedError { message } } }"""
STATUS = """query($id: ID!) { runOrError(runId: $id) { __typename ... on Run { status stats { __typename
  ... on RunStatsSnapshot { stepsSucceeded stepsFailed } } executionPlan { steps { key } } } } }"""
TERMINATE = """mutation($id: String!) { terminateRun(runId: $id) { __typename
  ... on PythonError { message } ... on TerminateRunFailure { message } } }"""


class DagsterError(BucketError):
    """Dagster refused the request."""


class DagsterClient:
    """One Dagster web server. Every method raises `DagsterError`, or `TransientError` if it does not answer."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def launch(self, slug: str) -> str:
        """Launch the job for one category; returns Dagster's id of the run."""
        selector = self._selector()
        added = self._ask(PARTITION, {"r": selector, "d": PARTITIONS, "k": slug})["addDynamicPartition"]
        if added["__typename"] not in ("AddDynamicPartitionSuccess", "DuplicateDynamicPartitionError"):
            raise self._refusal(f"add the partition {slug}", added)
        params = {
            "selector": {**selector, "jobName": JOB},
            "runConfigData": {},
            "executionMetadata": {"tags": [{"key": "dagster/partition", "value": slug},
                                           {"key": "image-cluster/trigger", "value": "service"}]},
        }  # fmt: skip
        launched = self._ask(LAUNCH, {"p": params})["launchRun"]
        if launched["__typename"] != "LaunchRunSuccess":
            raise self._refusal(f"launch {JOB} for {slug}", launched)
        return str(launched["run"]["runId"])

    def status(self, run_id: str) -> tuple[str, str, int, int | None]:
        """Our state of a run, Dagster's name of the state, the number of finished steps, and of all steps."""
        run = self._ask(STATUS, {"id": run_id})["runOrError"]
        if run["__typename"] != "Run":
            return "died", "Dagster does not know this run any more", 0, None
        stats, plan = run.get("stats") or {}, run.get("executionPlan") or {}
        done = int(stats.get("stepsSucceeded") or 0) + int(stats.get("stepsFailed") or 0)
        steps = plan.get("steps")
        return STATES.get(run["status"], "running"), run["status"], done, len(steps) if steps else None

    def terminate(self, run_id: str) -> None:
        """Ask a run to stop."""
        answer = self._ask(TERMINATE, {"id": run_id})["terminateRun"]
        if answer["__typename"] != "TerminateRunSuccess":
            raise self._refusal(f"stop the run {run_id}", answer)

    def _selector(self) -> dict[str, str]:
        repositories = self._ask(WHERE, {})["repositoriesOrError"]
        for node in repositories.get("nodes", []):
            if any(job["name"] == JOB for job in node["jobs"]):
                return {"repositoryName": node["name"], "repositoryLocationName": node["location"]["name"]}
        raise DagsterError(
            f"The Dagster at {self.url} has no job {JOB}. Is service.dagster_url the one that `image-cluster dev` "
            "starts, and did its code location load?"
        )

    def _ask(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(  # noqa: S310  # the address is a checked setting
            f"{self.url}/graphql", data=body, headers={"Content-Type": "application/json"}, method="POST"
        )
        try:
            with self._opener().open(request, timeout=TIMEOUT_SECONDS) as answer:
                document: Any = json.loads(answer.read())
        except urllib.error.HTTPError as error:
            detail = error.read()[:300].decode(errors="replace")
            raise DagsterError(f"Dagster at {self.url} answered {error.code}: {detail}") from error
        except (OSError, ValueError) as error:
            raise TransientError(
                f"Dagster at {self.url} does not answer: {error}. Start it with `image-cluster dev`, or correct "
                "service.dagster_url."
            ) from error
        if not isinstance(document, dict) or document.get("errors"):
            raise DagsterError(f"Dagster at {self.url} rejected the query: {str(document)[:300]}")
        return cast("dict[str, dict[str, Any]]", document)["data"]

    def _opener(self) -> urllib.request.OpenerDirector:
        """An opener for this client alone: urllib's shared one keeps the proxies of its first user in this process."""
        if is_loopback(urlsplit(self.url).hostname or ""):
            return urllib.request.build_opener(urllib.request.ProxyHandler({}))
        return urllib.request.build_opener()

    def _refusal(self, doing: str, answer: dict[str, Any]) -> DagsterError:
        errors = "; ".join(str(error.get("message")) for error in answer.get("errors", []))
        return DagsterError(f"Dagster did not {doing}: {answer.get('message') or errors or answer['__typename']}")
