"""`/metrics`, for Prometheus."""

from __future__ import annotations

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue
from prometheus_client import Gauge
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import CollectorRegistry

from collector.ledger.readers import LedgerUnavailable
from collector.web.dashboard import dashboard, reader, real_ms
from collector.web.exports.views import current_state
from collector.web.metrics.requests import request_metrics
from collector.web.metrics.state import StateCollector

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
def index() -> ResponseReturnValue:
    """State and counters; without a ledger only that it cannot be read, and the counters."""
    readable = CollectorRegistry()
    is_readable = Gauge(
        "yiping_ledger_readable", "Whether the ledger can be read.", registry=readable
    )
    text = generate_latest(request_metrics().registry)
    try:
        text += generate_latest(_state())
        is_readable.set(1)
    except LedgerUnavailable:
        is_readable.set(0)
    return Response(text + generate_latest(readable), content_type=CONTENT_TYPE_LATEST)


def _state() -> StateCollector:
    parts = dashboard()
    exports, _root, _names = current_state()
    return StateCollector(
        reader(), parts.options.care, exports, streams=parts.watcher.streams, now_ms=real_ms()
    )
