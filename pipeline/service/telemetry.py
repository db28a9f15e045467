"""OpenTelemetry: traces and metrics of requests over OTLP, only where the environment asks for it by our own variable.

What belongs here: the switch. Not here: spans and exporters, which FastAPI and OpenTelemetry's own SDK bring, and
metrics for Prometheus (`metrics.py`).

The standard variables (`OTEL_EXPORTER_OTLP_ENDPOINT`, …) alone switch nothing on: on many machines they are set for
everything, and nothing leaves this one that nobody asked for. A span carries the path and the query of its request, so
also the words of a search; texts of errors are not sent.
"""

import os
from collections.abc import Mapping
from importlib.util import find_spec

from fastapi.telemetry import TelemetryConfig

from pipeline.errors import SettingsError

VARIABLE = "IMAGE_CLUSTER_OTLP"
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")
PACKAGES = ("opentelemetry.sdk", "opentelemetry.exporter")
OFF: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
ON: TelemetryConfig = {**OFF, "tracing": True, "metrics": True, "auto_configure": True, "operation_spans": False}


def telemetry(environment: Mapping[str, str] = os.environ) -> TelemetryConfig:
    """FastAPI's configuration. Raises `SettingsError` for another value than 0 or 1, or if 1 has nowhere to send to."""
    value = environment.get(VARIABLE, "").strip() or "0"
    if value == "0":
        return OFF
    if value != "1":
        raise SettingsError(f"{VARIABLE} is {value!r}; it is 1 (send traces and metrics over OTLP), 0 or unset.")
    if not any(environment.get(name) for name in ENDPOINTS):
        raise SettingsError(f"{VARIABLE} is 1, but {ENDPOINTS[0]} says no address, such as http://collector:4318.")
    if any(find_spec(name) is None for name in PACKAGES):
        raise SettingsError(f"{VARIABLE} needs OpenTelemetry's SDK and exporter: pip install 'image-cluster[server]'.")
    return ON
