"""nginx.py - Debian's nginx as a process of a test: a receiver that others wrote."""
import pathlib

from support.program import Program

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


class Nginx(Program):
    """Runs in `folder` with `http` in the block of that name, until the end of `with`. `port` is one it listens on."""

    def __init__(self, folder, http, port):
        path = pathlib.Path(folder) / "nginx.conf"
        path.write_text(CONFIGURATION.format(folder=folder, http=http))
        super().__init__(folder, ["nginx", "-e", f"{folder}/error.log", "-p", str(folder), "-c", str(path)], port,
                         "error.log")

    def lines(self, name):
        """What it logged in a file, as words."""
        log = self.folder / name
        return [line.split() for line in log.read_text().splitlines()] if log.exists() else []
