"""receiver.py - an HTTP receiver that keeps what it gets and misbehaves as told, one thread a connection.

    with Receiver() as receiver:
        receiver.script("/a", [status(500), hang(), status(200)])   # the last one repeats
        receiver.await_count("/a", 3)

A fault is a function (connection, request) that writes what it likes and returns whether the
connection goes on.
"""
import socket
import struct
import threading
import time

from support import wait


class Request:
    """One request as it came. `headers` is a list of pairs as written; find() takes any case."""

    def __init__(self, method, path, headers, body, connection):
        self.at = time.monotonic()
        self.wall = time.time()
        self.method, self.path, self.headers, self.body = method, path, headers, body
        self.connection = connection

    def find(self, name):
        values = [value for each, value in self.headers if each.lower() == name.lower()]
        assert len(values) <= 1, self.headers
        return values[0] if values else None

    @property
    def event(self):
        return self.find("webhook-id")

    def __repr__(self):
        return f"<{self.method} {self.path} {self.event} {self.body[:200]!r}>"


# ---- faults ----

def respond(code, headers=(), body=b"", reason="X"):
    """A whole response."""
    def send(stream, _request):
        lines = [f"HTTP/1.1 {code} {reason}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers]
        stream.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
        return True
    return send


def status(code, **headers):
    """A bare status: status(429, Retry_After="2")."""
    return respond(code, [(name.replace("_", "-"), value) for name, value in headers.items()])


def raw(data, go_on=False):
    """Any bytes, then the end of the connection."""
    def send(stream, _request):
        stream.sendall(data)
        return go_on
    return send


def hang(release=None):
    """No response until `release` (an Event) is set or the peer leaves."""
    def wait_for_end(stream, _request):
        stream.settimeout(0.05)
        while not (release and release.is_set()):
            try:
                if stream.recv(1) == b"":
                    return False
            except (socket.timeout, TimeoutError):
                continue
            except OSError:
                return False
        stream.settimeout(None)
        stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        return True
    return wait_for_end


def close():
    """The end, with no byte sent."""
    return lambda _stream, _request: False


def reset():
    """A TCP reset."""
    def send(stream, _request):
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False
    return send


class Receiver:
    """Listens on loopback. `context`: an ssl context makes it https."""

    def __init__(self, context=None, host="127.0.0.1", default=None):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.socket(family)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((host, 0))
        self.listener.listen(512)
        self.host, self.port = host, self.listener.getsockname()[1]
        self.context, self.default = context, default or status(200)
        self.lock = threading.Condition()
        self.requests, self.scripts, self.streams = [], {}, set()
        self.accepted = 0
        self.closing = False
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def url(self, path="/hook", host=None):
        name = host or (f"[{self.host}]" if ":" in self.host else self.host)
        return f"{'https' if self.context else 'http'}://{name}:{self.port}{path}"

    def script(self, path, answers):
        """What requests to `path` get, one after the other; the last one repeats."""
        with self.lock:
            self.scripts[path] = list(answers)

    def close(self):
        with self.lock:
            self.closing = True
            streams = list(self.streams)
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for stream in streams:
            try:
                stream.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    # ---- what came ----

    def of(self, path=None):
        with self.lock:
            return [request for request in self.requests if path is None or request.path == path]

    def await_count(self, path, count, patience=wait.PATIENCE):
        """The requests to `path` (None: to all), when there are `count` or more."""
        give_up = time.monotonic() + patience
        with self.lock:
            while True:
                got = [request for request in self.requests if path is None or request.path == path]
                if len(got) >= count:
                    return got
                left = give_up - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"{len(got)} requests to {path} in {patience}s, not {count}: {got[:20]}")
                self.lock.wait(left)

    def await_event(self, event):
        """The first request that carried `event`."""
        return wait.until(lambda: next((each for each in self.of() if each.event == event), None), event)

    # ---- the threads ----

    def accept(self):
        while True:
            try:
                stream, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                if self.closing:
                    stream.close()
                    return
                self.accepted += 1
                number = self.accepted
                self.streams.add(stream)
            threading.Thread(target=self.serve, args=(stream, number), daemon=True).start()

    def serve(self, bare, number):
        stream = bare
        try:
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.context:
                stream = self.context.wrap_socket(bare, server_side=True)
            with stream.makefile("rb") as reader:
                while (request := read_request(reader, number)):
                    if not self.next_answer(request)(stream, request):
                        break
        except (OSError, ValueError):
            pass  # the peer left, or a certificate was refused: the test sees it on the other side
        finally:
            with self.lock:
                self.streams.discard(bare)
            stream.close()

    def next_answer(self, request):
        with self.lock:
            self.requests.append(request)
            self.lock.notify_all()
            script = self.scripts.get(request.path)
            if not script:
                return self.default
            return script.pop(0) if len(script) > 1 else script[0]


def read_request(reader, number):
    """One request with Content-Length or chunks, or None at the end."""
    line = reader.readline()
    if not line:
        return None
    method, path, _version = line.decode("latin-1").split(" ", 2)
    headers = []
    while (line := reader.readline().rstrip(b"\r\n")):
        name, _, value = line.decode("latin-1").partition(":")
        headers.append((name, value.strip()))
    fields = {name.lower(): value for name, value in headers}
    body = b""
    if "content-length" in fields:
        body = reader.read(int(fields["content-length"]))
        if len(body) < int(fields["content-length"]):
            return None
    elif fields.get("transfer-encoding", "").lower() == "chunked":
        while (size := int(reader.readline().split(b";")[0], 16)):
            body += reader.read(size)
            reader.readline()
        reader.readline()
    return Request(method, path, headers, body, number)
