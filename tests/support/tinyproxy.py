"""tinyproxy.py - Debian's tinyproxy as a process of a test: a proxy that others wrote."""
import pathlib
import re

from support.program import Program, free_ports

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


class Tinyproxy(Program):
    """Runs in `folder` until the end of `with`. `more`: lines of its configuration, like "BasicAuth user password"."""

    def __init__(self, folder, more="", port=None):
        port = port or free_ports(1)[0]
        self.url = f"http://127.0.0.1:{port}"
        path = pathlib.Path(folder) / "tinyproxy.conf"
        path.write_text(CONFIGURATION.format(port=port, folder=folder, more=more))
        super().__init__(folder, ["tinyproxy", "-d", "-c", str(path)], port, "tinyproxy.log")

    def asked(self):
        """What it was asked for: ["CONNECT 127.0.0.1:443", "POST http://a.test/"]."""
        return ASKED.findall(self.log())
