"""TLS, client certificates, tokens and Unix sockets, with the real service."""

from __future__ import annotations

import subprocess

import grpc
import pytest
from harness import BINARY, allow
from verigate import CheckAccessRequest, VerigateError

PERSON = ("ada-fresh", "front-door")
ADA = {"identity_id": "id-ada"}


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    """A CA, a certificate of the service and one of a door, and those of another CA, all made up."""
    folder = tmp_path_factory.mktemp("pki")
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    for ca in ("ca", "other-ca"):
        openssl(folder, "req", "-x509", *new_key, "-keyout", f"{ca}.key", "-out", f"{ca}.crt", "-subj", f"/CN={ca}", "-days", "2",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    leaves = [("server", "ca", "DNS:localhost"), ("door", "ca", "URI:spiffe://example.org/door/1"),
              ("stranger", "other-ca", "URI:spiffe://example.org/door/1")]
    for name, ca, names in leaves:
        openssl(folder, "req", "-new", *new_key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", "/")
        (folder / "ext").write_text(f"subjectAltName=critical,{names}\nkeyUsage=critical,digitalSignature\n")
        openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.crt", "-CAkey", f"{ca}.key", "-CAcreateserial",
                "-out", f"{name}.crt", "-days", "1", "-extfile", "ext")
    for key in folder.glob("*.key"):
        key.chmod(0o600)
    return folder


@pytest.fixture(scope="session")
def token():
    """A token, and what the configuration holds of it."""
    made = subprocess.run([BINARY, "token", "new", "badge"], check=True, capture_output=True, text=True)
    return made.stdout.split()[:2]


@pytest.fixture
def secure(start, pki, token):
    return start(
        more=f"""
[grpc.tls]
certificate = "{pki}/server.crt"
key = "{pki}/server.key"
client_ca = "{pki}/ca.crt"

[callers.door]
certificate = ["spiffe://example.org/door/*"]
policies = ["front-door"]
asserts = ["identity"]

[callers.badge]
token_sha256 = ["{token[1]}"]
policies = ["front-door"]
asserts = ["identity"]
"""
    )


def test_a_door_with_a_certificate_or_a_token_is_let_in_and_no_one_else(connect, secure, pki, token):
    ca = pki / "ca.crt"
    door = {"certificate": pki / "door.crt", "key": str(pki / "door.key")}
    stranger = {"certificate": pki / "stranger.crt", "key": pki / "stranger.key"}
    for settings in (door, {"token": token[0]}, {"token": lambda: token[0]}):
        client = connect(secure.secure_address, ca=ca, **settings)
        assert client.check_access(*PERSON, **ADA).allowed, settings
        assert client.check_access("ada-fresh", "server-room", **ADA).error.code is grpc.StatusCode.PERMISSION_DENIED
        stream = client.stream_check_access()
        assert stream.submit(CheckAccessRequest(*PERSON, "id-ada")).result().allowed
        stream.close()
    for settings, code in [
        ({}, "UNAUTHENTICATED"),
        ({"token": "vg_aaaaaaaa_" + "A" * 43}, "UNAUTHENTICATED"),
        (stranger, "UNAVAILABLE"),
        ({"ca": pki / "other-ca.crt", "token": token[0]}, "UNAVAILABLE"),
        ({"ca": None, "token": token[0]}, "UNAVAILABLE"),
    ]:
        answer = connect(secure.secure_address, **{"ca": ca} | settings).check_access(*PERSON, **ADA)
        assert not answer.allowed and answer.error.code.name == code, (settings, answer.error)
    plain = connect(secure.secure_address.replace("https", "http"), token=token[0])
    assert not plain.check_access(*PERSON, **ADA).allowed


def test_a_certificate_for_another_name_is_refused(connect, secure, pki, token):
    address = secure.secure_address.replace("localhost", "127.0.0.1")
    assert not connect(address, ca=pki / "ca.crt", token=token[0]).check_access(*PERSON, **ADA, deadline=5).allowed


def test_a_unix_socket(connect, start, tmp_path):
    client = connect(start(listen=f"unix:{tmp_path}/grpc.sock").address)
    assert client.check_access(*PERSON, **ADA).allowed


def test_a_token_that_cannot_be_obtained_is_a_denial(connect, fake):
    def broken():
        raise OSError("no such file: secret")

    for token in (broken, lambda: "", lambda: "two lines\n", lambda: None, lambda: "ü"):
        client = connect(fake.address, token=token)
        answer = client.check_access(*PERSON)
        assert not answer.allowed and answer.error.code is grpc.StatusCode.UNAUTHENTICATED
        stream = client.stream_check_access()
        answer = stream.submit(CheckAccessRequest(*PERSON)).result()
        assert not answer.allowed and answer.error.code is grpc.StatusCode.UNAUTHENTICATED
        stream.close()
        with pytest.raises(VerigateError):
            connect(fake.address, token=token, on_error="raise").check_access(*PERSON)
    assert fake.calls == 0


def test_a_token_is_read_for_each_call(connect, fake):
    tokens = iter(["vg_old", "vg_new"])
    client = connect(fake.address, token=lambda: next(tokens))
    fake.check = lambda request, context, before: allow(request)
    client.check_access(*PERSON)
    client.check_access(*PERSON)
    assert [metadata["authorization"] for metadata in fake.metadata] == ["Bearer vg_old", "Bearer vg_new"]


def test_no_proxy_of_the_environment_is_used(connect, fake, monkeypatch):
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    assert connect(fake.address).check_access(*PERSON).allowed
