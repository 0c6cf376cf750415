"""Mutual TLS, the installation's option (manual §1)."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from adapters.base import Installation
from adapters.call import Call
from adapters.proconsona.adapter import ProConsonaAdapter
from sandbox.config import InstallationSettings, new_config
from sandbox.describe import describe
from tests.sandbox.http.http_bench import HETU
from tests.sandbox.proconsona.conftest import opened
from tests.sandbox.proconsona.proconsona_bench import BASE, CREDENTIALS, signed


class Authority:
    """A certificate authority of one test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("testi-CA")
        self._serial = 1
        self.file = self._write("ca", self._sign(self._name, self._key.public_key(), authority=True))

    def issue(self, name: str) -> tuple[Path, Path]:
        """Certificate and key of a party, as files."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._write(name, self._sign(_name(name), key.public_key(), authority=False))
        key_file = self._folder / f"{name}.key"
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return certificate, key_file

    def _sign(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, authority: bool) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        self._serial += 1
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(self._serial)
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def _write(self, name: str, certificate: x509.Certificate) -> Path:
        file = self._folder / f"{name}.pem"
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return file


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


async def test_mutual_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server, client = authority.issue("palvelin"), authority.issue("asiakas")
    files = {"tls_certificate": str(server[0]), "tls_key": str(server[1]), "tls_client_ca": str(authority.file)}
    async with opened(tmp_path, **files) as bench:
        address = f"https://localhost:{bench.face.port}{BASE}/palvelut"
        headers = signed("GET", f"{BASE}/palvelut")
        context = ssl.create_default_context(cafile=str(authority.file))
        async with httpx.AsyncClient(verify=context) as stranger:
            with pytest.raises(httpx.HTTPError):
                await stranger.get(address, headers=headers)
        context.load_cert_chain(*client)
        async with httpx.AsyncClient(verify=context) as known:
            assert (await known.get(address, headers=headers)).status_code == 200
            assert (await known.get(address)).status_code == 401
        with pytest.raises(httpx.HTTPError):
            await bench.ask("GET", "/palvelut")  # plain HTTP to a TLS port


async def test_the_delivery_note_of_an_installation_with_mutual_tls_is_enough_to_speak_to_it(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server, client = authority.issue("palvelin"), authority.issue("asiakas")
    files = {"tls_certificate": str(server[0]), "tls_key": str(server[1]), "tls_client_ca": str(authority.file)}
    given = {"tls_ca": str(authority.file), "tls_client_certificate": str(client[0]), "tls_client_key": str(client[1])}
    async with opened(tmp_path, **files) as bench:
        settings = InstallationSettings(port=bench.face.port, credentials=CREDENTIALS | files | given)
        installations = {"proconsona-loviisa": settings}
        config = new_config(0).model_copy(update={"host": "localhost", "installations": installations})
        (told,) = describe(config, tmp_path)["installations"]
        assert not files.keys() & told["credentials"].keys()
        place = (tuple(told["municipalities"]), tuple(told["sectors"]))
        adapter = ProConsonaAdapter(
            Installation(told["name"], told["system"], told["release"], *place, told["options"])
        )
        found = await adapter.find_person(Call("r-1", 30.0), HETU["aino"])
        await adapter.close()
        assert found is not None
        assert found.number == bench.number("aino")
