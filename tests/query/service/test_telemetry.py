"""Request metrics: labels of routes, methods and statuses."""

from attribase.query.service.telemetry import Telemetry, TelemetryMiddleware

from .conftest import run


class Route:
    path = "/v1/images/{image_id}"


def counted(app, **scope):
    """The labels under which a request is counted, and the requests in flight after it."""
    telemetry = Telemetry()

    async def send(_):
        pass

    middleware = TelemetryMiddleware(app, telemetry)
    run(middleware({"type": "http", "method": "GET", **scope}, None, send))
    (sample,) = [
        sample
        for metric in telemetry.registry.collect()
        for sample in metric.samples
        if sample.name == "attribase_requests_total"
    ]
    return sample.labels, telemetry.registry.get_sample_value("attribase_requests_in_flight")


async def answer(_scope, _receive, send):
    await send({"type": "http.response.start", "status": 201})


async def disconnected(*_):
    pass


def test_a_route_is_counted_by_its_pattern():
    assert counted(answer, route=Route) == (
        {"method": "GET", "route": Route.path, "status": "201"},
        0,
    )


def test_other_paths_and_methods_share_a_label():
    labels, _ = counted(answer, method="BREW")
    assert labels == {"method": "other", "route": "other", "status": "201"}


def test_a_client_that_disconnects_before_its_response_counts_as_499():
    labels, _ = counted(disconnected, route=Route)
    assert labels["status"] == "499"


def test_only_the_newest_snapshot_is_reported():
    telemetry = Telemetry()
    telemetry.set_snapshot("old")
    telemetry.set_snapshot("new")
    text = telemetry.exposition().decode()
    assert 'attribase_snapshot_info{version="new"} 1.0' in text
    assert '"old"' not in text


def test_processes_builds_and_the_workers_of_sql_are_measured(live):
    import httpx

    text = httpx.get(f"{live.url}/metrics", headers=live.headers).text
    found = {
        line.split(" ")[0].split("{")[0]: float(line.split(" ")[-1])
        for line in text.splitlines()
        if line[0] != "#"
    }
    assert found["process_resident_memory_bytes"] > 10**7
    assert found["process_open_fds"] > 3
    assert found["attribase_build_info"] == 1
    assert 'version="' in text
    assert found["attribase_workers"] >= 1
    assert found["attribase_worker_starts"] >= found["attribase_workers"]
    assert found["attribase_sql_workers"] >= 1
    assert found["attribase_sql_running"] == found["attribase_sql_waiting"] == 0
