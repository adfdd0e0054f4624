#!/usr/bin/env python3
"""Flags, environment and file: what beats what, and errors that name what is wrong."""
import pathlib
import stat
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case
from support.engine import Engine, environment, program


class Config(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory(prefix="grapnel-test-"))

    def run_program(self, *arguments, env=None):
        return subprocess.run([program(), *arguments], cwd=self.folder, env=environment(env), capture_output=True,
                              text=True, timeout=60, stdin=subprocess.DEVNULL, check=False)

    def write(self, text, name="grapnel.conf"):
        path = pathlib.Path(self.folder) / name
        path.write_text(text)
        return str(path)

    def wrong(self, *arguments, names, env=None):
        done = self.run_program(*arguments, env=env)
        self.assertEqual(done.returncode, 2, done)
        for name in names:
            self.assertIn(name, done.stderr)
        self.assertFalse((pathlib.Path(self.folder) / "data").exists(), "it made a data folder")

    def effective(self, *arguments, env=None):
        done = self.run_program(*arguments, "--check-config", env=env)
        self.assertEqual(done.returncode, 0, done)
        pairs = [line.split("=", 1) for line in done.stdout.splitlines() if "=" in line and line[0] != "#"]
        return {key.strip(): value.strip() for key, value in pairs}

    def test_version_and_help(self):
        self.assertRegex(self.run_program("--version").stdout, r"grapnel \d+\.\d+\.\d+")
        done = self.run_program("--help")
        self.assertEqual(done.returncode, 0)
        for flag in ("--config", "--data", "--ingest", "--admin", "--shards", "--allow-network", "--durability",
                     "--memory", "--tls-cert", "--tls-key", "--ca-file", "--dns-server", "--sandbox", "--log-level",
                     "--log-format", "--check-config", "--version", "--help"):
            self.assertIn(flag, done.stdout)

    def test_unknown_flag(self):
        self.wrong("--no-such-flag", names=["--no-such-flag"])
        self.wrong("stray", names=["stray"])
        self.wrong("--shard", "1", names=["--shard"])

    def test_unknown_key_in_the_file(self):
        self.wrong("--config", self.write("shards = 1\nno_such_key = 1\n"), names=["no_such_key", ":2"])

    def test_unknown_variable(self):
        self.wrong(env={"GRAPNEL_NO_SUCH": "1"}, names=["GRAPNEL_NO_SUCH"])

    def test_bad_values_are_named(self):
        for flag, value in (("--shards", "many"), ("--shards", "-1"), ("--memory", "1Q"), ("--memory", "1"),
                            ("--ingest", "nowhere"), ("--ingest", "127.0.0.1:99999"), ("--admin", "127.0.0.1"),
                            ("--allow-network", "10.0.0.0/33"), ("--allow-network", "x"), ("--durability", "maybe"),
                            ("--log-level", "loud"), ("--log-format", "xml"), ("--dns-server", "x:y"),
                            ("--head-timeout", "soon")):
            with self.subTest(flag=flag, value=value):
                self.wrong(flag, value, names=[value])
        self.wrong("--data", names=["--data"])
        self.wrong(env={"GRAPNEL_SHARDS": "many"}, names=["GRAPNEL_SHARDS", "many"])
        self.wrong("--config", self.write("shards = many\n"), names=["shards", "many", ":1"])

    def test_file_that_cannot_be_read(self):
        self.wrong("--config", "/nowhere/at/all.conf", names=["/nowhere/at/all.conf"])

    def test_tls_files_that_cannot_be_used_end_it(self):
        bad = self.write("not a certificate", "bad.pem")
        done = self.run_program("--ingest", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--tls-cert", bad,
                                "--tls-key", bad)
        self.assertIn(done.returncode, (1, 2), done)
        self.assertTrue(done.stderr)
        self.assertEqual(self.run_program("--tls-cert", bad, "--check-config").returncode, 2, "a certificate alone")

    def test_flag_beats_environment_beats_file(self):
        path = self.write("shards = 1\nmemory = 300M\nlog_level = error  \n# a comment\n\n")
        env = {"GRAPNEL_SHARDS": "2", "GRAPNEL_MEMORY": "400M"}
        got = self.effective("--config", path, "--shards", "3", env=env)
        self.assertEqual(got["shards"], "3")
        self.assertEqual(got["memory"], "400M")
        self.assertEqual(got["log_level"], "error")

    def test_defaults(self):
        got = self.effective()
        self.assertEqual(got["ingest"], "127.0.0.1:8480")
        self.assertEqual(got["admin"], "127.0.0.1:8481")
        self.assertEqual(got["durability"], "fsync")
        self.assertIn(got["data"], ("data", "./data"))

    def test_flag_with_an_equals_sign(self):
        self.assertEqual(self.effective("--shards=3")["shards"], "3")

    def test_what_check_config_prints_is_a_file(self):
        arguments = ("--shards", "3", "--allow-network", "10.0.0.0/8", "--allow-network", "127.0.0.0/8", "--sandbox")
        printed = self.run_program(*arguments, "--check-config").stdout
        again = self.run_program("--config", self.write(printed), "--check-config")
        self.assertEqual(again.returncode, 0, again)
        before, after = ([line for line in text.splitlines() if line[0] != "#"] for text in (printed, again.stdout))
        self.assertEqual(after, before)

    def test_check_config_starts_nothing(self):
        self.effective()
        self.assertFalse((pathlib.Path(self.folder) / "data").exists())


class Key(unittest.TestCase):
    def test_is_made_once_and_private(self):
        with Engine() as engine:
            path = engine.data / "admin.key"
            self.assertRegex(path.read_text().strip(), r"^gk_[A-Za-z0-9_-]{20,}$")
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
            before = engine.key
            engine.restart()
            self.assertEqual(engine.key, before)
            self.assertEqual(engine.admin.get("/api/v1/webhooks/subscriptions").status, 200)

    def test_is_stored_only_as_a_hash(self):
        with Engine() as engine:
            engine.publish("a", 1)
            key = engine.key.encode()
            engine.stop()
            holders = [path.name for path in engine.data.rglob("*") if path.is_file() and key in path.read_bytes()]
            self.assertEqual(holders, ["admin.key"])

    def test_from_the_environment(self):
        key = "gk_" + "k" * 40
        with Engine(env={"GRAPNEL_ADMIN_KEY": key}) as engine:
            self.assertEqual(engine.admin.get("/api/v1/webhooks/subscriptions").status, 200)
            self.assertEqual(engine.admin.get("/api/v1/webhooks/subscriptions", key="gk_other").status, 401)


if __name__ == "__main__":
    case.main()
