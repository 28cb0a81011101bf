"""HTTP to registries: redirects that leak nothing, answers of limited size, retries of what may pass."""

import os
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Final, Self

import aiohttp
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_random_exponential
from yarl import URL

from aimctrl.aim.registry.hosts import PlainHosts, place, proxy_for
from aimctrl.aim.registry.outcomes import FailedError, Malformed, RegistryUnreachable

TIMEOUT: Final = 15.0
"""Seconds one request may take, redirects not counted."""

_ATTEMPTS = 3
_LONGEST_PAUSE = 5.0
_REDIRECTS = 5
_PROBE_TIMEOUT = 5.0
_HEADER_LIMIT = 32 * 2**10
"""Bytes of a header: addresses of blob storage carry signatures."""
_REDIRECT_CODES = frozenset({301, 302, 303, 307, 308})

Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Response:
    """An answer from where the redirects led to; `body` has at most one byte more than was asked for."""

    url: URL
    status: int
    content_type: str
    challenges: tuple[str, ...]
    body: bytes


class _PassingError(FailedError):
    """RegistryUnreachable, and whether to try again at once."""

    def __init__(self, outcome: RegistryUnreachable, *, again: bool) -> None:
        super().__init__(outcome)
        self.again = again
        self.pause = outcome.retry_after or 0.0


class Transport:
    """One pool of connections to any number of registries; an async context manager.

    TLS trusts what OpenSSL trusts by default (SSL_CERT_FILE). Proxies are those of the environment.
    """

    def __init__(self, insecure: Iterable[str] = (), *, timeout: float = TIMEOUT) -> None:
        self.plain = PlainHosts(insecure)
        self._timeout = timeout
        self._entered = False
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._entered = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._entered = False
        if self._session is not None:
            await self._session.close()

    async def get(self, url: URL, headers: Headers, *, limit: int) -> Response:
        """GET, redirects followed; Authorization goes to the origin of `url` alone.

        Raises FailedError: RegistryUnreachable where no answer comes, or 429 or 5xx, after attempts that take seconds
        at most; Malformed where redirects lead nowhere, or from HTTPS to a host that may not be plain HTTP.
        """
        for _ in range(_REDIRECTS + 1):
            response, location = await self._ask("GET", url, headers, None, limit)
            if not location:
                return response
            target = self._target(url, location)
            if target.origin() != url.origin():
                headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
            url = target
        raise FailedError(Malformed(f"{place(url)} redirects without end"))

    async def post(self, url: URL, form: Mapping[str, str], *, limit: int) -> Response:
        """POST a form; a redirect is an answer like any other. Raises FailedError as `get`."""
        response, _ = await self._ask("POST", url, {}, form, limit)
        return response

    async def speaks_tls(self, authority: str) -> bool:
        """Whether to use HTTPS with a host that may be plain HTTP: a certificate that is not trusted says so, too."""
        url = URL(f"https://{authority}/v2/")
        timeout = aiohttp.ClientTimeout(total=min(self._timeout, _PROBE_TIMEOUT))
        try:
            async with self._open.get(url, proxy=proxy_for(url), timeout=timeout, allow_redirects=False):
                return True
        except aiohttp.ClientConnectorCertificateError:
            return True
        except (aiohttp.ClientError, OSError, ValueError):  # TimeoutError is an OSError
            return False

    @property
    def _open(self) -> aiohttp.ClientSession:
        """The pool, made when first asked for: to read the system's authorities takes 0.1 s and 2 MB."""
        if not self._entered:
            raise RuntimeError("the transport is not open: use `async with`")
        if self._session is None:
            self._session = _session()
        return self._session

    async def _ask(
        self, method: str, url: URL, headers: Headers, form: Mapping[str, str] | None, limit: int
    ) -> tuple[Response, str]:
        """The answer, and where it redirects to."""
        retries = AsyncRetrying(
            stop=stop_after_attempt(_ATTEMPTS), wait=_pause, retry=retry_if_exception(_worth_repeating), reraise=True
        )
        return await retries(self._attempt, method, url, headers, form, limit)

    async def _attempt(
        self, method: str, url: URL, headers: Headers, form: Mapping[str, str] | None, limit: int
    ) -> tuple[Response, str]:
        try:
            async with self._open.request(
                method,
                url,
                headers=headers,
                data=form,
                allow_redirects=False,
                proxy=proxy_for(url),
                timeout=aiohttp.ClientTimeout(total=self._timeout),
            ) as answer:
                body = await _read(answer, limit)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self._silence(url, error) from error
        if answer.status == 429 or answer.status >= 500:
            raise _passing(url, answer)
        location = answer.headers.get("Location", "") if answer.status in _REDIRECT_CODES else ""
        challenges = tuple(answer.headers.getall("WWW-Authenticate", ()))
        return Response(url, answer.status, answer.headers.get("Content-Type", ""), challenges, body), location

    def _target(self, url: URL, location: str) -> URL:
        try:
            target = url.join(URL(location, encoded=True)).with_user(None)
            known = target.scheme in {"http", "https"} and bool(target.host)
        except ValueError:
            known, target = False, url
        if not known:
            raise FailedError(Malformed(f"{place(url)} redirects to nowhere"))
        if url.scheme == "https" and target.scheme == "http" and not self.plain.allows(target.authority):
            raise FailedError(Malformed(f"{place(url)} redirects from HTTPS to plain HTTP"))
        return target

    def _silence(self, url: URL, error: Exception) -> FailedError:
        if isinstance(error, TimeoutError):
            return _PassingError(
                RegistryUnreachable(f"{place(url)} does not answer within {self._timeout:g} s"),
                again=False,
            )
        return _PassingError(RegistryUnreachable(f"{place(url)}: {_told(error)}"), again=True)


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=32, limit_per_host=8, ssl=ssl.create_default_context()),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers={"Accept-Encoding": "identity", "User-Agent": "aimctrl"},
        requote_redirect_url=False,
        max_line_size=_HEADER_LIMIT,
        max_field_size=_HEADER_LIMIT,
    )


_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ClientConnectorDNSError, "its name cannot be resolved"),
    (aiohttp.ClientSSLError, "it does not speak TLS"),
    (aiohttp.ClientHttpProxyError, "the proxy lets nothing through"),
    (aiohttp.ClientProxyConnectionError, "the proxy cannot be reached"),
    (aiohttp.ClientConnectionError, "the connection was cut"),
    (aiohttp.ClientPayloadError, "the connection was cut"),
    (ConnectionError, "the connection was cut"),
)


def _told(error: Exception) -> str:
    """What went wrong, in words that stay the same from one attempt to the next."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        why = error.certificate_error
        return f"its certificate is not trusted: {getattr(why, 'verify_message', '') or why}"
    if type(error) is aiohttp.ClientConnectorError:
        return f"it cannot be reached: {_strerror(error)}"
    return next((words for kind, words in _WORDS if isinstance(error, kind)), "its answer is not HTTP")


def _strerror(error: aiohttp.ClientConnectorError) -> str:
    number = error.os_error.errno
    return os.strerror(number) if number else "no connection"


async def _read(answer: aiohttp.ClientResponse, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in answer.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > limit:
            answer.close()  # the rest may never end
            break
    return b"".join(parts)[: limit + 1]


def _passing(url: URL, answer: aiohttp.ClientResponse) -> _PassingError:
    after = _retry_after(answer.headers.get("Retry-After", "").strip())
    what = "asks for fewer requests (429)" if answer.status == 429 else f"answers {answer.status}"
    again = (after or 0.0) <= _LONGEST_PAUSE
    return _PassingError(RegistryUnreachable(f"{place(url)} {what}", after), again=again)


def _retry_after(text: str) -> float | None:
    """Seconds, from either form of Retry-After (RFC 9110, 10.2.3)."""
    if text.isdecimal():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max((at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds(), 0.0)


def _worth_repeating(error: BaseException) -> bool:
    return isinstance(error, _PassingError) and error.again


_jitter = wait_random_exponential(multiplier=0.1, max=2)


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return (error.pause if isinstance(error, _PassingError) else 0.0) + _jitter(state)
