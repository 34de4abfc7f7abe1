"""The limit of BLAS threads lasts from the first context to the last."""

from attribase.runtime.blas_threads import single_thread_products
from threadpoolctl import threadpool_info, threadpool_limits


def threads():
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


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
