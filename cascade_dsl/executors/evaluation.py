"""The main program of an evaluation worker: evaluates residual expressions, one after another, until it is hung up on.

Started by path. A frame is eight bytes of length, big endian, and so many bytes of JSON, see `evaluator.py`; its first
is empty and says that it is ready.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable
from typing import Any

_LENGTH_BYTES = 8


def evaluator() -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A function from request to answer that keeps the expressions it has seen."""
    from cascade_dsl.base.diagnostics import CascadeError
    from cascade_dsl.ir.codec import decode
    from cascade_dsl.ir.expr import Expr, place_in
    from cascade_dsl.values.evaluate import Env, evaluate
    from cascade_dsl.values.faults import EvalError

    known: dict[str, Expr] = {}

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        key = json.dumps(request["expr"])
        refs: dict[str, Any] = request.get("refs", {})

        def ref(node: int) -> Any:
            try:
                return refs[str(node)]
            except KeyError:
                raise EvalError(f"the value of node {node} is not at hand") from None

        expr = known.get(key)
        try:
            if expr is None:
                expr = known[key] = decode(Expr, request["expr"])
            env = Env(
                request.get("vars", {}),
                ref,
                folder=request.get("folder", "."),
                now_s=request.get("now", 0.0),
                environ=os.environ,
            )
            return {"ok": evaluate(expr, env)}
        except EvalError as error:
            place = None if expr is None or error.part is None else place_in(expr, error.part)
            return {"error": str(error), "place": place}
        except CascadeError as error:
            return {"error": "; ".join(d.message for d in error.diagnostics)}

    return answer


def _around(error: UnicodeEncodeError) -> str:
    """The text that cannot be given, from the quote before to the quote behind, as ASCII."""
    begin = error.object.rfind('"', 0, error.start) + 1
    end = error.object.find('"', error.end)
    found = error.object[begin : end if end >= 0 else None].encode("utf-8", "surrogateescape")
    return f"`{found.decode('ascii', 'backslashreplace')}`"


def main() -> None:
    """Serve until the pool hangs up."""
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    answer = evaluator()
    control.sendall(bytes(_LENGTH_BYTES))  # an empty frame: ready
    with control, control.makefile("rb") as requests:
        while len(header := requests.read(_LENGTH_BYTES)) == _LENGTH_BYTES:
            request = requests.read(int.from_bytes(header, "big"))
            try:
                text = json.dumps(answer(json.loads(request)), ensure_ascii=False, separators=(",", ":")).encode()
            except UnicodeEncodeError as error:
                text = json.dumps({"error": f"{_around(error)} is no UTF-8: a path or text has to be"}).encode()
            except (MemoryError, RecursionError) as error:
                text = json.dumps({"error": f"the value cannot be given: {type(error).__name__}"}).encode()
            control.sendall(len(text).to_bytes(_LENGTH_BYTES, "big") + text)


if __name__ == "__main__":
    main()
