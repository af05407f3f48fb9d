"""What applications do with Dapr's Python SDK: one list, run against berth's own API and through daprd."""
import contextlib
import json
import time

STORE = "statestore"


@contextlib.contextmanager
def client_of(server):
    """Dapr's client of something with http_port and grpc_port."""
    from dapr.clients import DaprClient
    from dapr.conf import settings

    settings.DAPR_HTTP_PORT = server.http_port  # where it asks whether the server is ready
    with DaprClient(f"127.0.0.1:{server.grpc_port}") as client:
        yield client


def outcome(case, client):
    """-> what the case returns, or the name of the gRPC code that it ends with."""
    import grpc

    try:
        return case(client)
    except grpc.RpcError as error:
        return error.code().name


def options():
    from dapr.clients.grpc._state import Concurrency, StateOptions

    return StateOptions(concurrency=Concurrency.first_write)


def operations(*wanted):
    from dapr.clients.grpc._request import TransactionalStateOperation, TransactionOperationType

    return [TransactionalStateOperation(key=key, data=data, etag=etag, operation_type=TransactionOperationType[kind])
            for kind, key, data, etag in wanted]


def get(client, *keys):
    return [client.get_state(STORE, key).data for key in keys]


def missing(client):
    got = client.get_state(STORE, "missing")
    return got.data, got.etag


def values(client):
    """Values come back as they were sent."""
    wanted = {"json": json.dumps({"n": [1, 2]}), "text": "wörds", "bytes": b"\x00\xff\x01", "large": "v" * 3_000_000}
    for key, value in wanted.items():
        client.save_state(STORE, f"value-{key}", value)
    as_sent = [v if isinstance(v, bytes) else v.encode() for v in wanted.values()]
    return get(client, *(f"value-{key}" for key in wanted)) == as_sent


def overwrite(client):
    client.save_state(STORE, "overwrite", "1")
    client.save_state(STORE, "overwrite", "2")
    return get(client, "overwrite")


def delete(client):
    client.save_state(STORE, "delete", "1")
    client.delete_state(STORE, "delete")
    client.delete_state(STORE, "delete")
    return get(client, "delete")


def first_write(client):
    client.save_state(STORE, "first", "1", options=options())
    return outcome(lambda c: c.save_state(STORE, "first", "2", options=options()), client), get(client, "first")


def etag(client):
    client.save_state(STORE, "etag", "1")
    first = client.get_state(STORE, "etag").etag
    client.save_state(STORE, "etag", "2", etag=first)
    stale = outcome(lambda c: c.save_state(STORE, "etag", "3", etag=first), client)
    removed = outcome(lambda c: c.delete_state(STORE, "etag", etag=first), client)
    never = outcome(lambda c: c.save_state(STORE, "etag", "3", etag="never"), client)
    kept = get(client, "etag")
    client.delete_state(STORE, "etag", etag=client.get_state(STORE, "etag").etag)
    return stale, removed, never, kept, get(client, "etag")


def bulk(client):
    from dapr.clients.grpc._state import StateItem

    client.save_bulk_state(STORE, [StateItem(f"bulk{i}", f"value{i}") for i in range(20)])
    items = client.get_bulk_state(STORE, ["bulk19", "none", "bulk0"]).items
    return sorted((item.key, item.data, item.etag != "") for item in items)


def bulk_with_a_stale_etag(client):
    from dapr.clients.grpc._state import StateItem

    client.save_state(STORE, "stale", "1")
    items = [StateItem("fresh", "1"), StateItem("stale", "2", etag="999999")]
    return outcome(lambda c: c.save_bulk_state(STORE, items), client), get(client, "fresh", "stale")


def transaction(client):
    client.save_state(STORE, "from", "10")
    client.execute_state_transaction(STORE, operations(("upsert", "to", "10", None), ("delete", "from", "", None)))
    return get(client, "from", "to")


def transaction_that_fails(client):
    client.save_state(STORE, "held", "1")
    wanted = operations(("upsert", "half", "1", None), ("upsert", "held", "2", "999999"))
    return outcome(lambda c: c.execute_state_transaction(STORE, wanted), client), get(client, "half", "held")


def query(client):
    for i, state in enumerate(("CA", "WA", "CA", "TX")):
        client.save_state(STORE, f"person{i}", json.dumps({"person": {"id": i}, "state": state}))
    text = json.dumps({"filter": {"EQ": {"state": "CA"}}, "sort": [{"key": "person.id", "order": "DESC"}]})
    everybody = [(item.key, item.json()["person"]["id"]) for item in client.query_state(STORE, text).results]
    text = json.dumps({"filter": {"IN": {"state": ["CA", "TX"]}}, "sort": [{"key": "person.id"}], "page": {"limit": 2}})
    page = client.query_state(STORE, text)
    text = json.dumps(json.loads(text) | {"page": {"limit": 2, "token": page.token}})
    rest = client.query_state(STORE, text)
    return everybody, [item.key for item in page.results], [item.key for item in rest.results]


def bad_query(client):
    return client.query_state(STORE, json.dumps({"filter": {"ABOVE": {"state": "CA"}}}))


def expiry(client):
    client.save_state(STORE, "brief", "1", state_metadata={"ttlInSeconds": "1"})
    client.save_state(STORE, "kept", "1", state_metadata={"ttlInSeconds": "1"})
    client.save_state(STORE, "kept", "2", state_metadata={"ttlInSeconds": "-1"})
    before = get(client, "brief", "kept")
    time.sleep(1.2)
    return before, get(client, "brief", "kept")


CASES = (
    (missing, (b"", "")),
    (values, True),
    (overwrite, [b"2"]),
    (delete, [b""]),
    (first_write, ("ABORTED", [b"1"])),
    (etag, ("ABORTED", "ABORTED", "INVALID_ARGUMENT", [b"2"], [b""])),
    (bulk, [("bulk0", b"value0", True), ("bulk19", b"value19", True), ("none", b"", False)]),
    (bulk_with_a_stale_etag, ("ABORTED", [b"1", b"1"])),
    (transaction, [b"", b"10"]),
    (transaction_that_fails, ("INTERNAL", [b"", b"1"])),
    (query, ([("person2", 2), ("person0", 0)], ["person0", "person2"], ["person3"])),
    (bad_query, "INTERNAL"),
    (expiry, ([b"1", b"2"], [b"", b"2"])),
    (lambda client: client.get_state("nowhere", "a"), "INVALID_ARGUMENT"),
    (lambda client: client.save_state(STORE, "a||b", "1"), "INVALID_ARGUMENT"),
)


def run(test, server):
    """Runs all cases; each must end as it says."""
    with client_of(server) as client:
        for case, expected in CASES:
            with test.subTest(case.__name__):
                test.assertEqual(outcome(case, client), expected)
