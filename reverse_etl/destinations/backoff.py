"""The wait between two tries of what does not go over HTTP, as `transport` waits too."""

from reverse_etl.transport import HttpOptions


def wait_before_next_try(http: HttpOptions, failed_tries: int) -> None:
    """Wait for a random time, the upper end of which doubles with each failed try.

    Args:
        http: The policy, and how to wait.
        failed_tries: Tries that have failed so far, from 1.
    """
    policy = http.policy
    longest = policy.first_wait_s * 2.0 ** (failed_tries - 1)
    http.sleep(http.jitter() * min(longest, policy.max_wait_s))
