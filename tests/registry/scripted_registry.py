"""A small registry in memory that behaves, until a test's script says otherwise.

`ScriptedRegistry.script` is asked first for each request; what it returns is the answer, None means that the registry
answers as it should. All requests are kept in `requests`.
"""
import hashlib
import http.server
import json
import re
import ssl
import threading
import urllib.parse

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.wasm.config.v0+json"
LAYER = "application/wasm"
POLL_SECONDS = 0.02  # how long it may take to end
MODULE = b"\0asm\x01\0\0\0"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def descriptor(media_type, data, **more):
    return {"mediaType": media_type, "digest": digest(data), "size": len(data), **more}


class Request:
    """Attributes: method, path, query (of lists), headers, body, number (from 1, of this method and path)."""

    def __init__(self, handler, number):
        split = urllib.parse.urlsplit(handler.path)
        self.method, self.path, self.target = handler.command, split.path, handler.path
        self.query = urllib.parse.parse_qs(split.query, keep_blank_values=True)
        self.headers, self.number, self.handler = handler.headers, number, handler
        self.body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))

    def __repr__(self):
        return f"{self.method} {self.target}"


class Answer:
    """`body`: bytes, or an iterable of bytes (then without Content-Length unless `headers` has one; the connection ends
    with it). A header's value may be a list, for several of that name."""

    def __init__(self, status, body=b"", **headers):
        self.status, self.body = status, body
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def send(self, handler):
        handler.send_response(self.status)
        for name, values in self.headers.items():
            for value in values if isinstance(values, list) else [values]:
                handler.send_header(name, value)
        whole = isinstance(self.body, bytes)
        if whole and "Content-Length" not in self.headers:
            handler.send_header("Content-Length", str(len(self.body)))
        handler.end_headers()
        if handler.command == "HEAD":
            return
        for piece in [self.body] if whole else self.body:
            handler.wfile.write(piece)
        if not whole:
            handler.close_connection = True


class ScriptedRegistry:
    """Use as a context. Attributes: host, url, requests, script, blobs (by digest), manifests (by tag and digest: type
    and bytes), uploads (by number: bytearray), flags (for berth). On another loopback address it is another host."""

    def __init__(self, address="127.0.0.1", certificates=None):
        self.requests, self.blobs, self.manifests, self.uploads = [], {}, {}, {}
        self.script = lambda request: None
        self.flags = ["--ca", certificates.ca] if certificates else []
        owner, lock = self, threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body are two writes: the second would wait for 40 ms

            def answer(self):
                with lock:
                    same = [r for r in owner.requests if (r.method, r.path) == (self.command, self.path.split("?")[0])]
                    request = Request(self, len(same) + 1)
                    owner.requests.append(request)
                try:
                    answer = owner.script(request) or owner.behave(request)
                    answer.send(self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True  # the client has had enough

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 64

            def handle_error(self, request, client_address):
                pass  # a broken TLS handshake is what some tests are about

        self._server = Server((address, 0), Handler)
        if certificates:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(certificates.server, certificates.server_key)
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.host = f"{address}:{self._server.server_address[1]}"
        self.url = f"{'https' if certificates else 'http'}://{self.host}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(POLL_SECONDS,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    # --- what it holds ---

    def add(self, tag="v1", data=MODULE, layer=None, config=None, media_type=MANIFEST, **more):
        """A wasm artifact; `layer`, `config` replace members of their descriptors, `more` of the manifest. -> its digest"""
        text = json.dumps({"architecture": "wasm", "os": "wasip1", "layerDigests": [digest(data)]}).encode()
        self.blobs[digest(data)], self.blobs[digest(text)] = data, text
        return self.add_manifest(tag, {"schemaVersion": 2, "mediaType": MANIFEST,
                                       "config": descriptor(CONFIG, text) | (config or {}),
                                       "layers": [descriptor(LAYER, data) | (layer or {})], **more}, media_type)

    def add_manifest(self, tag, manifest, media_type=MANIFEST):
        data = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
        self.manifests[tag] = self.manifests[digest(data)] = (media_type, data)
        return digest(data)

    def seen(self, method=None, path=""):
        return [r for r in self.requests if method in (None, r.method) and path in r.path]

    # --- how it behaves ---

    def behave(self, request):
        for pattern, method in ((r"/v2/.+?/manifests/([^/]+)", self._manifest), (r"/v2/.+?/blobs/(sha256:[^/]+)", self._blob),
                                (r"/v2/.+?/blobs/uploads/", self._begin), (r"/v2/.+?/blobs/uploads/([^/]+)", self._upload),
                                (r"/v2/.+?/tags/list", self._tags)):
            match = re.fullmatch(pattern, request.path)
            if match:
                return method(request, *match.groups())
        return self.error(404, "NOT_FOUND", "no such thing")

    @staticmethod
    def error(status, code, message="", **headers):
        return Answer(status, json.dumps({"errors": [{"code": code, "message": message}]}).encode(), **headers)

    def _manifest(self, request, name):
        if request.method == "PUT":
            done = self.add_manifest(name, request.body, request.headers["Content-Type"])
            return Answer(201, Location=request.path, Docker_Content_Digest=done)
        if name not in self.manifests:
            return self.error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        media_type, data = self.manifests[name]
        return Answer(200, data, Content_Type=media_type, Docker_Content_Digest=digest(data))

    def _blob(self, request, name):
        if name not in self.blobs:
            return self.error(404, "BLOB_UNKNOWN", "blob unknown")
        data = self.blobs[name]
        match = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range") or "")
        if match:
            first = int(match.group(1))
            return Answer(206, data[first:], Content_Range=f"bytes {first}-{len(data) - 1}/{len(data)}")
        return Answer(200, data)

    def _begin(self, request):
        if "digest" in request.query:
            self.blobs[digest(request.body)] = request.body
            return Answer(201, Location=f"/v2/a/blobs/{digest(request.body)}")
        number = str(len(self.uploads) + 1)
        self.uploads[number] = bytearray()
        return Answer(202, Location=f"/v2/a/blobs/uploads/{number}?state=0")

    def _upload(self, request, number):
        if number not in self.uploads:
            return self.error(404, "BLOB_UPLOAD_UNKNOWN")
        data = self.uploads[number]
        here = dict(Location=f"/v2/a/blobs/uploads/{number}?state={len(data)}", Range=f"0-{max(len(data) - 1, 0)}")
        # Each request must go to the Location of the answer before it.
        if request.query.get("state") != [str(len(data))] and request.method != "GET":
            return self.error(400, "BLOB_UPLOAD_INVALID", "an old Location")
        if request.method == "GET":
            return Answer(204, **here)
        if request.method == "PATCH":
            first, last = map(int, request.headers["Content-Range"].split("-"))
            if first != len(data):
                return Answer(416, **here)
            assert last - first + 1 == len(request.body)
            data += request.body
            return Answer(202, Location=f"/v2/a/blobs/uploads/{number}?state={len(data)}", Range=f"0-{len(data) - 1}")
        data += request.body
        wanted = request.query["digest"][0]
        if digest(data) != wanted:
            return self.error(400, "DIGEST_INVALID")
        self.blobs[wanted] = bytes(self.uploads.pop(number))
        return Answer(201, Location=f"/v2/a/blobs/{wanted}", Docker_Content_Digest=wanted)

    def _tags(self, request):
        return Answer(200, json.dumps({"name": "a", "tags": [t for t in self.manifests if ":" not in t]}).encode())


def bearer(request, realm, scope="repository:a:pull", service="tests", token="right"):
    """401 with a challenge unless the request has the token."""
    if request.headers.get("Authorization") == f"Bearer {token}":
        return None
    return Answer(401, WWW_Authenticate=f'Bearer realm="{realm}",service="{service}",scope="{scope}"')
