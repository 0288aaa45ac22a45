"""Live figures: one thread watches the ledger and hands each change to every open page.

A page that waits costs a thread but no question to the database: the questions are asked once for
all of them, and only while somebody looks.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Protocol

from collector.ledger.readers import LedgerReader, LedgerUnavailable
from collector.web.view import WHOLE_HALL, Scope

logger = logging.getLogger(__name__)

POLL_S: Final = 0.2
"""How often the ledger is asked whether it has changed; a fifth of the promised second."""
HEARTBEAT_S: Final = 15.0
"""How often a silent stream says that it is alive, so that proxies and pages keep it."""
ALLOWED_EVERY_S: Final = 1.0
"""How soon a stream ends after its session: sign-out, other rights, a disabled account, a time
limit."""
RETRY_S: Final = 2.0
"""How long to wait when the ledger cannot be read."""
MAX_STREAMS: Final = 48
"""Streams at one time. A page that gets no stream asks again every two seconds instead."""
SHARE_OF_ONE: Final = 2
"""One person may have every second stream of all. Source: our choice: nobody reads as many pages,
and the others keep theirs."""
THREADS_FOR_PAGES: Final = 8
"""Threads of the server that no stream may take. Source: our choice."""
MAX_WAITING: Final = 100
"""Events a slow page may be behind before its stream is ended, to be opened anew."""


class BuildEvent(Protocol):
    """Makes the next event from the ledger.

    An event is a JSON object with at least `position`; `is_partial` asks to be called again even
    when the ledger stays as it is, for the part that was left out.
    """

    def __call__(
        self, reader: LedgerReader, previous: dict[str, Any] | None, scope: Scope
    ) -> dict[str, Any] | None:
        """For the pages of one scope. None: nothing worth telling has changed."""


class Subscription:
    """One page's place in the queue; pages of one `scope` get the same events."""

    def __init__(
        self, condition: threading.Condition, scope: Scope, visitor: int | None = None
    ) -> None:
        self.scope = scope
        self.visitor = visitor
        self._condition = condition
        self._events: deque[str] = deque()
        self.is_ended = False

    def put(self, event: str) -> None:
        """Called with the condition held."""
        if len(self._events) >= MAX_WAITING:
            self.is_ended = True
        else:
            self._events.append(event)

    def take(self, wait_s: float) -> str | None:
        """The next event, or None after `wait_s` seconds or at the end."""
        with self._condition:
            if not self._events and not self.is_ended:
                self._condition.wait(wait_s)
            return self._events.popleft() if self._events else None


class LedgerWatcher:
    """Watches one ledger file.

    Args:
        path: the ledger.
        build: makes an event from the ledger's present state.
        beside: gives something that changes when an event must be made though the ledger stays as
            it is; asked at every look.
        poll_s: seconds between two looks.
        max_streams: streams at one time.
    """

    def __init__(
        self,
        path: Path,
        build: BuildEvent,
        *,
        beside: Callable[[], object] = lambda: None,
        poll_s: float = POLL_S,
        max_streams: int = MAX_STREAMS,
    ) -> None:
        self.max_streams = max_streams
        self._path = path
        self._build = build
        self._beside = beside
        self._poll_s = poll_s
        self._condition = threading.Condition()
        self._subscriptions: set[Subscription] = set()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread; idempotent."""
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._run, name="ledger-watcher", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End all streams and the thread; idempotent."""
        self._stopping.set()
        with self._condition:
            for subscription in self._subscriptions:
                subscription.is_ended = True
            self._condition.notify_all()
        if self._thread is not None:
            self._thread.join(timeout=5.0)
            self._thread = None

    @property
    def is_running(self) -> bool:
        """Whether streams are being served."""
        return self._thread is not None and self._thread.is_alive() and not self._stopping.is_set()

    def subscribe(
        self, scope: Scope = WHOLE_HALL, *, visitor: int | None = None
    ) -> Subscription | None:
        """A new stream; None when there are too many, of all or of one, or the watcher rests.

        Args:
            scope: whose ratings are told.
            visitor: id of the account it is for; None: of nobody who is counted.
        """
        with self._condition:
            if not self.is_running or len(self._subscriptions) >= self.max_streams:
                return None
            if visitor is not None:
                own = sum(one.visitor == visitor for one in self._subscriptions)
                if own >= max(1, self.max_streams // SHARE_OF_ONE):
                    return None
            subscription = Subscription(self._condition, scope, visitor)
            self._subscriptions.add(subscription)
            return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """End a stream; idempotent."""
        with self._condition:
            subscription.is_ended = True
            self._subscriptions.discard(subscription)

    @property
    def streams(self) -> int:
        """Open streams."""
        with self._condition:
            return len(self._subscriptions)

    def _run(self) -> None:
        is_reachable = True
        while not self._stopping.is_set():
            try:
                with LedgerReader(self._path, is_snapshot=False) as reader:
                    if not is_reachable:
                        logger.info("ledger reachable again path=%s", self._path)
                    is_reachable = True
                    self._watch(reader)
            except LedgerUnavailable as error:
                if is_reachable:
                    logger.warning("ledger unreachable error=%s", error)
                is_reachable = False
                self._stopping.wait(RETRY_S)
            except Exception:  # the thread's boundary: pages would go on without live figures
                logger.exception("live figures failed, trying again")
                self._stopping.wait(RETRY_S)

    def _watch(self, reader: LedgerReader) -> None:
        """Look until the file is replaced, a writer starts beside an immutable one, or the end."""
        inode = self._path.stat().st_ino
        seen: tuple[int, object] | None = None
        previous: dict[Scope, dict[str, Any]] = {}
        while not self._stopping.wait(self._poll_s):
            if not reader.is_current or not self._is_same_file(inode):
                return
            scopes = self._scopes()
            if not scopes:
                seen, previous = None, {}
                continue
            version = reader.version(), self._beside()
            for scope in scopes:
                before = previous.get(scope)
                is_partial = before is not None and before.get("is_partial", False)
                if version == seen and before is not None and not is_partial:
                    continue
                event = self._build(reader, before, scope)
                if event is not None:
                    previous[scope] = event
                    self._publish(event, scope)
            seen = version
            previous = {scope: previous[scope] for scope in scopes if scope in previous}

    def _scopes(self) -> set[Scope]:
        """The scopes somebody looks at."""
        with self._condition:
            return {subscription.scope for subscription in self._subscriptions}

    def _is_same_file(self, inode: int) -> bool:
        try:
            return self._path.stat().st_ino == inode
        except OSError as error:
            raise LedgerUnavailable(f"{self._path}: {error}") from error

    def _publish(self, event: dict[str, Any], scope: Scope) -> None:
        text = sse(event)
        with self._condition:
            for subscription in self._subscriptions:
                if subscription.scope == scope:
                    subscription.put(text)
            self._condition.notify_all()


def sse(event: dict[str, Any]) -> str:
    """An event as Server-Sent-Events text; its id is the ledger position it speaks of."""
    body = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    return f"id: {event['position']}\ndata: {body}\n\n"


def stream(
    subscription: Subscription,
    first: dict[str, Any],
    *,
    is_gone: Callable[[], bool],
    is_allowed: Callable[[], bool],
) -> Iterator[str]:
    """The text of one stream: what is new since the page was made, then every event.

    Args:
        subscription: made before `first` was built, so that nothing falls between them.
        first: the first event.
        is_gone: whether the browser has closed the connection.
        is_allowed: whether the session still holds; asked every `ALLOWED_EVERY_S`.
    """
    yield "retry: 2000\n\n" + sse(first)
    quiet_s = 0.0
    asked_s = time.monotonic()
    while not subscription.is_ended and not is_gone():
        if time.monotonic() - asked_s >= ALLOWED_EVERY_S:
            asked_s = time.monotonic()
            if not is_allowed():
                return
        event = subscription.take(1.0)
        if event is not None:
            quiet_s = 0.0
            yield event
            continue
        quiet_s += 1.0
        if quiet_s >= HEARTBEAT_S:
            quiet_s = 0.0
            yield ": still here\n\n"
