"""Cores, threads and 8-bit products of a CPU, on faked files of the kernel."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from attribase.runtime import devices


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux only")
@pytest.mark.parametrize(
    ("quota", "expected"), [("max 100000", 8), ("150000 100000", 2), ("50000 100000", 1), ("nonsense", 8)]
)
def test_a_container_gets_its_share_of_the_cores(monkeypatch, tmp_path, quota, expected):
    (tmp_path / "cpu.max").write_text(quota)
    monkeypatch.setattr(devices, "_CGROUPS", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    assert devices.core_count() == expected


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux only")
@pytest.mark.parametrize(
    ("own", "files", "expected"),
    [
        ("0::/a/b\n", {"a/b/cpu.max": "300000 100000"}, 3),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000", "a/cpu.max": "150000 100000"}, 2),
        ("4:cpu,cpuacct:/d\n1:name=systemd:/d\n", {"cpu/d/cpu.cfs_quota_us": "250000"}, 3),
        ("", {"cpu/cpu.cfs_quota_us": "100000"}, 1),
        ("", {"cpu/cpu.cfs_quota_us": "-1"}, 8),
    ],
)
def test_quotas_of_nested_groups_and_of_version_1_count(monkeypatch, tmp_path, own, files, expected):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
        (tmp_path / name).with_name("cpu.cfs_period_us").write_text("100000")
    (tmp_path / "own").write_text(own)
    monkeypatch.setattr(devices, "_CGROUPS", tmp_path)
    monkeypatch.setattr(devices, "_OWN_CGROUP", tmp_path / "own")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    assert devices.core_count() == expected


def test_everything_that_counts_cores_keeps_to_the_quota(monkeypatch, tmp_path):
    """The counting of ranks and training's workers, in a container with half a core."""
    from attribase.ingest import workers
    from attribase.query.evaluation import counter

    (tmp_path / "cpu.max").write_text("50000 100000")
    monkeypatch.setattr(devices, "_CGROUPS", tmp_path)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    started = []
    monkeypatch.setattr(counter, "CpuCounter", lambda _, threads: started.append(threads))
    counter.make_counter(None, "cpu")
    assert started == [1]
    assert workers.available_devices() == ["cpu"]


def test_cores_are_counted_in_one_place():
    root = Path(__file__).resolve().parents[2]
    tracked = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=root, capture_output=True, text=True, check=True
    )
    counts = re.compile(
        r"os\.(process_)?cpu_count|sched_getaffinity|multiprocessing\.cpu_count|cpu\.max|cfs_quota"
    )
    found = [name for name in tracked.stdout.split() if counts.search((root / name).read_text())]
    assert [name for name in found if not name.startswith("tests/")] == ["runtime/devices.py"]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux only")
def test_hyper_threads_of_one_core_count_once(monkeypatch, tmp_path):
    for cpu in range(8):
        topology = tmp_path / f"cpu{cpu}" / "topology"
        topology.mkdir(parents=True)
        (topology / "thread_siblings_list").write_text(f"{cpu % 4},{cpu % 4 + 4}")
    monkeypatch.setattr(devices, "_CPUS", tmp_path)
    monkeypatch.setattr(devices, "_CGROUPS", tmp_path / "none")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 4, 5, 6})
    assert (devices.core_count(), devices.network_threads()) == (5, 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor : 0\nflags : fpu avx2 avx512f\n", False),
        ("flags\t\t: fpu avx512_vnni avx512f\n", True),
        ("flags : fpu avx2 avx_vnni\n", True),
        ("Features : fp asimd\n", True),  # not x86
    ],
)
def test_a_cpu_says_whether_its_int8_products_are_exact(monkeypatch, tmp_path, text, expected):
    (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(devices, "_CPUINFO", tmp_path / "cpuinfo")
    assert devices.has_exact_int8.__wrapped__() is expected


def test_the_slow_exact_int8_kernels_are_asked_for_only_where_the_fast_ones_are_not_exact(monkeypatch):
    from attribase.runtime import encoder as module

    for exact in (True, False):
        monkeypatch.setattr(module, "has_exact_int8", lambda exact=exact: exact)
        options = module.session_options(1)
        if exact:
            with pytest.raises(RuntimeError):  # not set
                options.get_session_config_entry("session.x64quantprecision")
        else:
            assert options.get_session_config_entry("session.x64quantprecision") == "1"
