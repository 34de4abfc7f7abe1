"""The queue of a pool: order, lanes, and how many may wait."""

from attribase.query.workers import Collected, WorkerRequest
from attribase.query.workers.request import RequestQueue


def request(lane=""):
    return WorkerRequest({}, Collected(), 1.0, lane=lane)


def filled(*requests, waiting=9, **lanes):
    queue = RequestQueue(waiting, lanes)
    assert [queue.put(one, 0) for one in requests] == [True] * len(requests)
    return queue


def test_requests_come_in_their_order():
    one, two = request(), request()
    queue = filled(one, two)
    assert [queue.take(0), queue.take(0), queue.take(0)] == [one, two, None]


def test_a_full_lane_lets_others_pass():
    heavy, waits, light = request("heavy"), request("heavy"), request()
    queue = filled(heavy, waits, light, heavy=1)
    assert [queue.take(0), queue.take(0), queue.take(0)] == [heavy, light, None]
    queue.give_back(light)
    assert queue.take(0) is None
    queue.give_back(heavy)
    assert queue.take(0) is waits


def test_as_many_may_wait_as_there_are_places_beside_idle_workers():
    queue = RequestQueue(1, {})
    assert [queue.put(request(), 2) for _ in range(4)] == [True, True, True, False]
    queue.take(0)
    assert queue.put(request(), 2) is False  # one worker is taken


def test_requests_can_be_removed_while_they_wait():
    gone, stays = request(), request()
    queue = filled(gone, stays)
    assert queue.remove(lambda one: one is gone) == [gone]
    assert queue.take(0) is stays


def test_a_closed_queue_does_not_wait():
    queue = RequestQueue(1, {})
    queue.close()
    assert queue.take(3600) is None


def test_a_lane_within_another_has_both_limits():
    sql, more, picture = request("heavy/sql"), request("heavy/sql"), request("heavy")
    queue = filled(sql, more, picture, **{"heavy": 2, "heavy/sql": 1})
    assert [queue.take(0), queue.take(0), queue.take(0)] == [sql, picture, None]
    assert (queue.running_in("heavy"), queue.running_in("heavy/sql"), queue.waiting_in("heavy/sql")) == (
        2,
        1,
        1,
    )
    queue.give_back(sql)
    assert queue.take(0) is more
