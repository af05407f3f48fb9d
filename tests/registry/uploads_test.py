"""push and copy to registries that behave oddly, within the specification and outside of it."""
import copy
import unittest

from registries import MIB, berth, certificates
from scripted_case import MODULE_FILE, SECONDS, Case
from scripted_registry import MODULE, Answer, bearer, digest


class Uploads(Case):
    def large(self, size=20 * MIB):
        data = MODULE + b"\0\x85\x80\x80\x80\x00" + b"\x04" + b"name" + bytes(size)
        (self.folder / "large.wasm").write_bytes(data)
        return data

    def push(self, registry, *more, code=0, says=None):
        done = berth("push", "large.wasm", f"oci://{registry.host}/a:v1", *more, cwd=self.folder)
        self.assertEqual(done.code, code, f"{done.err}{registry.requests}")
        if says:
            self.assertRegex(done.err, says)
        self.assertLess(done.seconds, SECONDS)

    def test_in_chunks_each_to_the_location_of_the_last(self):
        registry, data = self.start(), self.large()
        self.push(registry)
        self.assertEqual(registry.blobs[digest(data)], data)
        sizes = [len(r.body) for r in registry.seen("PATCH")]
        self.assertGreater(len(sizes), 1)
        self.assertEqual(sum(sizes), len(data))

    def test_in_chunks_of_the_least_length(self):
        for least, sizes in ((12 * MIB, 2), (2 ** 40, 1)):
            registry, data = self.start(), self.large()

            def begin(request):
                if request.method != "POST" or request.query:
                    return None
                answer = registry.behave(request)
                answer.headers["OCI-Chunk-Min-Length"] = str(least)
                return answer

            registry.script = begin
            self.push(registry)
            self.assertEqual(registry.blobs[digest(data)], data)
            sent = [len(r.body) for r in registry.seen("PATCH")]
            self.assertEqual(len(sent), sizes)
            self.assertTrue(all(size >= least for size in sent[:-1]))

    def test_out_of_order_is_asked_and_continued(self):
        registry, data = self.start(), self.large()

        def script(request):
            if request.method == "PATCH" and request.number == 1 and "state=0" in request.target:
                registry.uploads["1"] += request.body[:MIB]  # keeps a part, and the client does not know
                return Answer(416)
            return None

        registry.script = script
        self.push(registry)
        self.assertEqual(registry.blobs[digest(data)], data)

    def test_a_part_taken_is_continued(self):
        registry, data = self.start(), self.large()

        def script(request):
            if request.method == "PATCH" and len(registry.uploads["1"]) == 0:
                registry.uploads["1"] += request.body[:MIB]
                return Answer(202, Location=f"/v2/a/blobs/uploads/1?state={MIB}", Range=f"0-{MIB - 1}")
            return None

        registry.script = script
        self.push(registry)
        self.assertEqual(registry.blobs[digest(data)], data)

    def test_a_connection_that_breaks_is_continued(self):
        registry, data = self.start(), self.large()

        def script(request):
            if request.method == "PATCH" and len(registry.uploads["1"]) == 0:
                registry.uploads["1"] += request.body
                request.handler.close_connection = True
                raise ConnectionResetError
            return None

        registry.script = script
        self.push(registry)
        self.assertEqual(registry.blobs[digest(data)], data)

    def test_a_registry_without_chunks_gets_all_at_once(self):
        registry, data = self.start(), self.large()
        registry.script = lambda r: registry.error(405, "UNSUPPORTED") if r.method == "PATCH" else None
        self.push(registry)
        self.assertEqual(registry.blobs[digest(data)], data)
        self.assertEqual([len(r.body) for r in registry.seen("PUT", "/blobs/")], [len(data)])

    def test_a_registry_that_takes_no_single_post(self):
        registry = self.start()

        def script(request):
            if request.method == "POST" and "digest" in request.query:
                request.query = {}
                return registry.behave(request)
            return None

        registry.script = script
        self.call("push", registry)
        self.assertEqual(registry.blobs[digest(MODULE)], MODULE)

    def test_troubles_without_end_end(self):
        for answer, code, says in ((lambda: Answer(416), 1, "broke"), (lambda: Answer(500), 1, "broke|500"),
                                   (lambda: Answer(202, Location="/v2/a/blobs/uploads/1?state=0", Range="0-0"), 1, "broke"),
                                   (lambda: Answer(202, Location="/v2/a/blobs/uploads/1?state=0", Range=f"0-{2 ** 40}"), 3, "more than was sent"),
                                   (lambda: Answer(202, Location="/v2/a/blobs/uploads/1?state=0", Range="x"), 3, "Range"),
                                   (lambda: Answer(202), 3, "no Location")):
            registry = self.start()
            self.large()
            registry.script = lambda r, answer=answer: answer() if r.method == "PATCH" else None
            self.push(registry, code=code, says=says)
            self.assertLess(len(registry.requests), 100)

    def test_a_location_on_another_host_gets_no_login(self):
        registry, other = self.start(), self.start("127.0.0.2")
        other.uploads["1"] = bytearray()

        def script(request):
            if request.path == "/token":
                return Answer(200, b'{"token": "right"}')
            if request.method == "POST":
                return Answer(202, Location=f"{other.url}/v2/a/blobs/uploads/1?state=0")
            if request.path.endswith(digest(MODULE)) and digest(MODULE) in other.blobs:
                return Answer(200)
            return bearer(request, f"{registry.url}/token")

        registry.script = script
        other.script = lambda r: Answer(201) if r.method == "PUT" else None
        self.call("push", registry, login=True, code=5, says="127.0.0.2")
        self.assertEqual(other.requests, [])
        self.call("push", registry, "--allow-address", "127.0.0.2", login=True)
        self.assertTrue(other.seen("PUT"))
        self.assertEqual({r.headers.get("Authorization") for r in other.requests}, {None})

    def test_locations_that_lead_nowhere_safe(self):
        registry = self.start()
        for location in ("http://169.254.169.254/", "file:///tmp/x", "http://[::1]:1/", "gopher://127.0.0.1/", "http://0177.0.0.1/"):
            registry.script = lambda r, location=location: Answer(202, Location=location) if r.method == "POST" else None
            done = berth("push", MODULE_FILE, f"oci://{registry.host}/a:v1", cwd=self.folder)
            self.assertIn(done.code, (3, 5), f"{location}: {done.err}")
        secure = self.start(certificates=certificates())
        secure.script = lambda r: Answer(202, Location=f"{registry.url}/v2/a/blobs/uploads/1") if r.method == "POST" else None
        self.call("push", secure, code=5, says="without TLS")

    def test_what_was_stored_is_compared(self):
        registry = self.start()
        registry.script = lambda r: Answer(201, Docker_Content_Digest=digest(b"other")) if r.method in ("POST", "PUT") else None
        self.call("push", registry, code=5, says="stored sha256:")

    def test_mounts(self):
        for answers in ("201", "202", "403"):
            registry = self.start()
            registry.add()
            mounts = []

            def script(request):
                if "mount" not in request.query:
                    if "/v2/b/blobs/sha256" in request.path and request.path.rsplit("/", 1)[1] not in mounts:
                        return registry.error(404, "BLOB_UNKNOWN")
                    return None
                self.assertEqual(request.query["from"], ["a"])
                mounts.append(request.query["mount"][0])
                if answers == "201":
                    return Answer(201, Location="/v2/b/blobs/x")
                if answers == "403":
                    return registry.error(403, "DENIED")
                plain = copy.copy(request)
                plain.query = {}
                return registry.behave(plain)

            registry.script = script
            done = berth("copy", f"oci://{registry.host}/a:v1", f"oci://{registry.host}/b:v1", cwd=self.folder)
            self.assertEqual(done.code, 0, done.err)
            self.assertEqual(len(mounts), 2)
            sent = [r for r in registry.requests if r.method in ("POST", "PUT", "PATCH") and "/blobs/" in r.path and r.body]
            self.assertEqual(len(sent), 0 if answers == "201" else 2)
            begun = [r for r in registry.seen("POST") if "mount" not in r.query and not r.body]
            self.assertEqual(begun, [], "the upload that a mount fell back to is the one that is used")


if __name__ == "__main__":
    unittest.main(verbosity=2)
