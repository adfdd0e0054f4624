"""program.py - a server that others wrote, as a process of a test."""
import pathlib
import socket
import subprocess

from support import wait


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Program:
    """Runs `command` in `folder` until the end of `with`; it is there when it listens on `port`. What it says goes to
    the file `log` in the folder."""

    def __init__(self, folder, command, port, log):
        self.folder, self.port, self.log_name, self.name = pathlib.Path(folder), port, log, command[0]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL,
                                        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})

    def __enter__(self):
        try:
            wait.until(self.listens, self.name)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def listens(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended: {self.log()}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def log(self):
        path = self.folder / self.log_name
        return path.read_text(errors="replace") if path.exists() else ""
