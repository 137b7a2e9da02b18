"""A door: reads badges, asks Verigate, pulses the lock, and writes what happened to standard output, one line of JSON each.

A badge read is a line on standard input: the badge's number, its verification id and its identity id, as your reader's driver and your list of
badges would give them. Whatever goes wrong keeps the door shut. While Verigate cannot be reached, it opens only for those whom it has let
in before, for as long as the policy permits (`reuse`).
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import grpc
from verigate import Answer, Client, ReasonCode, Reverify, StepUp

# A card read is judged slow at half a second.
DEADLINE_SECONDS = 0.5
# Without traffic the connection is tested after this; the door is behind NAT.
KEEPALIVE_SECONDS = 25.0
# People who use this door within the time for which an ALLOW may be reused.
REUSE_CAPACITY = 1000
OUTAGES = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


def main() -> None:
    given = arguments()
    # The file is read again for each call, so that it can be replaced.
    token = None if given.token_file is None else lambda: Path(given.token_file).read_text().strip()
    client = Client(
        given.server,
        deadline=DEADLINE_SECONDS,
        keepalive=KEEPALIVE_SECONDS,
        reuse_capacity=REUSE_CAPACITY,
        token=token,
        ca=given.ca,
        certificate=given.certificate,
        key=given.key,
    )
    with client:
        write("door_started", policy=given.policy, server=given.server)
        try:
            serve(client, given.policy)
        except KeyboardInterrupt:
            pass
        write("door_stopped")


def serve(client: Client, policy: str) -> None:
    """Handles one read after the other, until there are no more."""
    is_reachable = True
    for line in sys.stdin:
        read = line.split()
        if len(read) != 3:
            write("read_malformed")
            continue
        badge, verification_id, identity_id = read
        answer = client.check_access(verification_id, policy, identity_id=identity_id)
        if answer.allowed:
            pulse_lock()
        write("badge_read", badge=badge, opened=answer.allowed, **shown(answer))
        if not answer.reused:
            is_reachable = note_outage(answer, is_reachable)


def pulse_lock() -> None:
    """Opens the lock for a moment. A real door drives its relay here."""


def shown(answer: Answer) -> dict[str, Any]:
    """What the journal of the door says about an answer, and the display beside it. No data of a person."""
    return {
        "decision": answer.decision.value,
        "display": display(answer),
        "reasons": [reason.code.value for reason in answer.reasons],
        "decision_id": answer.decision_id,
        "reused": answer.reused,
        "degraded": answer.degraded,
        "error": None if answer.error is None else str(answer.error),
    }


def display(answer: Answer) -> str:
    """What the person at the door is shown. It gives no reason for a denial: the badge may have been stolen."""
    if answer.allowed:
        return "welcome"
    if answer.error is not None:
        return "please try again, or call the reception"
    if needs_verification(answer.step_up):
        return "please verify your identity again"
    if any(reason.code is ReasonCode.OUTSIDE_SCHEDULE for reason in answer.reasons):
        return "closed at this time"
    return "no access"


def needs_verification(step_up: StepUp | None) -> bool:
    return step_up is not None and any(isinstance(remedy, Reverify) for remedy in step_up.remedies)


def note_outage(answer: Answer, was_reachable: bool) -> bool:
    """Writes when the service gets out of reach, and when it is back."""
    is_reachable = answer.error is None or answer.error.code not in OUTAGES
    if is_reachable is not was_reachable:
        write("service_reachable" if is_reachable else "service_unreachable")
    return is_reachable


def write(event: str, **fields: Any) -> None:
    """Writes a line at once: a door may lose its power at any time."""
    line = {"at": datetime.now(timezone.utc).isoformat(timespec="milliseconds"), "event": event, **fields}
    print(json.dumps(line), flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A door that asks Verigate.")
    parser.add_argument("--server", default="http://127.0.0.1:50051", help="https://HOST:PORT, or http:// on this machine")
    parser.add_argument("--policy", default="front-door")
    parser.add_argument("--token-file", help="file with the token of this door")
    parser.add_argument("--ca", help="file with the CA certificates that verify the service")
    parser.add_argument("--certificate", help="file with the certificate of this door")
    parser.add_argument("--key", help="file with its key")
    return parser.parse_args()


if __name__ == "__main__":
    main()
