"""nginx.py - Debian's nginx as a process of a test: a receiver that others wrote."""
import pathlib
import socket
import subprocess

from support import wait

CONFIGURATION = """
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    client_max_body_size 4m;
    {http}
}}
"""


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Nginx:
    """Runs in `folder` with `http` in the block of that name, until the end of `with`. `port` is one it listens on."""

    def __init__(self, folder, http, port):
        self.folder, self.port = pathlib.Path(folder), port
        path = self.folder / "nginx.conf"
        path.write_text(CONFIGURATION.format(folder=folder, http=http))
        self.process = subprocess.Popen(["nginx", "-e", f"{folder}/error.log", "-p", str(folder), "-c", str(path)],
                                        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})

    def __enter__(self):
        try:
            wait.until(self.listens, "nginx")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def listens(self):
        if self.process.poll() is not None:
            raise AssertionError("nginx ended: " + (self.folder / "error.log").read_text())
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def lines(self, name):
        """What it logged in a file, as words."""
        log = self.folder / name
        return [line.split() for line in log.read_text().splitlines()] if log.exists() else []
