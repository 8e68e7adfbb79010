"""Print what is at a URL: `python3 get.py URL`. Exit code 75 (try again later) where the server asks for that.

What `curl -fsS` does, for a machine that has nothing but Python.
"""

from __future__ import annotations

import http.client
import sys
from urllib.parse import urlsplit

TRY_LATER = 75


def main():
    """Write the page to stdout; an exit code."""
    (url,) = sys.argv[1:]
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    try:
        connection.request("GET", parts.path or "/")
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        said = getattr(error, "strerror", None) or error
        print(f"{url}: {said}. Is the server there? `python3 serve.py` starts it", file=sys.stderr)
        return 7
    if answer.status == 200:
        sys.stdout.buffer.write(body)
        return 0
    after = answer.headers.get("Retry-After")
    print(f"{url}: {answer.status} {answer.reason}" + (f", try again in {after} s" if after else ""), file=sys.stderr)
    return TRY_LATER if answer.status in (429, 503) else 22


if __name__ == "__main__":
    sys.exit(main())
