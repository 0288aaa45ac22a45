"""What is counted while the dashboard runs: durations of requests, failed sign-ins, memory."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Final

from flask import Flask, Response, current_app, g, request
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

EXTENSION: Final = "yiping_metrics"
BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_PASSWORD_REFUSED: Final = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS})
_TOKEN_REFUSED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS})


class RequestMetrics:
    """Counters of one application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._seconds = Histogram(
            "yiping_request_seconds",
            "Time until a request was answered, by page; a live stream: until it began.",
            ["endpoint"],
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        self._answers = Counter(
            "yiping_answers",
            "Answers by class of status: 2xx, 3xx, 4xx, 5xx.",
            ["status"],
            registry=self.registry,
        )
        self._failures = Counter(
            "yiping_sign_in_failures",
            "Refused passwords and tokens since the dashboard started.",
            ["kind"],
            registry=self.registry,
        )
        for kind in ("password", "token"):
            self._failures.labels(kind)
        ProcessCollector(registry=self.registry)

    def began(self) -> None:
        """Before every request."""
        g.began_s = time.perf_counter()

    def ended(self, response: Response) -> Response:
        """After every request."""
        endpoint = request.endpoint or "none"
        began_s: float | None = g.get("began_s")
        if began_s is not None:
            self._seconds.labels(endpoint).observe(time.perf_counter() - began_s)
        status = response.status_code
        self._answers.labels(f"{status // 100}xx").inc()
        if endpoint == "account.sign_in" and status in _PASSWORD_REFUSED:
            self._failures.labels("password").inc()
        if "Authorization" in request.headers and status in _TOKEN_REFUSED:
            self._failures.labels("token").inc()
        return response


def request_metrics() -> RequestMetrics:
    """Those of the current application."""
    found: RequestMetrics = current_app.extensions[EXTENSION]
    return found


def measure(app: Flask) -> None:
    """Count from now on; to be called before anything else that looks at requests."""
    disable_created_metrics()  # type: ignore[no-untyped-call]
    metrics = RequestMetrics()
    app.extensions[EXTENSION] = metrics
    app.before_request(metrics.began)
    app.after_request(metrics.ended)
