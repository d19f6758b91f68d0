"""The tries of one request, how long each waits, and when they are enough."""

import contextlib
from collections.abc import Iterator

from reverse_etl.errors import DeliveryError, ErrorClass, RetryableDeliveryError
from reverse_etl.transport.options import HttpOptions


class Attempts:
    """The tries of one request, and when they are enough."""

    def __init__(self, options: HttpOptions) -> None:
        self._options = options
        self._started = options.clock()
        self._faults = 0
        self._throttles = 0
        self._problem = ""
        self._is_sure = True
        self.may_be_applied = False
        self.has_refreshed = False

    def faulty(self, problem: str, *, may_be_applied: bool) -> None:
        """A try ended in a fault."""
        self._faults += 1
        self._problem = problem
        self._is_sure = not may_be_applied
        self.may_be_applied |= may_be_applied

    @contextlib.contextmanager
    def beginning(self) -> Iterator[None]:
        """What goes wrong before a try is about that try; one before may be applied."""
        try:
            yield
        except DeliveryError as error:
            error.is_in_doubt |= self.may_be_applied
            raise

    def throttled(self) -> None:
        """A try was refused for being too fast, and nothing of it was applied."""
        self._throttles += 1
        self._problem = "too many requests"
        self._is_sure = True

    def wait_or_give_up(
        self, place: str, *, wait_s: float | None, is_repeatable: bool
    ) -> None:
        """Wait before the next try, as the server asks or at random.

        Raises:
            RetryableDeliveryError: These were enough, or another might do it twice.
        """
        policy = self._options.policy
        if wait_s is None:
            wait_s = self._backoff()
        is_late = self._options.clock() - self._started + wait_s > policy.total_s
        is_done = self._faults >= policy.max_attempts or is_late
        if is_done or not (is_repeatable or self._is_sure):
            tries = self._faults + self._throttles
            raise RetryableDeliveryError(
                f"{place} did not take the request ({self._problem or 'refused'}; "
                f"{tries} tries). The sync stopped here. Run it again later: it goes on "
                "with what is missing.",
                is_in_doubt=self.may_be_applied,
                error_class=ErrorClass.THROTTLED
                if self._throttles and not self._faults
                else ErrorClass.TRANSIENT,
            )
        self._options.sleep(wait_s)

    def _backoff(self) -> float:
        # The exponent is bounded, so that a long throttling does not overflow it.
        tries = max(1, self._faults + self._throttles)
        policy = self._options.policy
        longest = policy.first_wait_s * 2.0 ** min(tries - 1, 30)
        return self._options.jitter() * min(longest, policy.max_wait_s)
