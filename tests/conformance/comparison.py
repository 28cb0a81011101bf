"""Both servers play a case, and what they said is held side by side."""

import difflib
import json
import time

from conformance.peer import Peer, Play, Transcript
from conformance.script import Case

QUIET = 0.08
PATIENCE = 3.0


def compared(case: Case, namespace: str, real: Peer, embedded: Peer) -> str:
    """The difference between the two, line by line; empty where there is none."""
    plays: list[Play] = []
    try:
        plays += [real.play(case, namespace), embedded.play(case, namespace)]
        _settle(plays)
        theirs, ours = (play.transcript() for play in plays)
    finally:
        for play in plays:
            play.close()
    return "\n".join(difflib.unified_diff(_lines(theirs), _lines(ours), "kube-apiserver", "embedded", "", "", 6, ""))


def _settle(plays: list[Play]) -> None:
    """Waits until the watches are quiet and have seen equally much, for as long as that may still come."""
    pairs = list(zip(*(play.streams for play in plays), strict=True))
    if not pairs:
        return
    end = time.monotonic() + PATIENCE
    seen, since = -1, time.monotonic()
    while time.monotonic() < end:
        counts = [[len(stream.lines) + stream.ended for stream in pair] for pair in pairs]
        if sum(map(sum, counts)) != seen:
            seen, since = sum(map(sum, counts)), time.monotonic()
        enough = all(
            one == other and (one or pair[0].step.silent) for (one, other), pair in zip(counts, pairs, strict=True)
        )
        if enough and time.monotonic() - since > QUIET:
            return
        time.sleep(0.005)


def _lines(transcript: Transcript) -> list[str]:
    return json.dumps(transcript, indent=1, sort_keys=True).splitlines()
