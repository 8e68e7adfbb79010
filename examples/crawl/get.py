"""Print what is at a URL: `python3 get.py URL`. Exit code 75 (try again later) where the server asks for that.

What `curl -fsS` does, for a machine that has nothing but Python.
"""

from __future__ import annotations

import sys
import urllib.error
import urllib.request

TRY_LATER = 75


def main():
    """Write the page to stdout; an exit code."""
    (url,) = sys.argv[1:]
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # the site is on this machine
    try:
        with opener.open(url, timeout=60) as answer:
            sys.stdout.buffer.write(answer.read())
    except urllib.error.HTTPError as error:
        after = error.headers.get("Retry-After")
        print(f"{url}: {error.code} {error.reason}" + (f", try again in {after} s" if after else ""), file=sys.stderr)
        return TRY_LATER if error.code in (429, 503) else 22
    except OSError as error:
        reason = getattr(error, "reason", error)
        said = getattr(reason, "strerror", None) or reason
        print(f"{url}: {said}. Is the server there? `python3 serve.py` starts it", file=sys.stderr)
        return 7
    return 0


if __name__ == "__main__":
    sys.exit(main())
