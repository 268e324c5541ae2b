"""Submits tasks one by one until it is killed: `python -m tests.faults.submitter FIRST LAST`."""

from __future__ import annotations

import sys

from router.client import Client
from tests.faults.scene import a_mail


def main() -> None:
    """Say of each key what became of it, as soon as it is known: `acknowledged NUMBER TASK REPLAYED`."""
    first, last = map(int, sys.argv[1:])
    with Client.from_env() as client:
        for number in range(first, last):
            handle = client.submit("intents", a_mail(number), key=f"order-{number}")
            print("acknowledged", number, handle.id, int(handle.replayed), flush=True)


if __name__ == "__main__":
    main()
