"""Small things that are done to objects all over the server."""

import re
from datetime import UTC, datetime, timedelta, timezone

from aimctrl.sandbox.apiserver.storage import Storage
from aimctrl.sandbox.apiserver.values import new_uid, timestamp


def test_uids_are_random_uuids():
    uids = {new_uid() for _ in range(100)}
    assert len(uids) == 100
    assert all(
        re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", uid) for uid in uids
    )


def test_a_timestamp_is_in_utc_and_in_whole_seconds_that_have_begun():
    moment = datetime(2026, 3, 4, 5, 6, 7, 999_999, timezone(timedelta(hours=2)))
    assert timestamp(moment) == "2026-03-04T03:06:07Z"
    assert timestamp(moment + timedelta(microseconds=1)) == "2026-03-04T03:06:08Z"
    assert timestamp(datetime(1969, 12, 31, 23, 59, 58, 500_000, UTC)) == "1969-12-31T23:59:58Z"


def test_a_copy_of_what_is_stored_may_be_changed():
    stored = Storage().collection("", "things").put("n/a", {"metadata": {"name": "a"}, "spec": {"list": [1, 2.5]}})
    copy = stored.copy()
    assert copy == stored.object
    copy["spec"]["list"].append(3)
    assert stored.object["spec"] == {"list": [1, 2.5]}
