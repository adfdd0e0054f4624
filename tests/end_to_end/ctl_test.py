#!/usr/bin/env python3
"""grapnelctl against an engine: every noun and verb, what it prints, and what it ends with."""
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case, wait
from support.certificates import Authority
from support.engine import Engine, environment
from support.program import free_ports
from support.receiver import status

DONE, REFUSED, USAGE, UNREACHABLE = range(4)
PATIENCE = wait.PATIENCE


def program():
    return os.environ.get("GRAPNELCTL_BIN") or str(pathlib.Path(os.environ["GRAPNEL_BIN"]).parent / "grapnelctl")


def run(*arguments, env=None, text="", expect=DONE):
    """What it printed. `env`: GRAPNEL_URL and the like; nothing of this process's own."""
    done = subprocess.run([program(), *arguments], input=text, capture_output=True, text=True, timeout=PATIENCE,
                          env=environment({"TZ": "UTC", **(env or {})}))
    if done.returncode != expect:
        raise AssertionError(f"{arguments}: ended with {done.returncode}, not {expect}:\n{done.stdout}\n{done.stderr}")
    return done


class CtlCase(case.EngineCase):
    def setUp(self):
        super().setUp()
        self.env = {"GRAPNEL_URL": f"http://{self.engine.admin_address}", "GRAPNEL_KEY": self.engine.key}

    def ctl(self, *arguments, **more):
        return run(*arguments, env=self.env, **more).stdout

    def read(self, *arguments, **more):
        return json.loads(self.ctl(*arguments, "-o", "json", **more))

    def refuse(self, *arguments, expect=REFUSED, **more):
        """What it said on standard error."""
        done = run(*arguments, env=self.env, expect=expect, **more)
        self.assertTrue(done.stderr.startswith("grapnelctl: "), done.stderr)
        return done.stderr

    def create(self, *arguments):
        made = self.read("subscription", "create", *arguments)
        self.addCleanup(lambda: self.engine.admin.request("DELETE", f"/api/v1/webhooks/subscriptions/{made['id']}"))
        return made


class Resources(CtlCase):
    def test_a_tenant_from_first_to_last(self):
        made = self.read("tenant", "create", "acme", "--rate", "100", "--burst", "500", "--metadata", "plan=gold")
        self.assertEqual(made["ingest"], {"per_second": 100, "burst": 500})
        self.assertEqual(made["metadata"], {"plan": "gold"})
        self.assertEqual(self.read("tenant", "get", made["id"])["name"], "acme")
        self.assertEqual(self.read("tenant", "get", "acme")["id"], made["id"])
        changed = self.read("tenant", "update", "acme", "--description", "d", "--set", "ingest=null")
        self.assertEqual((changed["description"], changed["ingest"]), ("d", None))
        self.assertIn("acme", self.ctl("tenant", "list"))
        self.assertEqual(self.ctl("tenant", "delete", "acme"), "")
        self.assertIn("404", self.refuse("tenant", "get", "acme"))

    def test_a_key_from_first_to_last(self):
        made = self.read("key", "create", "shop", "--scopes", "ingest,read")
        self.assertTrue(made["key"].startswith("gk_"))
        self.assertNotIn("key", self.read("key", "get", made["id"]))
        self.assertIn("ingest, read", self.ctl("key", "list"))
        as_shop = {**self.env, "GRAPNEL_KEY": made["key"]}
        self.assertIn("403", run("tenant", "create", "x", env=as_shop, expect=REFUSED).stderr)
        self.assertEqual(self.ctl("key", "delete", made["id"]), "")
        self.assertIn("401", run("event", "list", env=as_shop, expect=REFUSED).stderr)

    def test_a_subscription_from_first_to_last(self):
        made = self.create("--url", "https://a.example/hook", "--events", "a.*,b", "--events", "c", "--timeout", "5s",
                           "--metadata", "team=x.y", "--header", "X-A=b=c", "--scheme", "stripe", "--retry", '["5s"]',
                           "--set", "retry.jitter=0.25", "--set", "breaker.window=20s", "--concurrency", "3")
        name = made["id"]
        self.assertEqual(made["events"], ["a.*", "b", "c"])
        self.assertEqual(made["metadata"], {"team": "x.y"})
        self.assertEqual(made["headers"], {"X-A": "b=c"})
        self.assertEqual(made["retry"], {"schedule": ["5s"], "jitter": 0.25})
        self.assertEqual((made["signature"]["scheme"], made["concurrency"]["max"]), ("stripe", 3))
        self.assertEqual(self.read("subscription", "get", name)["timeout"], "5s")
        self.assertRegex(self.ctl("subscription", "list"), rf"{name} +active +https://a.example/hook +a\.\*, b, c")
        self.assertEqual(self.read("subscription", "pause", name)["status"], "paused")
        self.assertEqual(self.read("subscription", "resume", name)["status"], "active")
        self.assertEqual(self.read("subscription", "update", name, "--timeout", "7s")["events"], ["a.*", "b", "c"])
        self.assertEqual(self.read("subscription", "secret", name)["secret"], made["secret"])
        rotated = self.read("subscription", "rotate-secret", name, "--overlap", "1h", "--secret", "s3cret-text")
        self.assertEqual(rotated["secret"], "s3cret-text")
        self.assertEqual(self.read("subscription", "stats", name)["status"], "active")
        replaced = self.read("subscription", "replace", name, "--data", "-", "--timeout", "9s",
                             "--scheme", "stripe", text='{"url": "https://b.example/", "timeout": "1s"}')
        self.assertEqual((replaced["url"], replaced["timeout"], replaced["events"]),
                         ("https://b.example/", "9s", ["*"]))
        self.assertEqual(self.ctl("subscription", "delete", name), "")
        self.assertIn("404", self.refuse("subscription", "get", name))

    def test_event_types_of_an_openapi_document(self):
        document = {"openapi": "3.1.0", "webhooks": {"ctl.imported": {"post": {"summary": "by a file"}}}}
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "shop.json")
            path.write_text(json.dumps(document))
            self.assertEqual(self.read("event-type", "import", path, "--dry-run", "true")["created"], ["ctl.imported"])
            self.assertIn("404", self.refuse("event-type", "get", "ctl.imported"))
            self.assertRegex(self.ctl("event-type", "import", path, "--schema-version", "v2"), r"created +ctl.imported")
            self.assertEqual(self.read("event-type", "get", "ctl.imported")["versions"][0]["version"], "v2")
            yaml = pathlib.Path(folder, "shop.yaml")
            yaml.write_text("openapi: 3.1.0\n")
            self.assertIn("convert", self.refuse("event-type", "import", yaml))
        document["webhooks"]["ctl.imported"]["post"]["summary"] = 7
        self.assertIn("/webhooks/ctl.imported/post/summary", self.refuse("event-type", "import", "-", text=json.dumps(document)))
        self.refuse("event-type", "import", "/nowhere.json", expect=USAGE)
        self.ctl("event-type", "delete", "ctl.imported")

    def test_dead_letters_and_replays(self):
        self.receiver.script(self.path, [status(500), status(200)])
        made = self.create("--url", self.receiver.url(self.path), "--events", self.kind, "--retry", "[]")
        sent = self.read("event", "send", self.kind)["id"]
        self.engine.await_status(sent, "dead")
        self.assertEqual(self.read("dead-letter", "list", "--event", sent)["data"][0]["event_id"], sent)
        self.assertRegex(self.ctl("dead-letter", "list", "--since", "1h"), rf"{self.kind} +{made['id']} +1 +http_error +500")
        counted = self.read("replay", "create", "--subscription", made["id"], "--since", "1h", "--dry-run", "true")
        self.assertTrue(counted["dry_run"])
        self.read("dead-letter", "requeue", "--subscription", made["id"], "--since", "1h")
        self.engine.await_status(sent, "delivered")
        again = self.read("replay", "create", "--subscription", made["id"], "--since", "1h", "--status", "delivered",
                          "--types", self.kind)
        wait.until(lambda: self.read("replay", "get", again["id"])["status"] == "done", "the replay")
        self.assertRegex(self.ctl("replay", "list"), rf"{again['id']} +done +")
        self.receiver.await_count(self.path, 3)
        self.read("delivery", "redeliver-all", "--event", sent, "--status", "all")
        self.receiver.await_count(self.path, 4)
        self.assertEqual(self.ctl("replay", "cancel", again["id"]), "")
        self.assertIn("404", self.refuse("replay", "get", again["id"]))
        self.assertIn("404", self.refuse("dead-letter", "delete", "dlv_01h455vb4pex5vsknk084sn02q"))
        self.read("dead-letter", "delete-all", "--subscription", made["id"])

    def test_an_event_and_its_delivery(self):
        self.create("--url", self.receiver.url(self.path), "--events", self.kind)
        payload = '{"b": 1.0,  "a": [null, "é"]}'
        sent = self.read("event", "send", self.kind, "--payload", "-", "--id", "mine", "--correlation-id", "c1",
                         "--event-version", "2", text=payload + "\n")
        self.assertEqual((sent["deliveries"], sent["duplicate"]), (1, False))
        self.engine.await_status(sent["id"], "delivered")
        self.assertEqual(self.receiver.of(self.path)[0].body.decode(), payload)
        again = self.read("event", "send", self.kind, "--payload", "-", "--id", "mine", text=payload)
        self.assertEqual((again["id"], again["duplicate"]), (sent["id"], True))
        event = self.read("event", "get", sent["id"])
        self.assertEqual((event["correlation_id"], event["version"]), ("c1", "2"))
        self.assertEqual(len(self.read("event", "list", "--type", self.kind, "--since", "1h")["data"]), 1)
        listed = self.read("delivery", "list", "--event", sent["id"], "--status", "delivered")["data"]
        self.assertEqual(len(listed), 1)
        delivery = listed[0]["id"]
        self.assertEqual(self.read("delivery", "get", delivery)["status"], "delivered")
        self.assertEqual(len(self.read("delivery", "attempts", delivery)["data"]), 1)
        self.assertEqual(self.read("delivery", "redeliver", delivery)["id"], delivery)
        self.receiver.await_count(self.path, 2)
        self.assertRegex(self.ctl("delivery", "attempts", delivery), r"1 +\d{4}-\d\d-\d\d .* delivered +200")

    def test_a_payload_is_empty_unless_it_is_given(self):
        sent = self.read("event", "send", self.kind)
        self.assertEqual(self.read("event", "get", sent["id"])["payload"], {})

    def test_a_batch(self):
        lines = "".join(json.dumps({"type": self.kind, "payload": number}) + "\n" for number in range(3))
        self.assertEqual(self.read("event", "send", "--batch", "-", text=lines)["accepted"], 3)

    def test_secrets_at_rest_under_other_keys(self):
        self.assertIn("keys_rewrapped", self.read("rekey"))

    def test_a_backup(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        with Engine("--backup-directory", folder) as engine:
            env = {"GRAPNEL_URL": f"http://{engine.admin_address}", "GRAPNEL_KEY": engine.key}
            self.assertRegex(run("backup", "mine", env=env).stdout, r"name +mine\n")
            self.assertTrue((pathlib.Path(folder) / "mine/backup.json").exists())
            self.assertIn("409", run("backup", "mine", env=env, expect=REFUSED).stderr)
            run("backup", env=env)

    def test_another_tenant(self):
        self.read("tenant", "create", "other")
        self.addCleanup(self.ctl, "tenant", "delete", "other")
        self.create("--url", "https://mine.example/")
        self.assertEqual(self.read("--tenant", "other", "subscription", "list")["data"], [])


class Lists(CtlCase):
    def test_pages_are_gone_through(self):
        for _ in range(6):
            body = "".join(json.dumps({"type": self.kind, "payload": {}}) + "\n" for _ in range(100))
            self.ctl("event", "send", "--batch", "-", text=body)
        everything = self.read("event", "list", "--type", self.kind, "--all")
        self.assertEqual(len({event["id"] for event in everything["data"]}), 600)
        self.assertIsNone(everything["next_cursor"])
        some = self.read("event", "list", "--type", self.kind, "--limit", "260")
        self.assertEqual([event["id"] for event in some["data"]],
                         [event["id"] for event in everything["data"][:260]])
        rest = self.read("event", "list", "--type", self.kind, "--all", "--cursor", some["next_cursor"])
        self.assertEqual(rest["data"], everything["data"][260:])
        table = self.ctl("event", "list", "--type", self.kind, "--all").splitlines()
        self.assertEqual(len(table), 601)
        self.assertEqual(table[0].split(), ["ID", "TYPE", "BYTES", "DELIVERIES", "CREATED"])

    def test_says_that_there_are_more(self):
        for number in range(2):
            self.ctl("event", "send", self.kind, "--id", f"{self.kind}{number}")
        done = run("event", "list", "--type", self.kind, "--limit", "1", env=self.env)
        self.assertIn("--cursor evt_", done.stderr)
        self.assertEqual(len(done.stdout.splitlines()), 2)

    def test_an_empty_list(self):
        done = run("event", "list", "--type", "nobody.sends.this", env=self.env)
        self.assertEqual((done.stdout, done.stderr), ("", "none\n"))
        self.assertEqual(self.ctl("event", "list", "--type", "nobody.sends.this", "-o", "json"),
                         '{"data":[],"next_cursor":null}\n')

    def test_no_colour_where_no_terminal_is(self):
        self.assertNotIn("\033", self.ctl("tenant", "list"))

    def test_a_terminal_gets_colours_and_no_more_than_its_width(self):
        self.create("--url", "https://a.example/" + "long/" * 40)
        for no_color, has_colour in (("", True), ("1", False)):
            shown = self.on_terminal("subscription", "list", columns="80", no_color=no_color)
            self.assertEqual("\033[" in shown, has_colour, shown)
            for line in re.sub(r"\033\[\d+m", "", shown).splitlines():
                self.assertLessEqual(len(line), 80, line)

    def on_terminal(self, *arguments, columns, no_color):
        ours, theirs = os.openpty()
        env = environment({**self.env, "TERM": "xterm", "COLUMNS": columns, "NO_COLOR": no_color})
        with subprocess.Popen([program(), *arguments], stdout=theirs, env=env) as process:
            os.close(theirs)
            shown = b""
            try:
                while (more := os.read(ours, 65536)):
                    shown += more
            except OSError:
                pass  # the other end was closed
        os.close(ours)
        self.assertEqual(process.returncode, DONE)
        return shown.decode().replace("\r\n", "\n")


class Tail(CtlCase):
    def start(self, *arguments):
        process = subprocess.Popen([program(), "delivery", "tail", "-o", "json", "--interval", "50ms", *arguments],
                                   stdout=subprocess.PIPE, text=True, env=environment(self.env))
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_shows_what_comes_and_ends_with_an_interrupt(self):
        made = self.subscribe()
        process = self.start("--subscription", made["id"])

        def next_line():
            return json.loads(process.stdout.readline())

        # It follows from its start on, which nobody can see: so events come until it has seen one.
        seen = set()
        first = self.publish()
        reader = wait.until(lambda: self.publish() and self.has_output(process), "a line")
        self.assertTrue(reader)
        last = self.publish()
        while last not in seen:
            seen.add(next_line()["event_id"])
        self.assertTrue(first)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(PATIENCE), -signal.SIGINT)

    @staticmethod
    def has_output(process):
        return select.select([process.stdout], [], [], 0.05)[0]

    def test_ends_after_so_many(self):
        made = self.subscribe()
        process = self.start("--subscription", made["id"], "--limit", "2")
        wait.until(lambda: self.publish() and process.poll() is not None, "the end")
        self.assertEqual(process.returncode, DONE)
        self.assertEqual(len(process.stdout.readlines()), 2)


class Status(CtlCase):
    def test_of_an_engine_that_is_ready(self):
        status = self.read("status")
        self.assertTrue(status["ready"])
        self.assertRegex(status["version"], r"^\d+\.\d+\.\d+")
        for name in ("uptime_seconds", "subscriptions", "accepted_per_second", "refused_per_second", "shed_per_second",
                     "delivered_per_second", "dead_per_second", "ready_deliveries", "in_flight", "waiting_retries",
                     "endpoints", "breakers_open", "storage_low", "storage_live_bytes", "memory_bytes"):
            self.assertIn(name, status)  # each is a metric, whose name is another's to change
        self.assertRegex(self.ctl("status"), r"ready +true\n")


    def test_what_fails_most_is_shown_first(self):
        self.receiver.script("/bad", [status(500)])
        counts = {}
        for number in (1, 3):
            made = self.create("--url", self.receiver.url("/bad"), "--events", f"{self.kind}.{number}", "--retry", "[]")
            counts[made["id"]] = number
            for _ in range(number):
                self.engine.await_status(self.publish(type=f"{self.kind}.{number}"), "dead")
        worst = [each for each in self.read("status")["worst_endpoints"] if each["subscription_id"] in counts]
        self.assertEqual([each["failing"] for each in worst], [3, 1])
        self.assertEqual([each["failing"] for each in worst], [counts[each["subscription_id"]] for each in worst])
        self.assertEqual({each["outcome"] for each in worst}, {"http_error"})
        self.assertRegex(self.ctl("status"), rf"SUBSCRIPTION +FAILING +LATEST\n{worst[0]['subscription_id']} +3 +http_error")
        self.assertEqual(run("status", "-o", "json", env={"GRAPNEL_URL": self.env["GRAPNEL_URL"]}).stdout.count("sub_"), 0)


class Ends(CtlCase):
    def test_the_server_said_no(self):
        said = self.refuse("subscription", "create", "--url", "ftp://x/", "--set", "nope=1")
        self.assertRegex(said, r"grapnelctl: 422: the body has faults\n  /url +the URL .*\n  /nope +unknown field\n")

    def test_wrong_usage(self):
        self.assertIn("did you mean 'subscription'?", self.refuse("subscrpition", "list", expect=USAGE))
        self.assertIn("did you mean 'list'?", self.refuse("subscription", "lsit", expect=USAGE))
        self.assertIn("did you mean 'status'?", self.refuse("delivery", "list", "--statsu", "dead", expect=USAGE))
        self.assertIn("try: grapnelctl subscription get --help", self.refuse("subscription", "get", expect=USAGE))
        self.refuse("subscription", "create", "--set", "no-value", expect=USAGE)
        self.refuse("subscription", "create", "--filter", "{no json", expect=USAGE)
        self.refuse("subscription", "create", "--data", "/no/such/file", expect=USAGE)
        self.refuse("event", "send", "a", "--payload", "-", text="{no json", expect=USAGE)
        self.refuse("event", "list", "--limit", "0", expect=USAGE)
        self.refuse("tenant", "list", "--timeout", "soon", expect=USAGE)
        self.refuse("--url", "ftp://x/", "tenant", "list", expect=USAGE)
        self.refuse("--key", "a\r\nX-Evil: b", "tenant", "list", expect=USAGE)

    def test_unreachable(self):
        port = free_ports(1)[0]
        self.assertIn("cannot be reached", self.refuse("--url", f"http://127.0.0.1:{port}", "tenant", "list",
                                                       expect=UNREACHABLE))
        self.refuse("--url", "http://no-such-host.invalid", "tenant", "list", expect=UNREACHABLE)

    def test_what_answers_is_no_engine(self):
        self.refuse("--url", self.receiver.url(""), "tenant", "list", expect=UNREACHABLE)

    def test_the_output_cannot_be_written(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([program(), "tenant", "list"], stdout=full, stderr=subprocess.PIPE, text=True,
                                  env=environment(self.env), timeout=PATIENCE)
        self.assertEqual(done.returncode, REFUSED)
        self.assertIn("standard output", done.stderr)


class Keys(CtlCase):
    def test_the_key_may_come_from_a_file(self):
        file = str(self.engine.data / "admin.key")
        url = {"GRAPNEL_URL": self.env["GRAPNEL_URL"]}
        run("tenant", "list", "--key-file", file, env=url)
        run("tenant", "list", env={**url, "GRAPNEL_KEY_FILE": file})
        self.assertIn("401", run("tenant", "list", env=url, expect=REFUSED).stderr)

    def test_the_line_beats_the_environment(self):
        file = str(self.engine.data / "admin.key")
        wrong = {**self.env, "GRAPNEL_KEY": "gk_wrong"}
        self.assertIn("401", run("tenant", "list", env=wrong, expect=REFUSED).stderr)
        run("tenant", "list", "--key", self.engine.key, env=wrong)
        run("tenant", "list", "--key-file", file, env=wrong)

    def test_over_tls(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        authority = Authority(folder)
        certificate, key = authority.issue("engine", "IP:127.0.0.1")
        with Engine("--tls-cert", certificate, "--tls-key", key, start=False) as engine:
            engine.context = authority.client_context()
            engine.start()
            env = {"GRAPNEL_URL": f"https://{engine.admin_address}", "GRAPNEL_KEY": engine.key}
            self.assertIn("default", run("tenant", "list", "--ca-file", authority.path, env=env).stdout)
            self.assertIn("certificate", run("tenant", "list", env=env, expect=UNREACHABLE).stderr)


class Audit(CtlCase):
    def setUp(self):
        super().setUp()
        for _ in range(3):
            self.create("--url", "https://a.example/")

    def test_who_did_what(self):
        listed = self.read("audit", "list", "--action", "subscription.create", "--limit", "3")["data"]
        self.assertEqual({record["action"] for record in listed}, {"subscription.create"})
        self.assertRegex(self.ctl("audit", "list"), r"SEQ +AT +ACTION +RESOURCE +BY +NAME +FROM\n")
        self.assertRegex(self.ctl("audit", "list"), r"subscription.create +sub_\w+ +key_\w+ +built-in +127.0.0.1")

    def test_the_engines_chain_holds(self):
        said = self.ctl("audit", "verify")
        self.assertRegex(said, r"^\d+ records, 1 to \d+, and the chain holds")
        head = said.split()[-1]
        self.create("--url", "https://a.example/")
        self.ctl("audit", "verify", "--hash", head)
        self.assertIn("cut off or written anew", self.refuse("audit", "verify", "--hash", "0" * 63 + "1"))

    def test_an_export_is_checked_without_the_engine(self):
        lines = self.ctl("audit", "export").splitlines(keepends=True)
        self.assertGreaterEqual(len(lines), 3)
        nowhere = {"GRAPNEL_URL": "http://127.0.0.1:1"}
        checked = json.loads(run("audit", "verify", "-", "-o", "json", env=nowhere, text="".join(lines)).stdout)
        self.assertEqual((checked["records"], checked["hash"]), (len(lines), json.loads(lines[-1])["hash"]))
        changed = lines[1].replace("https://a.example/", "https://b.example/")
        self.assertNotEqual(changed, lines[1])
        for broken, words in (([lines[0], changed, *lines[2:]], "record 2 was changed"),
                              ([lines[0], *lines[2:]], "behind record 1, 1 missing"),
                              (["{}\n", *lines], "no record")):
            said = run("audit", "verify", "-", env=nowhere, text="".join(broken), expect=REFUSED).stderr
            self.assertIn(words, said)
        after = self.ctl("audit", "export", "--after", "2").splitlines(keepends=True)
        self.assertEqual(after[:len(lines) - 2], lines[2:])


class Verify(CtlCase):
    """What the engine signs is judged right, and nothing else is."""

    SCHEMES = [{"scheme": "standard"}, {"scheme": "ed25519"}, {"scheme": "timestamped"}, {"scheme": "stripe"},
               {"scheme": "github"}, {"scheme": "hex"}, {"scheme": "stripe", "header": "X-Mine"},
               {"scheme": "template", "content": "{id}|{body}|{timestamp}", "header": "X-Sig: n={timestamp};{base64}"}]

    def verify(self, request, body, *more, expect=DONE, secret=None):
        headers = [word for name, value in request.headers for word in ("--header", f"{name}: {value}")]
        return run("verify", "--secret", secret or self.secret, *headers, *more, text=body, expect=expect)

    def options(self, signature):
        more = []
        if signature["scheme"] == "template":
            more = ["--content", signature["content"], "--template", signature["header"]]
        elif "header" in signature:
            more = ["--scheme", signature["scheme"], "--name", signature["header"]]
        return more

    def test_of_every_scheme(self):
        for number, signature in enumerate(self.SCHEMES):
            with self.subTest(signature):
                path = f"{self.path}/{number}"
                made = self.subscribe(path, events=[f"{self.kind}.{number}"], signature=signature)
                self.secret, more = made["secret"], self.options(signature)
                self.publish({"a": "é"}, type=f"{self.kind}.{number}")
                self.receiver.await_count(path, 1)
                request = self.receiver.of(path)[0]
                body = request.body.decode()
                self.assertIn(signature["scheme"], self.verify(request, body, *more).stdout)
                self.assertIn("is wrong", self.verify(request, body + " ", *more, expect=REFUSED).stderr)
                other = self.subscribe("/other", events=["none"], signature={"scheme": signature["scheme"]}
                                       if signature["scheme"] != "template" else signature)["secret"]
                self.verify(request, body, *more, expect=REFUSED, secret=other)
                self.verify(request, body, *more, "--secret", other)
                if signature["scheme"] == "ed25519":
                    public = self.read("subscription", "secret", made["id"])["public_key"]
                    self.verify(request, body, secret=public)
                    self.verify(request, body + " ", secret=public, expect=REFUSED)

    def test_of_long_ago(self):
        headers = ["--header", "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek", "--header", "webhook-timestamp: 1614265330",
                   "--header", "webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="]
        secret = ["--secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]  # the example of Standard Webhooks
        body = '{"test": 2432232314}'
        self.assertIn("--ignore-time", run("verify", *secret, *headers, text=body, expect=REFUSED).stderr)
        run("verify", *secret, *headers, "--ignore-time", text=body)
        self.assertEqual(run("verify", *secret, *headers, "--ignore-time", "-o", "json", text=body).stdout,
                         '{"valid":true,"scheme":"standard"}\n')
        run("verify", *secret, *headers, "--ignore-time", text=body.replace("24", "25"), expect=REFUSED)

    def test_wrong_usage(self):
        self.refuse("verify", expect=USAGE)
        self.refuse("verify", "--header", "webhook-signature: v1,x", expect=USAGE)
        self.refuse("verify", "--header", "webhook-signature: v1,x", "--secret", "short", expect=USAGE)
        self.refuse("verify", "--scheme", "rot13", expect=USAGE)


class Doctor(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        self.ports = [f"127.0.0.1:{port}" for port in free_ports(2)]

    def look(self, *more, expect=None):
        """The checks by name. The machine that runs the test may have anything wrong."""
        arguments = {"--data": self.folder, "--ingest": self.ports[0], "--admin": self.ports[1], "--name": "localhost"}
        arguments.update(zip(more[::2], more[1::2]))
        words = [word for pair in arguments.items() for word in pair]
        done = subprocess.run([program(), "doctor", "-o", "json", *words], capture_output=True, text=True,
                              timeout=PATIENCE, env=environment())
        found = {check["check"]: check for check in json.loads(done.stdout)["data"]}
        has_failed = any(check["status"] == "FAIL" for check in found.values())
        self.assertEqual((done.returncode, done.stderr), (REFUSED if has_failed else DONE, ""))
        return found

    def test_every_check_says_what_it_found_and_what_to_do(self):
        for name, check in self.look().items():
            with self.subTest(name):
                self.assertIn(check["status"], ("OK", "WARN", "FAIL"))
                self.assertTrue(check["detail"])
                self.assertEqual(bool(check["advice"]), check["status"] != "OK")

    def test_a_host_on_which_the_engine_runs(self):
        found = self.look()
        for name in ("kernel", "io_uring", "names", "data directory", "ingest port", "admin port"):
            self.assertEqual(found[name]["status"], "OK", found[name])

    def test_what_is_wrong_is_found(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = f"127.0.0.1:{taken.getsockname()[1]}"
            self.assertEqual(self.look("--ingest", port)["ingest port"]["status"], "WARN")
        self.assertEqual(self.look("--admin", "nowhere")["admin port"]["status"], "FAIL")
        self.assertEqual(self.look("--name", "no-such-host.invalid")["names"]["status"], "WARN")
        self.assertEqual(self.look("--ca-file", "/no/such/file")["TLS roots"]["status"], "FAIL")
        self.assertEqual(self.look("--data", "/dev/null")["data directory"]["status"], "FAIL")
        self.assertEqual(self.look("--memory", "1000000G")["memory"]["status"], "WARN")
        os.chmod(self.folder, 0o755)
        self.assertEqual(self.look()["data directory"]["status"], "WARN")

    def test_a_directory_that_is_not_there_yet(self):
        found = self.look("--data", f"{self.folder}/a/b")
        self.assertIn("can be made", found["data directory"]["detail"])
        self.assertRegex(found["fdatasync"]["detail"], r"ms \(median")
        self.assertEqual(os.listdir(self.folder), [])

    def test_how_it_is_mounted(self):
        mounted = subprocess.run(["findmnt", "--noheadings", "--output", "FS-OPTIONS", "--target", self.folder],
                                 capture_output=True, text=True, timeout=PATIENCE)
        options, found = mounted.stdout.strip(), self.look()["mount options"]
        if mounted.returncode != 0 or not options:  # as in a chroot
            self.assertIn("not known", found["detail"])
        else:
            self.assertTrue(options.startswith(found["detail"]), (options, found))
            self.assertEqual(found["status"], "WARN" if "discard" in options.split(",") else "OK")

    def test_memory_only(self):
        if os.path.ismount("/dev/shm"):
            self.assertEqual(self.look("--data", "/dev/shm")["file system"]["status"], "FAIL")

    def test_as_a_table(self):
        done = subprocess.run([program(), "doctor", "--data", self.folder], capture_output=True, text=True,
                              timeout=PATIENCE, env=environment())
        self.assertRegex(done.stdout, r"(?m)^OK +kernel +Linux \d")


class Texts(CtlCase):
    def nouns(self):
        return re.findall(r"^  ([a-z][a-z-]*) ", run("--help").stdout, re.MULTILINE)

    def test_help_on_everything(self):
        self.assertIn("subscription", self.nouns())
        for noun in self.nouns():
            shown = run(noun, "--help").stdout
            self.assertIn(f"usage: grapnelctl {noun}", shown)
            for verb in re.findall(r"^  ([a-z][a-z-]*) ", shown, re.MULTILINE) if "Verbs:" in shown else []:
                self.assertIn(f"usage: grapnelctl {noun} {verb}", run(noun, verb, "-h").stdout)

    # Routes that are for programs, or that another verb asks.
    OTHERS = {("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics"), ("GET", "/openapi.json")}

    def test_every_route_has_a_verb(self):
        paths = self.engine.admin.get("/openapi.json").json()["paths"]
        routes = {(method.upper(), path) for path, methods in paths.items()
                  for method in methods if method in ("get", "post", "put", "patch", "delete")}
        verbs = set()
        for noun in self.nouns():
            shown = run(noun, "--help").stdout
            for verb in re.findall(r"^  ([a-z][a-z-]*) ", shown, re.MULTILINE) if "Verbs:" in shown else [None]:
                help_ = run(noun, *([verb] if verb else []), "--help").stdout
                verbs |= set(re.findall(r"^\(([A-Z]+) (/\S+)\)$", help_, re.MULTILINE))
        self.assertEqual(routes - verbs - self.OTHERS, set())

    def test_version(self):
        self.assertRegex(run("--version").stdout, r"^grapnelctl \d+\.\d+\.\d+\n$")

    def complete(self, *words):
        """What bash offers behind the words."""
        script = run("completion", "bash").stdout
        line = ["grapnelctl", *words]
        script += f"COMP_WORDS=({' '.join(repr(word) for word in line)}); COMP_CWORD={len(line) - 1}; _grapnelctl; "
        script += 'printf "%s\\n" "${COMPREPLY[@]}"'
        done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.split()

    def test_completion_of_bash(self):
        self.assertEqual(self.complete("subs"), ["subscription"])
        self.assertEqual(self.complete("subscription", "ro"), ["rotate-secret"])
        self.assertEqual(self.complete("delivery", "list", "--sta"), ["--status"])
        self.assertEqual(self.complete("delivery", "list", "--status", "de"), ["delivered", "dead"])
        self.assertEqual(self.complete("--url", "http://x/", "tenant", "cr"), ["create"])
        self.assertEqual(self.complete("-o", ""), ["table", "json"])
        self.assertEqual(self.complete("completion", "f"), ["fish"])
        self.assertIn("--key-file", self.complete("status", "--"))

    def test_completion_of_other_shells_is_good_in_them(self):
        for shell in ("bash", "zsh", "fish"):
            script = run("completion", shell).stdout
            self.assertIn("grapnelctl", script)
            if shutil.which(shell):
                done = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True, timeout=PATIENCE)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
        run("completion", "tcsh", expect=USAGE)

    def test_the_manual_page_has_every_command_and_no_fault(self):
        page = run("manual").stdout
        for noun in self.nouns():
            self.assertIn(noun.replace("-", "\\-"), page)
        if shutil.which("groff"):
            done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z"], input=page, capture_output=True, text=True,
                                  timeout=PATIENCE)
            self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    case.main()
