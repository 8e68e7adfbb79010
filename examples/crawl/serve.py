#!/usr/bin/env python3
"""A small site that minds how many visit it at once: what the crawl of this folder crawls. Standard library only.

    python3 serve.py                       serve until Ctrl-C, at http://127.0.0.1:8077
    python3 serve.py -- COMMAND …          serve on a free port while COMMAND runs; it finds the address in CRAWL_BASE

More than three requests in flight are too many: the fourth is answered 429 with a `Retry-After`. The server counts for
itself what is in flight, and writes an access log. Beside the site it answers

    GET  /stats          {"in_flight": 2, "peak": 3, "served": 17, "refused": 0}
    POST /stats/reset    the same, and begins to count anew: the peak is what is in flight now
    POST /gate/close     hold every page that is asked for from now on (a request that is to be refused, too)
    POST /gate/pass/4    let four more through
    POST /gate/open      let all through
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from site_map import pages, sitemap

MOST = 3
HERE = Path(__file__).resolve().parent


class Desk:
    """What the server counts. A request is in flight from when it was read until its answer begins to leave.

    So a client that has its answer is never counted still, and the next one that it sends is not one too many.
    """

    def __init__(self):
        self.changed = threading.Condition()
        self.in_flight = self.peak = self.served = self.refused = 0
        self.passes = None  # how many pages the gate lets through; None: it is open

    def arrive(self):
        """Count a request in; whether it is one too many."""
        with self.changed:
            self.in_flight += 1
            self.peak = max(self.peak, self.in_flight)
            return self.in_flight > MOST

    def wait_at_gate(self):
        """Until the gate lets this one through."""
        with self.changed:
            self.changed.wait_for(lambda: self.passes != 0)
            if self.passes is not None:
                self.passes -= 1

    def leave(self, refused):
        """Count a request out."""
        with self.changed:
            self.in_flight -= 1
            self.refused += refused
            self.served += not refused

    def stats(self, reset=False):
        """The counts; with `reset` they begin anew."""
        with self.changed:
            said = {name: getattr(self, name) for name in ("in_flight", "peak", "served", "refused")}
            if reset:
                self.peak, self.served, self.refused = self.in_flight, 0, 0
            return said

    def gate(self, word):
        """Open, close, or let so many through; False for any other word."""
        with self.changed:
            if word == "open":
                self.passes = None
            elif word == "close":
                self.passes = 0
            elif word.startswith("pass/") and word[5:].isdigit() and self.passes is not None:
                self.passes += int(word[5:])
            else:
                return False
            self.changed.notify_all()
            return True


def handler(desk, site, service_s, log):
    """The class that answers the requests of one server."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/stats":
                self.answer_json(desk.stats())
                return
            too_many = desk.arrive()
            body = site.get(self.path)
            if body is None and self.path == "/sitemap.xml":
                body = sitemap(f"http://{self.headers.get('Host', '')}")
            elif body is not None:
                desk.wait_at_gate()
                if not too_many:
                    time.sleep(service_s * (0.5 + len(body) / 40_000))  # the longer the page, the longer it takes
            desk.leave(too_many)
            if too_many:
                self.answer(429, b"too many at once\n", "text/plain", {"Retry-After": "1"})
            elif body is None:
                self.answer(404, b"no such page\n", "text/plain")
            else:
                self.answer(200, body, "text/xml" if self.path.endswith(".xml") else "text/html")

        def do_POST(self):
            if self.path == "/stats/reset":
                self.answer_json(desk.stats(reset=True))
            elif self.path.startswith("/gate/") and desk.gate(self.path.removeprefix("/gate/")):
                self.answer_json(desk.stats())
            else:
                self.answer(404, b"POST /stats/reset, /gate/open, /gate/close or /gate/pass/N\n", "text/plain")

        def answer_json(self, data):
            self.answer(200, json.dumps(data).encode() + b"\n", "application/json")

        def answer(self, status, body, kind, headers=()):
            try:
                self.send_response(status)
                for name, value in {"Content-Type": kind, "Content-Length": len(body), **dict(headers)}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(body)
            except ConnectionError:
                pass  # whoever asked has gone

        def log_message(self, format, *args):
            if not getattr(self, "path", "").startswith(("/stats", "/gate")):
                with suppress(ValueError):  # the log is closed: we are at the end
                    log.write(f"{self.log_date_time_string()} {format % args}\n")

    return Handler


def main():
    """Serve until interrupted, or while a command runs; its exit code."""
    words = sys.argv[1:]
    at = words.index("--") if "--" in words else len(words)
    command = words[at + 1 :]
    parser = argparse.ArgumentParser(
        description="A small site that answers 429 when more than three requests are in flight.",
        epilog="After `--` may stand a command: the site is there while it runs, on a free port, its address in CRAWL_BASE.",
    )
    parser.add_argument("--port", type=int, help="where to listen, 0 for a free port (8077, with a command 0)")
    parser.add_argument("--service", type=float, default=0.2, metavar="SECONDS", help="what a page takes, about (0.2)")
    parser.add_argument("--closed", action="store_true", help="hold all pages until POST /gate/open")
    parser.add_argument("--log", type=Path, default=HERE / "out" / "access.log", help="the access log (%(default)s)")
    options = parser.parse_args(words[:at])
    port = options.port if options.port is not None else 0 if command else 8077

    desk = Desk()
    if options.closed:
        desk.gate("close")
    options.log.parent.mkdir(parents=True, exist_ok=True)
    with open(options.log, "w", buffering=1) as log:
        try:
            server = ThreadingHTTPServer(("127.0.0.1", port), handler(desk, pages(), options.service, log))
        except OSError as error:
            sys.exit(f"serve.py: port {port}: {error.strerror}; `--port 0` takes a free one")
        except OverflowError:
            sys.exit(f"serve.py: port {port}: a port is a number up to 65535")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}"
        code = run(command, base) if command else wait(base)
        server.shutdown()
        said = desk.stats()
    refused = said["refused"] or "none"
    print(f"the server: {said['served']} answered, at most {said['peak']} at once, {refused} refused", file=sys.stderr)
    return code


def wait(base):
    """Until Ctrl-C."""
    print(f"{len(pages())} pages at {base}", flush=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        signal.pause()
    except KeyboardInterrupt:
        return 0


def run(command, base):
    """Run a command that finds the site in CRAWL_BASE; its exit code. Ctrl-C is for the command: the site waits for its end."""
    try:
        child = subprocess.Popen(command, env={**os.environ, "CRAWL_BASE": base})
    except OSError as error:
        print(f"serve.py: {command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    code = child.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
