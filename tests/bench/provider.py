"""A provider that answers every call at once with the same reply: `python -m tests.bench.provider`."""

from __future__ import annotations

import asyncio
import json
import sys
from functools import partial

OUTPUT = {
    "merchant": "Corner Deli",
    "date": "2026-03-04",
    "total": 12.5,
    "currency": "EUR",
    "items": [
        {"description": "Sandwich", "quantity": 1, "price": 8.5},
        {"description": "Coffee", "quantity": 1, "price": 4.0},
    ],
}
RECEIPT = """CORNER DELI
14 Market Street
DATE 04.03.2026  12:41
1 Sandwich      8.50
1 Coffee        4.00
TOTAL EUR      12.50
CARD           12.50
THANK YOU"""


def _tokens(text: str) -> list[dict[str, object]]:
    pieces = [text[i : i + 4] for i in range(0, len(text), 4)]
    return [{"token": p, "logprob": -0.001, "bytes": list(p.encode()), "top_logprobs": []} for p in pieces]


TEXT = json.dumps(OUTPUT)
_BODY = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_780_000_000,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": TEXT, "refusal": None},
                "logprobs": {"content": _tokens(TEXT), "refusal": None},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 400, "completion_tokens": 60, "total_tokens": 460},
    }
).encode()
_REPLY = (
    f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: r\r\ncontent-length: {len(_BODY)}\r\n\r\n"
).encode() + _BODY


async def _serve(latency_s: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(h[15:]) for h in head.lower().split(b"\r\n") if h.startswith(b"content-length:"))
            await reader.readexactly(length)
            await asyncio.sleep(latency_s)
            writer.write(_REPLY)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def _main(latency_s: float) -> None:
    server = await asyncio.start_server(partial(_serve, latency_s), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(float(sys.argv[1])))
