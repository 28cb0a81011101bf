"""Keys and certificates of one control plane, made with the openssl command."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from controlplane.processes import ControlPlaneError

_CONFIG = """\
[req]
distinguished_name = name
[name]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[serving]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = IP:127.0.0.1, DNS:localhost, DNS:kubernetes.default.svc
[client]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


@dataclass(frozen=True)
class Certs:
    """The files that `make` writes; every `.crt` but the CA's is signed by the CA."""

    folder: Path

    @property
    def ca(self) -> Path:
        return self.folder / "ca.crt"

    @property
    def serving(self) -> Path:
        return self.folder / "apiserver.crt"

    @property
    def kubelet_client(self) -> Path:
        """What the API server shows to kubelets; its group is system:masters."""
        return self.folder / "kubelet-client.crt"

    @property
    def service_account_key(self) -> Path:
        """What service account tokens are signed with."""
        return self.folder / "service-account.key"

    def make(self) -> None:
        """Writes all of them; raises ControlPlaneError where openssl is missing or fails."""
        self.folder.mkdir(mode=0o700)
        (self.folder / "openssl.cnf").write_text(_CONFIG, encoding="ascii")
        _new_key(self.ca.with_suffix(".key"))
        self._request(self.ca, "/CN=aimctrl-controlplane", "-x509", "-extensions", "ca", "-days", "3650")
        self._signed(self.serving, "/CN=kube-apiserver", "serving")
        self._signed(self.kubelet_client, "/O=system:masters/CN=kube-apiserver-kubelet-client", "client")
        _new_key(self.service_account_key)

    def _signed(self, certificate: Path, subject: str, section: str) -> None:
        _new_key(certificate.with_suffix(".key"))
        request = certificate.with_suffix(".csr")
        self._request(request, subject)
        authority = ["-CA", str(self.ca), "-CAkey", str(self.ca.with_suffix(".key")), "-CAcreateserial"]
        extensions = ["-extfile", str(self.folder / "openssl.cnf"), "-extensions", section]
        _openssl(
            "x509", "-req", "-in", str(request), *authority, *extensions, "-days", "3650", "-out", str(certificate)
        )

    def _request(self, out: Path, subject: str, *options: str) -> None:
        key, config = out.with_suffix(".key"), self.folder / "openssl.cnf"
        _openssl("req", "-new", "-config", str(config), "-key", str(key), "-subj", subject, *options, "-out", str(out))


def _new_key(path: Path) -> None:
    _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(path))


def _openssl(*arguments: str) -> None:
    try:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise ControlPlaneError("the openssl command is needed to make the control plane's certificates") from None
    except subprocess.CalledProcessError as error:
        raise ControlPlaneError(f"openssl {arguments[0]} failed: {error.stderr}") from error
