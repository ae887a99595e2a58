"""A schema registry of a few schemas, known by their numbers, that answers or does not, as a test wants it."""
import collections
import http.server
import json
import threading
import time

from quiet_handler import QuietHandler


class FakeRegistry:
    """`schemas` are texts by number. `mood` is "well", "failing" (500), "hanging", or "gone" (nobody listens)."""
    HANG_S = 60

    def __init__(self):
        self.schemas, self.asked, self.port, self.server = {}, collections.Counter(), 0, None
        self.be("well")
        self.url = f"http://127.0.0.1:{self.port}"

    def be(self, mood):
        self.mood = mood
        if mood == "gone":
            self.close()
        elif self.server is None:
            self.server = Server(("127.0.0.1", self.port), Handler)
            self.server.registry, self.port = self, self.server.server_address[1]
            threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_):
        """A client that does not wait any longer is no news."""


class Handler(QuietHandler):
    def do_GET(self):
        registry = self.server.registry
        registry.asked[registry.mood] += 1
        if registry.mood == "hanging":
            time.sleep(registry.HANG_S)
        number = int(self.path.rsplit("/", 1)[1])
        if registry.mood == "failing":
            self.answer(500, json.dumps({"error_code": 50001, "message": "the store is not open"}).encode())
        elif self.path.startswith("/schemas/ids/") and number in registry.schemas:
            self.answer(200, json.dumps({"schema": registry.schemas[number]}).encode())
        else:
            self.answer(404, json.dumps({"error_code": 40403, "message": "Schema not found"}).encode())
