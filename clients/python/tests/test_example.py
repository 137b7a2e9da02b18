"""The door of `examples/python`, with the real service."""

from __future__ import annotations

import json
import subprocess
import sys

from harness import REPOSITORY


class Door:
    """A door that runs."""

    def __init__(self, address):
        script = REPOSITORY / "examples/python/door.py"
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen([sys.executable, str(script), "--server", address], text=True, **pipes)
        assert self.event()["event"] == "door_started"

    def event(self):
        return json.loads(self._process.stdout.readline())

    def read(self, *badge):
        """Reads a badge, and returns the line about it."""
        print(*badge, file=self._process.stdin, flush=True)
        return self.event()

    def stop(self):
        self._process.stdin.close()
        events = [json.loads(line) for line in self._process.stdout]
        self._process.stdout.close()
        assert self._process.wait(30) == 0
        return events


def until_opened(door, *badge):
    for _ in range(60):
        event = door.read(*badge)
        if event.get("opened"):
            return event
    raise AssertionError("it does not open")


def test_a_door_opens_for_those_whom_the_service_lets_in(service):
    door = Door(service.address)
    try:
        first = until_opened(door, 4711, "ada-fresh", "id-ada")
        assert first["decision"] == "ALLOW" and first["badge"] == "4711" and first["display"] == "welcome"
        month_old = door.read(4712, "ada-month-old", "id-ada")
        while month_old["event"] != "badge_read" or month_old["error"]:
            month_old = door.read(4712, "ada-month-old", "id-ada")
        assert not month_old["opened"] and month_old["display"] == "please verify your identity again"
        assert month_old["reasons"] == ["VERIFICATION_TOO_OLD"]
        assert door.read(1, "three", "more", "words")["event"] == "read_malformed"
        assert door.read(4711, "ada-fresh", "id-ada")["reused"]
    finally:
        assert door.stop()[-1]["event"] == "door_stopped"


def test_a_door_whose_service_is_frozen_opens_only_for_those_it_knows(start):
    service = start()
    door = Door(service.address)
    try:
        until_opened(door, 4711, "ada-fresh", "id-ada")
        service.process.freeze()
        known = door.read(4711, "ada-fresh", "id-ada")
        assert known["opened"] and known["reused"]
        unknown = door.read(4713, "ben-name-only", "id-ben")
        assert not unknown["opened"] and unknown["decision"] == "DENY" and "DEADLINE_EXCEEDED" in unknown["error"]
        assert door.event()["event"] == "service_unreachable"
    finally:
        service.process.kill()
        door.stop()
