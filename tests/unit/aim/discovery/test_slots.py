import random
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from aimctrl.aim.discovery.slots import SlotLedger, Waiter
from aimctrl.kube.kinds import Key
from aimctrl.runtime.store import Change, Entry

START = datetime(2026, 1, 1, tzinfo=UTC)


def waiter(number, kind="AIMServiceTemplate"):
    return Waiter(START + timedelta(seconds=number), kind, Key("ns", f"t{number}"))


def job(number):
    return Key("ns", f"discover-{number}")


class Scene:
    """A ledger, and templates that take a slot whenever they are told to look and may."""

    def __init__(self, limit=2):
        self.woken = []
        self.ledger = SlotLedger(limit, lambda one: self.woken.append(int(one.key.name[1:])))

    def look(self, number):
        free = self.ledger.free_for(waiter(number), job(number))
        if free:
            self.ledger.reserve(waiter(number), job(number))
        else:
            self.ledger.wait(waiter(number))
        return free

    def start(self, number):
        self.ledger.job_seen(job(number), unfinished=True)

    def finish(self, number):
        self.ledger.job_seen(job(number), unfinished=False)

    def heard(self):
        woken, self.woken[:] = list(self.woken), []
        return woken


@pytest.fixture
def scene():
    return Scene()


def test_slots_are_handed_out_up_to_the_limit(scene):
    assert [scene.look(number) for number in range(4)] == [True, True, False, False]
    assert scene.ledger.taken == 2
    assert scene.ledger.free == 0
    assert scene.ledger.waiting == (waiter(2), waiter(3))


def test_asking_takes_nothing(scene):
    for _ in range(5):
        assert scene.ledger.free_for(waiter(0), job(0))
    assert scene.ledger.taken == 0


def test_jobs_found_at_the_start_count(scene):
    scene.start(7)
    scene.start(8)
    assert not scene.look(0)


def test_more_jobs_than_slots_leave_none(scene):
    for number in range(5):
        scene.start(number)
    assert scene.ledger.free == 0
    scene.finish(0)
    assert not scene.look(9)


def test_a_job_takes_the_place_of_its_reservation(scene):
    scene.look(0)
    scene.start(0)
    assert scene.ledger.taken == 1
    scene.finish(0)
    assert scene.ledger.taken == 0


def test_a_job_that_finished_before_it_was_seen_frees_its_reservation(scene):
    scene.look(0)
    scene.finish(0)
    assert scene.ledger.taken == 0


def test_news_of_an_older_job_of_that_name_going_does_not_free_a_reservation(scene):
    scene.look(0)
    scene.ledger.job_gone(job(0))
    assert scene.ledger.taken == 1


def test_a_freed_slot_wakes_exactly_the_oldest_waiter(scene):
    for number in (0, 1, 5, 3, 4):
        scene.look(number)
    assert scene.heard() == []
    scene.finish(0)
    assert scene.heard() == [3]
    scene.finish(1)
    assert scene.heard() == [4]


def test_several_freed_slots_wake_as_many(scene):
    for number in range(6):
        scene.look(number)
    scene.finish(0)
    scene.finish(1)
    assert scene.heard() == [2, 3]


def test_a_waiter_is_woken_once_for_its_turn(scene):
    for number in range(4):
        scene.look(number)
    scene.finish(0)
    scene.ledger.job_gone(job(99))
    scene.ledger.job_gone(job(98))
    assert scene.heard() == [2]


def test_nobody_overtakes_a_waiter_that_was_woken(scene):
    for number in range(3):
        scene.look(number)
    scene.finish(0)
    assert not scene.look(9)
    assert scene.look(2)
    scene.finish(1)
    assert scene.heard() == [2, 9]


def test_a_newcomer_that_is_older_goes_first(scene):
    scene.look(1)
    scene.look(2)
    scene.look(5)
    scene.finish(1)
    assert scene.heard() == [5]
    assert scene.look(0)
    assert not scene.look(5)
    scene.finish(2)
    assert scene.heard() == [5]


def test_templates_of_one_age_are_told_apart_by_their_names():
    scene = Scene(limit=0)
    same = [Waiter(START, kind, Key("ns", name)) for kind, name in (("B", "a"), ("A", "b"), ("A", "a"))]
    for number, one in enumerate(same):
        scene.ledger.wait(one)
        assert scene.ledger.waiting[0] == min(same[: number + 1])


def test_a_create_that_failed_gives_its_slot_to_the_next(scene):
    for number in range(3):
        scene.look(number)
    scene.ledger.release(job(0))
    assert scene.heard() == [2]


def test_a_release_of_a_job_that_is_there_changes_nothing(scene):
    scene.look(0)
    scene.start(0)
    scene.ledger.release(job(0))
    assert scene.ledger.taken == 1


def test_a_waiter_that_is_gone_lets_the_next_one_in(scene):
    for number in range(5):
        scene.look(number)
    scene.finish(0)
    assert scene.heard() == [2]
    scene.ledger.forget(waiter(2))
    assert scene.heard() == [3]
    assert scene.look(3)


def test_a_template_that_is_gone_gives_up_a_job_nobody_saw(scene):
    scene.look(0)
    scene.ledger.forget(waiter(0))
    assert scene.ledger.taken == 0


def test_a_template_that_is_gone_keeps_the_slot_of_its_job_taken(scene):
    scene.look(0)
    scene.start(0)
    scene.ledger.forget(waiter(0))
    assert scene.ledger.taken == 1


def test_a_template_may_create_its_own_job_again(scene):
    assert scene.look(0)
    assert scene.look(1)
    assert scene.look(0)
    scene.start(1)
    assert scene.look(1)
    assert scene.ledger.taken == 2


def anew(number):
    return waiter(number)._replace(created=START + timedelta(hours=1))


def test_a_template_created_anew_gives_up_its_former_place_in_the_line():
    scene = Scene(limit=1)
    for number in range(3):
        scene.look(number)
    scene.ledger.wait(anew(1))
    assert scene.ledger.waiting == (waiter(2), anew(1))
    scene.finish(0)
    assert scene.heard() == [2]
    scene.ledger.reserve(anew(1), job(1))
    assert scene.ledger.waiting == (waiter(2),)


def test_a_template_is_not_held_up_by_its_former_self():
    scene = Scene(limit=1)
    scene.look(0)
    scene.look(1)
    scene.finish(0)
    assert scene.ledger.free_for(anew(1), job(1))


def test_a_template_that_is_gone_gives_up_its_slot_whenever_it_was_created(scene):
    scene.look(0)
    scene.look(1)
    scene.look(2)
    scene.ledger.forget(anew(0))
    assert scene.ledger.taken == 1
    assert scene.heard() == [2]


def test_a_template_reserves_one_slot_at_a_time(scene):
    scene.ledger.reserve(waiter(0), job(0))
    scene.ledger.reserve(waiter(0), job(7))
    assert scene.ledger.taken == 1


def test_one_that_waits_when_its_turn_has_come_is_woken_at_once(scene):
    scene.ledger.wait(waiter(0))
    assert scene.heard() == [0]


def test_no_slots_at_all_let_nobody_in():
    scene = Scene(limit=0)
    assert not scene.look(0)
    assert scene.heard() == []


def change(number, *conditions, gone=False):
    raw = msgspec.json.encode({"metadata": {"name": job(number).name}, "status": {"conditions": list(conditions)}})
    entry = Entry(raw=raw, version=1, generation=1)
    return Change(job(number), entry if gone else None, None if gone else entry)


def test_the_ledger_follows_the_informer(scene):
    for number in range(3):
        scene.ledger.on_change(change(number))
    assert scene.ledger.taken == 3
    scene.ledger.on_change(change(0, {"type": "Complete", "status": "True"}))
    scene.ledger.on_change(change(1, {"type": "Failed", "status": "True"}))
    scene.ledger.on_change(change(2, gone=True))
    assert scene.ledger.taken == 0


def test_a_job_that_cannot_be_read_counts_as_unfinished(scene):
    scene.ledger.on_change(Change(job(0), None, Entry(raw=b'{"status":1}', version=1, generation=1)))
    assert scene.ledger.taken == 1


@pytest.mark.parametrize("seed", range(20))
def test_a_burst_is_served_oldest_first_and_never_past_the_limit(seed):
    chance = random.Random(seed)
    scene = Scene(limit=10)
    numbers = list(range(300))
    queue = chance.sample(numbers, len(numbers))
    reserved, running, served = [], [], []
    while queue or reserved or running or scene.woken:
        queue += scene.heard()
        steps = [step for step, on in (("look", queue), ("start", reserved), ("finish", running)) if on]
        match chance.choice(steps):
            case "look":
                number = queue.pop(0)
                if scene.look(number):
                    reserved.append(number)
                    served.append(number)
            case "start":
                number = reserved.pop(chance.randrange(len(reserved)))
                if chance.random() < 0.1:
                    scene.ledger.release(job(number))
                    served.remove(number)
                    queue.append(number)
                else:
                    scene.start(number)
                    running.append(number)
            case "finish":
                scene.finish(running.pop(chance.randrange(len(running))))
        assert scene.ledger.taken == len(reserved) + len(running) <= 10
    assert sorted(served) == numbers
    assert scene.ledger.waiting == ()
