"""What the doubles of HTTP services share: an answer in one call, and nothing in the test's output."""
import http.server


class QuietHandler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, body, content_type=None):
        self.send_response(status)
        if content_type is not None:
            self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_):
        pass
