"""The package: its types, and that its messages are those of the contract."""

from __future__ import annotations

import importlib.metadata
import inspect
import os
import subprocess
import sys
from pathlib import Path

import verigate
import verigate.aio
from harness import REPOSITORY

SOURCE = REPOSITORY / "clients/python"


def test_the_package_that_is_tested_is_the_wheel():
    folder = Path(verigate.__file__).parent
    assert "site-packages" in folder.parts or os.environ.get("VERIGATE_TEST_SOURCE") == "1"
    assert (folder / "py.typed").exists() and (folder / "v1/access_pb2.pyi").exists()
    assert importlib.metadata.version("verigate") or os.environ.get("VERIGATE_TEST_SOURCE") == "1"


def test_the_messages_are_generated_from_the_contract(tmp_path):
    generate = [sys.executable, "-m", "grpc_tools.protoc", f"-I{REPOSITORY}/proto", f"--python_out={tmp_path}", f"--pyi_out={tmp_path}"]
    subprocess.run([*generate, "verigate/v1/access.proto"], check=True)
    for name in ("access_pb2.py", "access_pb2.pyi"):
        made = (tmp_path / "verigate/v1" / name).read_text()
        assert made == (SOURCE / "src/verigate/v1" / name).read_text(), f"{name} is out of date: see CONTRIBUTING.md"


def test_the_types_are_complete():
    options = ["--strict", "--config-file", str(SOURCE / "pyproject.toml"), "--cache-dir", os.devnull]
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", *options, str(SOURCE / "src/verigate")], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout


def test_both_clients_have_the_same_methods():
    for name, method in inspect.getmembers(verigate.Client, inspect.isfunction):
        if not name.startswith("_"):
            other = getattr(verigate.aio.Client, name)
            ours, theirs = inspect.signature(method), inspect.signature(other)
            assert [*ours.parameters.values()] == [*theirs.parameters.values()], name


def test_every_enum_has_every_value_of_the_contract():
    from verigate.v1 import access_pb2 as v1

    for wire, prefix, ours in (
        (v1.Decision, "DECISION_", verigate.Decision),
        (v1.ReasonCode, "REASON_CODE_", verigate.ReasonCode),
        (v1.EvidenceSource, "EVIDENCE_SOURCE_", verigate.EvidenceSource),
    ):
        names = {name.removeprefix(prefix) for name in wire.keys()} - {"UNSPECIFIED"}
        assert {value.name for value in ours} - {"UNKNOWN"} == names
