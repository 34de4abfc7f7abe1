"""The limit of BLAS threads lasts from the first context to the last."""

from threading import Thread

from attribase.runtime.blas_threads import single_thread_products
from threadpoolctl import threadpool_info, threadpool_limits


def threads():
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


def test_a_limit_holds_whichever_thread_sets_it():
    found = []

    def limited():
        with single_thread_products():
            found.append(threads())

    with threadpool_limits(2, "blas"):
        with single_thread_products():
            assert threads() == {1}
        for _ in range(2):
            thread = Thread(target=limited)
            thread.start()
            thread.join()
            assert threads() == {2}
    assert found == [{1}, {1}]


def test_contexts_that_end_in_another_thread_end():
    context = single_thread_products()
    with threadpool_limits(2, "blas"):
        context.__enter__()
        thread = Thread(target=context.__exit__, args=(None, None, None))
        thread.start()
        thread.join()
        assert threads() == {2}


def test_contexts_that_overlap_end_with_the_last():
    with threadpool_limits(2, "blas"):
        first, second = single_thread_products(), single_thread_products()
        first.__enter__()
        assert threads() == {1}
        second.__enter__()
        first.__exit__(None, None, None)
        assert threads() == {1}
        second.__exit__(None, None, None)
        assert threads() == {2}
