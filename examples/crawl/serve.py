#!/usr/bin/env python3
"""A small site that minds how many visit it at once: what the crawl of this folder crawls. Standard library only.

    python3 serve.py                       serve until Ctrl-C, at http://127.0.0.1:8077
    python3 serve.py -- COMMAND …          serve on a free port while COMMAND runs; it finds the address in CRAWL_BASE
    python3 serve.py --sites 2 -- COMMAND  two servers, each on a port of its own; their addresses are in CRAWL_SITES

More than three requests in flight are too many: the fourth is answered 429 with a `Retry-After`. Each server counts for
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
from contextlib import ExitStack, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from site_map import sitemap, sites

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
        """Count a request in; when that was, and how many are in flight with it."""
        with self.changed:
            self.in_flight += 1
            self.peak = max(self.peak, self.in_flight)
            return time.time_ns(), self.in_flight, self.peak

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


def handler(desk, site, service_s, most, log):
    """The class that answers the requests of one server.

    A line of its log is a request: when it arrived, in seconds since 1970, its path, how it was answered, how many were in flight
    with it, and the most that have been.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/stats":
                self.answer_json(desk.stats())
                return
            self.arrived = desk.arrive()
            too_many = self.arrived[1] > most
            body = site.get(self.path)
            if body is None and self.path == "/sitemap.xml":
                body = sitemap(f"http://{self.headers.get('Host', '')}", site)
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

        def log_request(self, code="-", size="-"):
            arrived, self.arrived = getattr(self, "arrived", None), None
            if arrived is not None:
                at_ns, in_flight, peak = arrived
                with suppress(ValueError):  # the log is closed: we are at the end
                    log.write(f"{at_ns // 10**9}.{at_ns % 10**9:09} {self.path} {int(code)} {in_flight} {peak}\n")

        def log_message(self, format, *args):
            pass

    return Handler


def main():
    """Serve until interrupted, or while a command runs; its exit code."""
    words = sys.argv[1:]
    at = words.index("--") if "--" in words else len(words)
    command = words[at + 1 :]
    options = read_options(words[:at])
    try:
        made = sites(options.sites, options.pages)
    except ValueError as error:
        sys.exit(f"serve.py: {options.sites} sites with {options.pages} pages: {error}")
    port = options.port if options.port is not None else 0 if command else 8077
    options.log.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        servers = [
            Server(site, options, port + place if port else 0, stack.enter_context(open(log, "w", buffering=1)))
            for place, (site, log) in enumerate(zip(made, logs(options.log, len(made)), strict=True))
        ]
        code = run(command, [server.base for server in servers]) if command else wait(servers)
        for server in servers:
            server.http.shutdown()
    for server in servers:
        said = server.desk.stats()
        who = "the server" if len(servers) == 1 else server.base
        refused = said["refused"] or "none"
        print(f"{who}: {said['served']} answered, at most {said['peak']} at once, {refused} refused", file=sys.stderr)
    return code


def read_options(words):
    """What was asked for."""
    parser = argparse.ArgumentParser(
        description="A small site that answers 429 when more than three requests are in flight.",
        epilog="After `--` may stand a command: the site is there while it runs, on a free port, its address in CRAWL_BASE.",
    )
    parser.add_argument("--port", type=int, help="where to listen, 0 for a free port (8077, with a command 0)")
    parser.add_argument("--service", type=float, default=0.2, metavar="SECONDS", help="what a page takes, about (0.2)")
    parser.add_argument("--closed", action="store_true", help="hold all pages until POST /gate/open")
    parser.add_argument("--log", type=Path, default=HERE / "out" / "access.log", help="the access log (%(default)s)")
    parser.add_argument(
        "--sites", type=int, default=1, metavar="N", help="so many servers, with logs of their own: access-1.log, … (1)"
    )
    parser.add_argument("--pages", type=int, default=48, metavar="N", help="how many pages they have together (48)")
    parser.add_argument("--most", type=int, default=MOST, metavar="N", help="how many at once a server can bear (3)")
    return parser.parse_args(words)


def logs(path, count):
    """The access log of each server."""
    return [path if count == 1 else path.with_stem(f"{path.stem}-{place}") for place in range(1, count + 1)]


class Server:
    """One server, listening."""

    def __init__(self, site, options, port, log):
        self.pages = len(site)
        self.desk = Desk()
        if options.closed:
            self.desk.gate("close")
        answers = handler(self.desk, site, options.service, options.most, log)
        try:
            self.http = Http(("127.0.0.1", port), answers)
        except OSError as error:
            sys.exit(f"serve.py: port {port}: {error.strerror}; `--port 0` takes a free one")
        except OverflowError:
            sys.exit(f"serve.py: port {port}: a port is a number up to 65535")
        self.base = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


class Http(ThreadingHTTPServer):
    """Threads for requests, and room for many that come at once."""

    request_queue_size = 128


def wait(servers):
    """Until Ctrl-C."""
    for server in servers:
        print(f"{server.pages} pages at {server.base}", flush=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        signal.pause()
    except KeyboardInterrupt:
        return 0


def run(command, bases):
    """Run a command that finds the sites in CRAWL_BASE and CRAWL_SITES; its exit code. Ctrl-C is for the command: they wait for its end."""
    try:
        child = subprocess.Popen(command, env={**os.environ, "CRAWL_BASE": bases[0], "CRAWL_SITES": " ".join(bases)})
    except OSError as error:
        print(f"serve.py: {command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    code = child.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
