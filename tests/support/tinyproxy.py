"""tinyproxy.py - Debian's tinyproxy as a process of a test: a proxy that others wrote."""
import pathlib
import re
import socket
import subprocess

from support import wait
from support.nginx import free_ports

CONFIGURATION = """
Port {port}
Listen 127.0.0.1
Timeout 30
MaxClients 50
LogFile "{folder}/tinyproxy.log"
LogLevel Info
{more}
"""
ASKED = re.compile(r"Request \(file descriptor \d+\): (\S+ \S+) HTTP")


class Tinyproxy:
    """Runs in `folder` until the end of `with`. `more`: lines of its configuration, like "BasicAuth user password"."""

    def __init__(self, folder, more="", port=None):
        self.folder = pathlib.Path(folder)
        self.port = port or free_ports(1)[0]
        self.url = f"http://127.0.0.1:{self.port}"
        path = self.folder / "tinyproxy.conf"
        path.write_text(CONFIGURATION.format(port=self.port, folder=folder, more=more))
        self.process = subprocess.Popen(["tinyproxy", "-d", "-c", str(path)], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})

    def __enter__(self):
        try:
            wait.until(self.listens, "tinyproxy")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def listens(self):
        if self.process.poll() is not None:
            raise AssertionError(f"tinyproxy ended: {self.log()}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def log(self):
        path = self.folder / "tinyproxy.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def asked(self):
        """What it was asked for: ["CONNECT 127.0.0.1:443", "POST http://a.test/"]."""
        return ASKED.findall(self.log())
