#!/usr/bin/env python3
"""Programs that others wrote: curl as the producer, nginx as the receiver."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case, nginx, program, wait
from support.certificates import Authority
from support.engine import EVENTS, Engine

NGINX = """
    log_format seen escape=none '$http_webhook_id $request_method $request_length $connection $http_x_webhook_attempt';
    keepalive_requests 100;
    server {{
        listen 127.0.0.1:{port};
        listen 127.0.0.1:{tls_port} ssl;
        ssl_certificate {certificate}; ssl_certificate_key {key};
        location /hook {{ access_log {folder}/hook.log seen; return 200 "thank you\\n"; }}
        location /gone {{ return 444; }}
        location /limited {{ return 503; }}
        location /moved {{ return 301 /hook; }}
    }}
"""


class Nginx(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="grapnel-test-"))
        authority = Authority(cls.folder)
        certificate, key = authority.issue("nginx", "DNS:localhost,IP:127.0.0.1")
        cls.port, cls.tls_port = program.free_ports(2)
        http = NGINX.format(folder=cls.folder, port=cls.port, tls_port=cls.tls_port, certificate=certificate, key=key)
        cls.nginx = cls.enterClassContext(nginx.Nginx(cls.folder, http, cls.port))
        cls.engine = cls.enterClassContext(Engine("--ca-file", authority.path))

    def deliver(self, url, count=200):
        """Publishes events, awaits their delivery and returns what nginx logged of them: id -> words."""
        made = self.engine.subscribe(url, events=["nginx"])
        body = [{"type": "nginx", "payload": {"n": number, "fill": "x" * number * 20}} for number in range(count)]
        events = {each["id"] for each in self.engine.ingest.post(EVENTS, body).json()["events"]}

        def seen():
            words = {each[0]: each for each in self.nginx.lines("hook.log") if each[0] in events}
            return words if len(words) == len(events) else None

        got = wait.until(seen, f"{count} lines of nginx")
        self.engine.admin.request("DELETE", f"/api/v1/webhooks/subscriptions/{made['id']}")
        return got

    def test_delivers_over_http(self):
        got = self.deliver(f"http://127.0.0.1:{self.port}/hook")
        self.assertEqual({each[1] for each in got.values()}, {"POST"})
        self.assertLess(len({each[3] for each in got.values()}), len(got), "no connection was used twice")

    def test_delivers_over_https(self):
        got = self.deliver(f"https://localhost:{self.tls_port}/hook")
        self.assertLess(len({each[3] for each in got.values()}), len(got), "no connection was used twice")

    def test_connections_that_nginx_closes_after_a_hundred_requests(self):
        made = self.engine.subscribe(f"http://127.0.0.1:{self.port}/hook", events=["hundred"], retry={"schedule": []},
                                     concurrency={"max": 1})
        body = [{"type": "hundred", "payload": number} for number in range(350)]
        events = [each["id"] for each in self.engine.ingest.post(EVENTS, body).json()["events"]]
        for event in events:
            self.engine.await_status(event, "delivered", made["id"])

    def test_failures_are_what_nginx_meant(self):
        for path, outcome, code in (("/limited", "http_error", 503), ("/moved", "http_error", 301),
                                    ("/nowhere", "http_error", 404)):
            with self.subTest(path):
                kind = "nginx" + path.replace("/", ".")
                made = self.engine.subscribe(f"http://127.0.0.1:{self.port}{path}", events=[kind],
                                             retry={"schedule": []})
                event = self.engine.publish(kind, 1)["id"]
                attempt = self.engine.await_attempts(event, 1, made["id"])[0]
                self.assertEqual((attempt["outcome"], attempt["http_status"]), (outcome, code))


class Curl(case.EngineCase):
    def curl(self, *arguments, body=None):
        """The status and the JSON that curl got."""
        done = subprocess.run(["curl", "-sS", "--max-time", "60", "-w", "\n%{http_code} %{num_connects}", "-H",
                               f"Authorization: Bearer {self.engine.key}", *arguments],
                              input=body, capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done)
        text, _, last = done.stdout.decode().rpartition("\n")
        return int(last.split()[0]), text

    def url(self):
        return f"http://{self.engine.ingest_address}{EVENTS}"

    def test_posts(self):
        self.subscribe()
        code, text = self.curl("-H", "Content-Type: application/json", "-d",
                               '{"type":"%s","payload":{"by":"curl"}}' % self.kind, self.url())
        self.assertEqual(code, 202, text)
        self.assertEqual(self.receiver.await_event(json.loads(text)["id"]).body, b'{"by":"curl"}')

    def test_uploads_in_chunks(self):
        self.subscribe()
        payload = b'"' + b"c" * 700_000 + b'"'
        code, text = self.curl("-H", "Content-Type: application/json", "-H", "Transfer-Encoding: chunked",
                               "--data-binary", "@-", self.url(),
                               body=b'{"type":"%s","payload":%s}' % (self.kind.encode(), payload))
        self.assertEqual(code, 202, text)
        self.assertEqual(self.receiver.await_event(json.loads(text)["id"]).body, payload)

    def test_waits_for_100_continue(self):
        self.subscribe()
        code, text = self.curl("-H", "Content-Type: application/json", "-H", "Expect: 100-continue",
                               "--expect100-timeout", "50", "-d", '{"type":"%s","payload":1}' % self.kind, self.url())
        self.assertEqual(code, 202, text)

    def test_many_requests_over_one_connection(self):
        one = ["-H", "Content-Type: application/json", "-H", f"Authorization: Bearer {self.engine.key}", "-d",
               '{"type":"%s","payload":1}' % self.kind, self.url()]
        arguments = ["curl", "-sS", "--max-time", "60"]
        for number in range(20):
            arguments += ["--next"] if number else []
            arguments += ["-o", "/dev/null", "-w", "%{http_code} %{num_connects}\n", *one]
        done = subprocess.run(arguments, capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout.split("\n")[:20], ["202 1"] + ["202 0"] * 19)

    def test_http_1_0(self):
        code, text = self.curl("--http1.0", "-H", "Content-Type: application/json", "-d",
                               '{"type":"%s","payload":1}' % self.kind, self.url())
        self.assertEqual(code, 202, text)

    def test_asking_for_http_2_gets_http_1_1(self):
        code, text = self.curl("--http2", "-H", "Content-Type: application/json", "-d",
                               '{"type":"%s","payload":1}' % self.kind, self.url())
        self.assertEqual(code, 202, text)

    def test_ndjson_from_a_file(self):
        lines = b"".join(b'{"type":"%s","payload":%d}\n' % (self.kind.encode(), number) for number in range(1000))
        code, text = self.curl("-H", "Content-Type: application/x-ndjson", "--data-binary", "@-", self.url(),
                               body=lines)
        self.assertEqual(code, 202, text)
        self.assertEqual(json.loads(text)["accepted"], 1000)


if __name__ == "__main__":
    case.main()
