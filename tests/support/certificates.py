"""certificates.py - an authority and certificates, made by the openssl command for one test run."""
import pathlib
import ssl
import subprocess


def openssl(*arguments, folder):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def pin(certificate, folder):
    """The pin of a certificate's key, as openssl(1) and the shell make it (RFC 7469, appendix A)."""
    done = subprocess.run(f"openssl x509 -in {certificate} -pubkey -noout | openssl pkey -pubin -outform der |"
                          "openssl dgst -sha256 -binary | openssl enc -base64", shell=True, cwd=folder, check=True,
                          capture_output=True, text=True)
    return "sha256/" + done.stdout.strip()


class Authority:
    """A root in a folder: ca.pem to be trusted, and what issue() makes."""

    def __init__(self, folder, name="ca", parent=None):
        """`parent`: the authority that signs its certificate, in place of itself."""
        self.folder = pathlib.Path(folder)
        self.name = name
        self.path = str(self.folder / f"{name}.pem")
        signed_by = ["-CA", f"{parent.name}.pem", "-CAkey", f"{parent.name}.key"] if parent else []
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", f"/CN=grapnel test {name}", "-keyout", f"{name}.key", "-out", f"{name}.pem",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign", *signed_by, folder=self.folder)

    def issue(self, name, alternatives, days=2, usage="serverAuth"):
        """(certificate, key): paths. `alternatives` as openssl writes them: "DNS:a.test,IP:127.0.0.1"."""
        (self.folder / f"{name}.ext").write_text(
            f"subjectAltName={alternatives}\nextendedKeyUsage={usage}\nbasicConstraints=CA:FALSE\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr", folder=self.folder)
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{self.name}.pem", "-CAkey", f"{self.name}.key",
                "-CAcreateserial", "-days", str(days), "-extfile", f"{name}.ext", "-out", f"{name}.pem",
                folder=self.folder)
        return str(self.folder / f"{name}.pem"), str(self.folder / f"{name}.key")

    def server_context(self, name, alternatives, highest=None):
        """An ssl context for a receiver, which speaks TLS up to `highest`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue(name, alternatives))
        if highest:
            context.minimum_version = min(ssl.TLSVersion.TLSv1_2, highest)
            context.maximum_version = highest
        return context

    def client_context(self):
        """An ssl context that trusts this authority alone."""
        return ssl.create_default_context(cafile=self.path)
