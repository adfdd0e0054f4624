"""client.py - HTTP as the tests speak it: whole requests by Client, single bytes by RawConnection."""
import http.client
import json
import socket
import ssl

from support import openapi


class Answer:
    """Status, headers (names in lower case) and body of one response."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = {name.lower(): value for name, value in headers}
        self.body = body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:2000]!r}>"


class Client:
    """Requests to one address, each on a connection of its own unless `keep` is set."""

    def __init__(self, address, key=None, context=None, keep=False, described=False):
        """`described`: at this address is an API whose answers have to be as its /openapi.json says."""
        self.host, port = address.rsplit(":", 1)
        self.port = int(port)
        self.key, self.context, self.keep = key, context, keep
        self.connection = None
        self.described, self.description = described, None

    def request(self, method, path, body=None, headers=None, key=True):
        """`body`: bytes go as they are, anything else as JSON. `key`: False sends none, a string another."""
        answer = self.send(method, path, body, headers, key)
        if self.described:
            self.description = self.description or openapi.parsed(self.send("GET", "/openapi.json").body)
            self.description.check(method, path, answer)
        return answer

    def send(self, method, path, body=None, headers=None, key=True):
        fields = {}
        if key and (key is not True or self.key):
            fields["Authorization"] = f"Bearer {self.key if key is True else key}"
        if body is not None and not isinstance(body, (bytes, bytearray)):
            body = json.dumps(body).encode()
            fields["Content-Type"] = "application/json"
        fields.update(headers or {})
        connection = self.connection or self.connect()
        try:
            connection.request(method, path, body, fields)
            response = connection.getresponse()
            answer = Answer(response.status, response.getheaders(), response.read())
        except BaseException:
            self.close()
            connection.close()
            raise
        if self.keep and not response.will_close:
            self.connection = connection
        else:
            self.connection = None
            connection.close()
        return answer

    def connect(self):
        if self.context:
            return http.client.HTTPSConnection(self.host, self.port, timeout=60, context=self.context)
        return http.client.HTTPConnection(self.host, self.port, timeout=60)

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, body=None, **more):
        return self.request("POST", path, body, **more)


class RawConnection:
    """A TCP connection for what no decent client would send."""

    def __init__(self, address, context=None, server_name="localhost"):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context:
            self.socket = context.wrap_socket(self.socket, server_hostname=server_name)
        self.stream = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.stream.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def end_sending(self):
        self.socket.shutdown(socket.SHUT_WR)

    def receive(self, method="POST"):
        """The next response, or None if the peer closed or reset instead. Interim ones are skipped."""
        try:
            while True:
                answer = self.receive_any(method)
                if answer is None or answer.status >= 200:
                    return answer
        except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):
            return None

    def receive_any(self, method="POST"):
        line = self.stream.readline()
        if not line:
            return None
        status = int(line.split()[1])
        headers = []
        while (line := self.stream.readline().strip()):
            name, _, value = line.decode("latin-1").partition(":")
            headers.append((name, value.strip()))
        size = int(dict((name.lower(), value) for name, value in headers).get("content-length", 0))
        bare = method == "HEAD" or status < 200 or status in (204, 304)
        return Answer(status, headers, b"" if bare else self.stream.read(size))
