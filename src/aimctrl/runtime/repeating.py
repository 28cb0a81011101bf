"""Asking again; imported once something has gone wrong."""

from collections.abc import Awaitable, Callable

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_random_exponential

from aimctrl.runtime.errors import ApiError

ATTEMPTS = 3

_jitter = wait_random_exponential(multiplier=0.1, max=2)


async def repeated(
    ask: Callable[[], Awaitable[bytes]], first: ApiError, is_worth_it: Callable[[BaseException], bool]
) -> bytes:
    """What asking gives, `first` being what it raised the first time; after a pause, and three times in all at most.

    A pause is random and grows, and is as long as the server asks for at least. Raises what the last attempt raised,
    or the first that is not worth repeating.
    """
    retrying = AsyncRetrying(
        stop=stop_after_attempt(ATTEMPTS), wait=_pause, retry=retry_if_exception(is_worth_it), reraise=True
    )
    failures = iter([first])

    async def attempt() -> bytes:
        for failure in failures:
            raise failure
        return await ask()

    return await retrying(attempt)


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = (error.answer.retry_after or 0.0) if isinstance(error, ApiError) else 0.0
    return asked + _jitter(state)
