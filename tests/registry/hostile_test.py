"""Registries that mean harm: each attack of reference/oci-wasm.md ends in a clear error, in bounded time and memory."""
import base64
import concurrent.futures
import itertools
import json
import os
import tempfile
import threading
import unittest

from registries import MIB, berth, certificates
from scripted_case import BIG, LOGIN, MEMORY, MODULE_FILE, SECONDS, SECRET, Case
from scripted_registry import CONFIG, INDEX, MANIFEST, MODULE, Answer, ScriptedRegistry, bearer, descriptor, digest

# Begins at once and ends by itself: what it waits for passes while the other tests run.
slow = concurrent.futures.ThreadPoolExecutor()


def pull_what_drips():
    """A pull from a source that sends two bytes a second."""
    with ScriptedRegistry() as registry, tempfile.TemporaryDirectory(prefix="berth-drip-") as folder:
        registry.add(data=BIG)
        ended = threading.Event()

        def drip():
            while not ended.wait(0.5):
                yield b"\0"

        registry.script = lambda r: Answer(200, drip(), Content_Length=str(len(BIG))) if r.path.endswith(digest(BIG)) else None
        done = berth("pull", f"oci://{registry.host}/a:v1", "-o", "pulled.wasm", cwd=folder)
        ended.set()
        return done, os.listdir(folder)


def setUpModule():
    slow.dripping = slow.submit(pull_what_drips)
    unittest.addModuleCleanup(slow.shutdown)


class Realms(Case):
    def test_a_realm_elsewhere_gets_no_login(self):
        registry, other = self.start(), self.start("127.0.0.2")
        registry.add()
        for realm in (f"{other.url}/token", "http://169.254.169.254/latest/", "https://[::1]/token", "http://localhost/token"):
            registry.script = lambda request, realm=realm: bearer(request, realm)
            self.call("pull", registry, login=True, code=5, says="another host.*--token-host")
        self.assertEqual(other.requests, [])

    def test_a_realm_elsewhere_that_is_allowed_gets_it(self):
        registry, other = self.start(), self.start("127.0.0.2")
        registry.add()
        registry.script = lambda request: bearer(request, f"{other.url}/token")
        other.script = lambda request: Answer(200, b'{"token": "right"}')
        self.call("pull", registry, "--token-host", f"http://{other.host}", login=True)
        self.assertEqual(other.requests[0].headers["Authorization"], "Basic " + base64.b64encode(f"{LOGIN}:{SECRET}".encode()).decode())

    def test_a_realm_without_tls_of_a_registry_with_it_gets_no_login(self):
        plain = self.start()
        registry = self.start(certificates=certificates())
        registry.add()
        registry.script = lambda request: bearer(request, f"{plain.url}/token")
        self.call("pull", registry, login=True, code=5, says="without TLS")
        self.assertEqual(plain.requests, [])

    def test_a_realm_that_is_no_plain_url_is_refused(self):
        registry = self.start()
        registry.add()
        for realm in ("file:///etc/passwd", "/token", "", "http://ada@127.0.0.1/", "http://0x7f000001/token",
                      f"{registry.url}/token?scope=repository:other:push"):
            registry.script = lambda request, realm=realm: bearer(request, realm)
            self.call("pull", registry, login=True, code=3, says="realm")
        self.assertEqual(registry.seen(path="/token"), [])

    def test_parameters_cannot_be_injected(self):
        registry = self.start()
        registry.add()
        for scope, service in (("repository:a:pull&account=root", "tests"), ("repository:a:pull", "tests&scope=repository:b:push"),
                               ("repository:a:pull repository:b:push,pull repository:a:delete registry:catalog:*", "tests")):
            registry.requests.clear()

            def script(request, scope=scope, service=service):
                if request.path == "/token":
                    return Answer(200, b'{"token": "right"}')
                return bearer(request, f"{registry.url}/token", scope, service)

            registry.script = script
            self.call("pull", registry, login=True)
            self.assertEqual([r.query for r in registry.seen(path="/token")],
                             [{"service": [service], "scope": ["repository:a:pull"]}])

    def test_challenges_that_are_read_in_two_ways_are_refused(self):
        registry = self.start()
        realm = f"{registry.url}/token"
        for field in (f'Bearer realm="{realm}",realm="{realm}"', f'Bearer realm="{realm}', "Bearer", "Bearer realm=",
                      f'Bearer realm="{realm}",service="a\\\x01"', "Digest realm=x", "=", "Basic " * 5000):
            registry.script = lambda request, field=field: Answer(401, WWW_Authenticate=field)
            self.assertIn(berth("pull", f"oci://{registry.host}/a:v1", cwd=self.folder).code, (1, 3, 5), field)
        self.assertEqual(registry.seen(path="/token"), [])
        registry.script = lambda request: Answer(401)
        self.call("pull", registry, code=5, says="neither Bearer nor Basic")

    def test_tokens_that_are_none_or_for_more_are_refused(self):
        registry = self.start()
        registry.add()
        for body, code, says in ((b'{"token": "a\\r\\nX: y"}', 3, "no token"), (b"{}", 3, "no token"), (b"<html>", 3, "no JSON"),
                                 (b'{"token": "right", "scope": "repository:a:pull,push"}', 5, "more than was asked"),
                                 (b'{"token": "' + b"x" * 20_000 + b'"}', 3, "no token"), (bytes(1) * MIB, 1, "token")):
            registry.script = lambda request, body=body: (
                Answer(200, body) if request.path == "/token" else bearer(request, f"{registry.url}/token"))
            self.call("pull", registry, login=True, code=code, says=says)

    def test_endless_challenges_end(self):
        registry = self.start()
        registry.script = lambda request: (
            Answer(200, b'{"token": "wrong"}') if request.path == "/token" else bearer(request, f"{registry.url}/token"))
        self.call("pull", registry, login=True, code=5, says="401")
        self.assertLessEqual(len(registry.requests), 4)
        registry.requests.clear()
        registry.script = lambda request: Answer(401, WWW_Authenticate='Basic realm="x"')
        self.call("pull", registry, login=True, code=5, says="401")
        self.assertLessEqual(len(registry.requests), 4)
        registry.script = lambda request: Answer(401, WWW_Authenticate=f'Bearer realm="{registry.url}/token"')
        self.call("pull", registry, login=True, code=5, says="401")

    def test_a_token_server_that_redirects_is_not_followed(self):
        registry, other = self.start(), self.start("127.0.0.2")
        registry.script = lambda request: (Answer(307, Location=f"{other.url}/token") if request.path == "/token"
                                           else bearer(request, f"{registry.url}/token"))
        self.call("pull", registry, "--allow-address", "127.0.0.2", login=True, code=1, says="307")
        self.assertEqual(other.requests, [])

    def test_a_password_is_for_the_registry_only(self):
        registry, other = self.start(), self.start("127.0.0.2")
        registry.add()
        other.blobs = registry.blobs

        def script(request):
            if not request.headers.get("Authorization"):
                return Answer(401, WWW_Authenticate='Basic realm="x"')
            return Answer(307, Location=other.url + request.target) if "/blobs/" in request.path else None

        registry.script = script
        self.call("pull", registry, "--allow-address", "127.0.0.2", login=True)
        self.assertEqual(self.pulled(), MODULE)
        self.assertEqual([r.headers.get("Authorization") for r in other.requests], [None, None])


class Redirects(Case):
    def test_to_another_host_carry_no_token_and_need_permission(self):
        registry, other = self.start(), self.start("127.0.0.2")
        registry.add()
        other.blobs = registry.blobs

        def script(request):
            if request.path == "/token":
                return Answer(200, b'{"token": "right"}')
            if "/blobs/" in request.path:
                return Answer(307, Location=other.url + request.target)
            return bearer(request, f"{registry.url}/token")

        registry.script = script
        self.call("pull", registry, login=True, code=5, says="127.0.0.2")
        self.assertEqual(other.requests, [])
        self.call("pull", registry, "--allow-address", "127.0.0.2", login=True)
        self.assertEqual(self.pulled(), MODULE)
        self.assertTrue(other.requests)
        self.assertEqual({r.headers.get("Authorization") for r in other.requests}, {None})

    def test_to_another_port_and_back_carry_none_either(self):
        registry, other = self.start(), self.start()
        registry.add()

        def script(request):
            if "back" in request.query:
                return None
            if request.path == "/token":
                return Answer(200, b'{"token": "right"}')
            if "/blobs/" in request.path:
                return Answer(302, Location=other.url + request.target)
            return bearer(request, f"{registry.url}/token")

        registry.script = script
        other.script = lambda request: Answer(302, Location=f"{registry.url}{request.path}?back=1")
        self.call("pull", registry, login=True)
        back = [r for r in registry.requests if "back" in r.query]
        self.assertTrue(other.requests and back)
        self.assertEqual({r.headers.get("Authorization") for r in other.requests + back}, {None})

    def test_that_a_client_must_not_follow(self):
        registry = self.start()
        registry.add()
        for location in ("http://169.254.169.254/latest/meta-data", "http://10.255.255.1/", "http://[::1]:1/", "file:///etc/passwd",
                         "ftp://127.0.0.1/", "http://0x7f.1/", "http://2130706433/", "http://ada:word@127.0.0.1/", "//", "http://"):
            registry.script = lambda request, location=location: (
                Answer(307, Location=location) if "/blobs/" in request.path else None)
            done = berth("pull", f"oci://{registry.host}/a:v1", cwd=self.folder)
            self.assertIn(done.code, (3, 5), f"{location}: {done.err}")
            self.assertLess(done.seconds, SECONDS)
        registry.script = lambda request: Answer(307) if "/blobs/" in request.path else None
        self.call("pull", registry, code=3, says="without Location")
        registry.script = lambda request: Answer(307, Location=["/a", "/b"]) if "/blobs/" in request.path else None
        self.call("pull", registry, code=3, says="two location headers")
        registry.script = lambda request: Answer(307, Location=request.target) if "/blobs/" in request.path else None
        self.call("pull", registry, code=1, says="more than 4 redirects")
        secure = self.start(certificates=certificates())
        secure.add()
        secure.script = lambda request: Answer(307, Location=registry.url + request.target) if "/blobs/" in request.path else None
        self.call("pull", secure, code=5, says="without TLS")

    def test_of_what_only_the_registry_may_say(self):
        registry, other = self.start(), self.start("127.0.0.2")
        other.add()
        registry.script = lambda request: Answer(307, Location=other.url + request.target)
        for command in ("pull", "inspect"):
            self.call(command, registry, "--allow-address", "127.0.0.2", code=5, says="lets another host")
        self.call("tags", registry, "--allow-address", "127.0.0.2", reference="a", code=5, says="not followed")
        self.call("push", registry, "--allow-address", "127.0.0.2", code=5, says="127.0.0.2")
        self.assertEqual([r for r in other.requests if r.body or r.method not in ("GET", "HEAD")], [])


class Digests(Case):
    def test_bytes_that_are_not_what_they_are_called(self):
        for what in ("manifest", "config", "layer"):
            registry = self.start()
            name = registry.add()
            if what == "manifest":
                registry.script = lambda r, name=name: Answer(200, b"{}", Content_Type=MANIFEST) if r.path.endswith(name) else None
            else:
                manifest = json.loads(registry.manifests["v1"][1])
                part = manifest["config"] if what == "config" else manifest["layers"][0]
                registry.blobs[part["digest"]] = bytes(1) * part["size"]
            self.call("pull", registry, code=5, says="not used")

    def test_more_or_fewer_bytes_than_announced(self):
        for size, code, says in ((len(MODULE) - 1, 5, "bytes"), (len(MODULE) + 1, 5, "bytes"), (2 ** 62, 1, "more than the"),
                                 (2 ** 63, 3, "2\\^63"), (-1, 3, "whole number"), ("8", 3, "whole number")):
            for chunked in (False, True):
                registry = self.start()
                registry.add(layer={"size": size})
                if chunked:  # without Content-Length
                    registry.script = lambda r: Answer(200, [MODULE]) if r.path.endswith(digest(MODULE)) else None
                    if size == len(MODULE) + 1:
                        code, says = 1, "broke|bytes"  # it cannot be told from a connection that broke
                self.call("pull", registry, code=code, says=says)
        registry = self.start()
        registry.add(config={"size": 2 ** 40})
        self.call("inspect", registry, code=1, says="more than the")

    def test_endless_bodies(self):
        endless = lambda: itertools.repeat(bytes(MIB))
        for path, says in (("/manifests/v1", "manifest"), (digest(MODULE), digest(MODULE))):
            registry = self.start()
            registry.add()
            registry.script = lambda r, path=path: (
                Answer(200, endless(), Content_Type=MANIFEST) if r.path.endswith(path) and r.method == "GET"
                else Answer(200) if r.path.endswith(path) else None)
            self.call("pull", registry, code=5 if "sha256" in path else 1, says=says)
        registry = self.start()
        registry.script = lambda r: Answer(404, endless())
        self.assertNotEqual(berth("pull", f"oci://{registry.host}/a:v1", cwd=self.folder).code, 0)
        registry.script = lambda r: Answer(200, endless())
        self.call("tags", registry, reference="a", code=1, says="tags")

    def test_announced_sizes_that_are_huge(self):
        registry = self.start()
        registry.add()
        registry.script = lambda r: (Answer(200, [MODULE], Content_Length=str(2 ** 60)) if r.path.endswith(digest(MODULE)) else None)
        self.call("pull", registry, code=1, says=digest(MODULE))
        registry.script = lambda r: Answer(200, b"", Content_Length=str(2 ** 60), Content_Type=MANIFEST, Docker_Content_Digest=digest(MODULE))
        self.call("pull", registry, code=1, says="more than")

    def test_digests_that_prove_nothing(self):
        for name in ("md5:d41d8cd98f00b204e9800998ecf8427e", "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709", "sha512:" + "0" * 128,
                     "sha256:" + "0" * 63, "sha256:" + "A" * 64, "../../etc/passwd"):
            registry = self.start()
            registry.add()
            registry.script = lambda r, name=name: (
                Answer(200, registry.manifests["v1"][1], Content_Type=MANIFEST, Docker_Content_Digest=name)
                if "/manifests/" in r.path else None)
            self.call("pull", registry, code=3, says="Docker-Content-Digest")
            registry = self.start()
            registry.add(layer={"digest": name})
            self.call("pull", registry, code=3, says="digest")
            self.assertEqual(registry.seen(path="/blobs/"), [])
        registry = self.start()
        registry.add()
        registry.script = lambda r: (Answer(200, registry.manifests["v1"][1], Content_Type=MANIFEST, Docker_Content_Digest=[digest(b"a"), digest(b"b")])
                                     if "/manifests/" in r.path else None)
        self.call("pull", registry, code=3, says="two docker-content-digest")

    def test_an_empty_or_missing_digest_is_computed(self):
        for headers in ({}, {"Docker_Content_Digest": ""}):
            registry = self.start()
            name = registry.add()
            registry.script = lambda r, headers=headers: (
                Answer(200, registry.manifests["v1"][1], Content_Type=MANIFEST, **headers) if "/manifests/" in r.path else None)
            done = self.call("inspect", registry)
            self.assertIn(name, done.out)
            # By digest it is checked all the same.
            registry.script = lambda r: Answer(200, b"{}", Content_Type=MANIFEST) if "/manifests/" in r.path else None
            self.call("inspect", registry, reference=f"a@{name}", code=5, says="not used")

    def test_a_tag_that_moves_between_two_requests(self):
        registry = self.start()
        registry.add(data=BIG)
        old = registry.add(tag="old")

        def moved(request):
            if request.method == "HEAD" and request.number == 1:
                media_type, data = registry.manifests["old"]
                return Answer(200, data, Content_Type=media_type, Docker_Content_Digest=old)
            return None

        registry.script = moved
        self.call("pull", registry)
        self.assertEqual(self.pulled(), MODULE, "what the tag named at one moment")
        # And the old one is deleted meanwhile.
        registry.requests.clear()
        registry.script = lambda r: moved(r) or (registry.error(404, "MANIFEST_UNKNOWN") if r.path.endswith(old) else None)
        self.call("pull", registry)
        self.assertEqual(self.pulled(), BIG)
        # And it moves for ever.
        registry.script = lambda r: (Answer(200, b"", Content_Length="9", Content_Type=MANIFEST, Docker_Content_Digest=digest(str(r.number).encode()))
                                     if r.method == "HEAD" else None)
        self.call("pull", registry, code=3, says="404")


class Manifests(Case):
    def test_types_that_do_not_fit(self):
        for media_type, says in ((INDEX, "calls itself"), ("application/json", "neither"), ("text/html; charset=utf-8", "neither"),
                                 ("nonsense", "media type"), ("", "Content-Type")):
            registry = self.start()
            registry.add(media_type=media_type)
            self.call("pull", registry, code=3, says=says)
        registry = self.start()
        registry.add(media_type=MANIFEST + "; charset=utf-8")
        self.call("pull", registry)

    def test_documents_that_are_two_things(self):
        registry = self.start()
        registry.add(manifests=[])
        self.call("pull", registry, code=3, says="at once")
        text = registry.manifests["v1"][1]
        registry.add_manifest("v1", text[:-1] + b',"schemaVersion":2}')
        self.call("pull", registry, code=3, says="twice")

    def test_bombs(self):
        for name, body in (("deep", b'{"x":' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}"),
                           ("wide", b'{"x":[' + b"{}," * 1_000_000 + b"{}]}"),
                           ("large", b'{"x":"' + b"x" * 5_000_000 + b'"}'),
                           ("no end", b'{"x":[')):
            registry = self.start()
            registry.add_manifest("v1", body)
            with self.subTest(name):
                self.call("pull", registry, code=3 if name == "no end" else 1, says="manifest")

    def test_layers_from_elsewhere(self):
        registry, other = self.start(), self.start("127.0.0.2")
        registry.add(layer={"urls": [f"{other.url}/layer"]})
        self.call("pull", registry, "--allow-address", "127.0.0.2", code=3, says="urls")
        self.assertEqual(other.requests, [])

    def test_configs_that_lie(self):
        for text, says in (({"architecture": "wasm", "os": "wasip1", "layerDigests": [digest(b"other")]}, "layerDigests"),
                           ({"architecture": "amd64", "os": "linux"}, "amd64"), ([], "no JSON object")):
            registry = self.start()
            data = json.dumps(text).encode()
            registry.add(config=descriptor(CONFIG, data))
            registry.blobs[digest(data)] = data
            self.call("pull", registry, code=3, says=says)

    def test_indexes_without_end(self):
        registry = self.start()
        entry = descriptor(MANIFEST, b"x")
        registry.add_manifest("v1", {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry] * 10_000}, INDEX)
        self.call("pull", registry, code=1, says="10000 entries")
        # Deeper and deeper.
        inner = registry.add("inner")
        size, media_type = len(registry.manifests["inner"][1]), MANIFEST
        for depth in range(8):
            inner = registry.add_manifest(f"d{depth}", {"schemaVersion": 2, "mediaType": INDEX, "manifests": [
                {"mediaType": media_type, "digest": inner, "size": size}]}, INDEX)
            size, media_type = len(registry.manifests[inner][1]), INDEX
        self.call("inspect", registry, reference="a:d3")
        self.call("inspect", registry, reference="a:d7", code=1, says="deeper than")
        # In a circle: only a registry that lies about digests can do that, and the digest shows it.
        lie = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [{"mediaType": INDEX, "digest": digest(b"circle"), "size": 9}]}
        body = json.dumps(lie).encode()
        registry.manifests[digest(b"circle")] = registry.manifests["circle"] = (INDEX, body)
        registry.script = lambda r: (Answer(200, body, Content_Type=INDEX, Docker_Content_Digest=digest(b"circle"))
                                     if "/manifests/" in r.path else None)
        before = len(registry.requests)
        self.call("pull", registry, reference="a:circle", code=5, says="not used")
        self.assertLess(len(registry.requests) - before, 12)
        registry.script = lambda r: None
        registry.add_manifest("none", {"schemaVersion": 2, "mediaType": INDEX, "manifests": []}, INDEX)
        self.call("pull", registry, reference="a:none", code=3, says="none of the 0 entries")


class Blobs(Case):
    def test_a_broken_connection_is_resumed(self):
        registry = self.start()
        registry.add(data=BIG)
        half = len(BIG) // 2
        for honest in (True, False):
            registry.requests.clear()

            def script(request, honest=honest):
                if not request.path.endswith(digest(BIG)):
                    return None
                if request.number == 1:
                    return Answer(200, [BIG[:half]], Content_Length=str(len(BIG)))
                return None if honest else Answer(200, BIG)  # sends all of it again

            registry.script = script
            self.call("pull", registry)
            self.assertEqual(self.pulled(), BIG)
            tries = registry.seen(path=digest(BIG))
            self.assertEqual(len(tries), 2)
            self.assertRegex(tries[1].headers["Range"], r"^bytes=\d+-$")
            self.assertGreater(int(tries[1].headers["Range"][6:-1]), 0)

    def test_parts_that_were_not_asked_for(self):
        registry = self.start()
        registry.add(data=BIG)
        size = len(BIG)
        for field in (f"bytes 0-{size - 1}/{size}", f"bytes 5-{size - 1}/{size}", "bytes */9", "nonsense", "", f"bytes 1048576-{size}/{size}",
                      "bytes 1048576-1048577/7"):
            registry.requests.clear()
            registry.script = lambda r, field=field: None if not r.path.endswith(digest(BIG)) else (
                Answer(200, [BIG[:MIB]], Content_Length=str(size)) if r.number == 1 else Answer(206, BIG[MIB:], Content_Range=field))
            done = berth("pull", f"oci://{registry.host}/a:v1", "-o", "x.wasm", cwd=self.folder)
            self.assertEqual(done.code, 3, done.err)
            self.assertIn("not asked for", done.err)
        registry.script = lambda r: Answer(206, BIG, Content_Range=f"bytes 0-{size - 1}/{size}") if r.path.endswith(digest(BIG)) else None
        self.call("pull", registry, code=3, says="not asked for")

    def test_connections_that_always_break(self):
        registry = self.start()
        registry.add(data=BIG)
        size = len(BIG)

        def script(request):  # a byte for each connection
            if not request.path.endswith(digest(BIG)):
                return None
            first = int((request.headers.get("Range") or "bytes=0-")[6:-1])
            return Answer(206 if first else 200, [BIG[first:first + 1]], Content_Length=str(size - first),
                          Content_Range=f"bytes {first}-{size - 1}/{size}")

        registry.script = script
        self.call("pull", registry, code=1, says="broke")
        self.assertLess(len(registry.seen(path=digest(BIG))), 12)

    def test_encodings_that_were_not_asked_for(self):
        registry = self.start()
        registry.add()
        registry.script = lambda r: Answer(200, MODULE, Content_Encoding="gzip") if r.path.endswith(digest(MODULE)) else None
        self.call("pull", registry, code=3, says="encoded as gzip")

    def test_errors_of_a_registry_are_cut_and_do_not_act_on_a_terminal(self):
        registry = self.start()
        registry.script = lambda r: registry.error(400, "X", "\x1b[2J\r\n" + "long " * 10_000)
        done = self.call("tags", registry, reference="a", code=3, says="X: ")
        self.assertNotIn("\x1b", done.err)
        self.assertEqual(done.err.count("\n"), 1)
        self.assertLess(len(done.err), 1000)


class Lists(Case):
    def test_pages_are_followed(self):
        registry = self.start()
        pages = {"": (["a", "b"], "</v2/a/tags/list?last=b>; rel=\"next\""), "b": (["c"], "<?last=c>; rel=next"), "c": (["d"], None)}

        def script(request):
            tags, link = pages[request.query.get("last", [""])[0]]
            return Answer(200, json.dumps({"name": "a", "tags": tags}).encode(), **({"Link": link} if link else {}))

        registry.script = script
        self.assertEqual(self.call("tags", registry, reference="a").out, "a\nb\nc\nd\n")

    def test_pages_elsewhere_or_without_end(self):
        registry, other = self.start(), self.start("127.0.0.2")
        body = b'{"tags": ["a"]}'
        for link, code, says in ((f"<{other.url}/v2/a/tags/list>; rel=next", 5, "another host"), ("</v2/a/tags/list>; rel=next", 3, "circle"),
                                 ("<http://169.254.169.254/>; rel=next", 5, "another host"), ("<file:///>; rel=next", 3, "next page"),
                                 ("</a", 3, "Link"), ("</a>; rel=next, </b>; rel=next", 3, "two next")):
            registry.script = lambda r, link=link: Answer(200, body, Link=link)
            self.call("tags", registry, "--allow-address", "127.0.0.2", reference="a", login=True, code=code, says=says)
        self.assertEqual(other.requests, [])
        registry.script = lambda r: Answer(200, body, Link=f"</v2/a/tags/list?n={r.number}>; rel=next")
        self.call("tags", registry, reference="a", code=1, says="more than 1000 pages")
        registry.script = lambda r: Answer(200, json.dumps({"tags": [f"t{i}" for i in range(100_001)]}).encode())
        self.call("tags", registry, reference="a", code=1, says="100001 entries")
        registry.script = lambda r: Answer(200, b'{"tags": ["\\u001b[2J"]}')
        self.call("tags", registry, reference="a", code=3, says="no tag")


class Pauses(Case):
    def test_a_short_pause_is_kept(self):
        registry = self.start()
        registry.add()
        registry.script = lambda r: registry.error(429, "TOOMANYREQUESTS", "slow down", Retry_After="1") if r.number == 1 else None
        self.assertGreater(self.call("pull", registry).seconds, 2)

    def test_a_long_or_endless_one_is_reported(self):
        registry = self.start()
        registry.script = lambda r: registry.error(429, "TOOMANYREQUESTS", "slow down", Retry_After="3600")
        self.call("tags", registry, reference="a", code=5, says="TOOMANYREQUESTS", seconds=5)
        self.assertEqual(len(registry.requests), 1)
        registry.script = lambda r: registry.error(503, "UNAVAILABLE")
        self.call("tags", registry, reference="a", code=1, says="503")
        self.assertEqual(len(registry.requests), 5)


class Slow(Case):
    def test_a_source_that_drips(self):
        done, files = slow.dripping.result()
        self.assertEqual((done.code, files), (1, []), done.err)
        self.assertIn(digest(BIG), done.err)
        self.assertLess(done.seconds, 40)
        self.assertLess(done.memory - self.base_memory, MEMORY)


if __name__ == "__main__":
    unittest.main(verbosity=2)
