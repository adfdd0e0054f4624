"""name_server.py - a DNS server over UDP with names in a dict; NXDOMAIN for the others."""
import socket
import struct
import threading

TYPE_A, TYPE_AAAA = 1, 28
NXDOMAIN = 3


class NameServer:
    """`names`: name -> list of IPv4 addresses, or "drop" for no answer at all."""

    def __init__(self, names, ttl=0):
        self.names, self.ttl = dict(names), ttl
        self.asked = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()

    def serve(self):
        while True:
            try:
                query, peer = self.socket.recvfrom(4096)
                if not query:
                    return
                answer = self.answer(query)
                if answer:
                    self.socket.sendto(answer, peer)
            except OSError:
                return

    def answer(self, query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode("ascii"))
            at += 1 + query[at]
        question = query[12:at + 5]
        kind = struct.unpack("!H", query[at + 1:at + 3])[0]
        name = ".".join(labels).lower()
        self.asked.append((name, kind))
        found = self.names.get(name)
        if found == "drop":
            return None
        records = b""
        addresses = found if found and kind == TYPE_A else []
        for address in addresses:
            records += b"\xc0\x0c" + struct.pack("!HHIH", TYPE_A, 1, self.ttl, 4) + socket.inet_aton(address)
        flags = 0x8180 | (0 if found is not None else NXDOMAIN)
        return query[:2] + struct.pack("!HHHHH", flags, 1, len(addresses), 0, 0) + question + records
