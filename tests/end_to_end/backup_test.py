#!/usr/bin/env python3
"""Backups: taken while events come in, whole or not there, and restored to where all that was kept is delivered."""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import wait
from support.engine import Engine, environment, program
from support.receiver import Receiver, status

BACKUP = "/api/v1/backup"


def restore(backup, data, *more):
    """The exit status, and what it said."""
    done = subprocess.run([program(), "--data", str(data), "--restore", str(backup), *more], capture_output=True,
                          text=True, timeout=wait.PATIENCE, env=environment())
    return done.returncode, done.stderr


class BackupCase(unittest.TestCase):
    maxDiff = 4000

    def setUp(self):
        self.root = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="grapnel-backup-")))
        self.backups = self.root / "backups"
        self.receiver = self.enterContext(Receiver())
        self.engine = self.enterContext(Engine("--backup-directory", str(self.backups)))

    def take(self, name, expect=201):
        answer = self.engine.admin.post(BACKUP, {"directory": name})
        self.assertEqual(answer.status, expect, answer)
        return answer.json()

    def restored(self, name, secret_key=True):
        """An engine, not started, whose data directory is a restored backup."""
        other = self.enterContext(Engine("--backup-directory", str(self.backups), start=False))
        if secret_key:
            other.data.mkdir()
            shutil.copy(self.engine.data / "secret.key", other.data / "secret.key")
        code, said = restore(self.backups / name, other.data)
        self.assertEqual(code, 0, said)
        other.read_key = lambda: self.engine.key
        return other


class Taking(BackupCase):
    def test_what_was_answered_before_is_in_it_and_is_delivered_from_it(self):
        self.receiver.script("/down", [status(503)])
        self.engine.subscribe(self.receiver.url("/down"), events=["kept"], retry={"schedule": ["200ms"] * 20})
        accepted, is_over = [], threading.Event()

        def publish():
            while not is_over.is_set():
                accepted.append(self.engine.publish("kept", {"n": len(accepted)})["id"])

        publishers = [threading.Thread(target=publish) for _ in range(4)]
        for each in publishers:
            each.start()
        try:
            wait.until(lambda: len(accepted) > 200, "events")
            before = list(accepted)
            made = self.take("under-load")
            wait.until(lambda: len(accepted) > len(before) + 100, "events after it")
        finally:
            is_over.set()
            for each in publishers:
                each.join()
        self.assertEqual(made["name"], "under-load")
        self.engine.kill()

        # The other engine's deliveries go to a receiver that works by now.
        self.receiver.script("/down", [status(200)])
        seen_before = len(self.receiver.of("/down"))
        other = self.restored("under-load")
        other.start()

        def delivered():
            return {request.event for request in self.receiver.of("/down")[seen_before:]}

        wait.until(lambda: set(before) <= delivered(), lambda: f"{len(set(before) - delivered())} are missing")

    def test_its_secrets_need_the_key_that_is_kept_apart(self):
        made = self.engine.subscribe(self.receiver.url("/x"))
        manifest = self.take("sealed")
        kept = [path.name for path in (self.backups / "sealed").rglob("*")]
        self.assertNotIn("secret.key", kept)
        self.assertNotIn("admin.key", kept)
        secret, key = made["secret"].encode(), self.engine.key.encode()
        for path in (self.backups / "sealed").rglob("*"):
            if path.is_file():
                data = path.read_bytes()
                self.assertNotIn(secret, data)
                self.assertNotIn(key, data)

        without = self.restored("sealed", secret_key=False)
        with self.assertRaises(AssertionError) as ended:
            without.start()
        self.assertIn(manifest["secret_key"], str(ended.exception))
        self.assertIn("secret", str(ended.exception))

        other = self.restored("sealed")
        other.start()
        answer = other.admin.get(f"/api/v1/webhooks/subscriptions/{made['id']}/secret")
        self.assertEqual(answer.json()["secret"], made["secret"])

    def test_a_name_is_taken_once(self):
        first = self.take("twice")
        self.assertIn("name", self.take("twice", expect=409)["detail"])
        self.assertEqual(json.loads((self.backups / "twice/backup.json").read_text()), first)

    def test_no_name_can_lead_out_of_the_directory(self):
        for name in ("../out", "a/b", "/tmp/x", "..", ".", ".hidden", "", "x.partial", "a" * 65, 7, None):
            problem = self.take(name, expect=422)
            self.assertEqual(problem["errors"][0]["pointer"], "/directory", name)
        self.assertFalse(self.backups.exists())

    def test_without_a_name_it_is_called_by_the_time(self):
        answer = self.engine.admin.post(BACKUP)
        self.assertEqual(answer.status, 201, answer)
        self.assertRegex(answer.json()["name"], r"^\d{8}T\d{6}Z$")

    def test_who_may_not(self):
        manager = self.engine.admin.post("/api/v1/keys", {"name": "m", "scopes": ["manage"]}).json()["key"]
        self.assertEqual(self.engine.admin.post(BACKUP, {"directory": "x"}, key=manager).status, 403)
        self.assertEqual(self.engine.admin.post(BACKUP, {"directory": "x"}, key=False).status, 401)
        self.assertFalse(self.backups.exists())

    def test_without_a_place_there_are_none(self):
        with Engine() as engine:
            answer = engine.admin.post(BACKUP, {"directory": "x"})
            self.assertEqual(answer.status, 409)
            self.assertIn("backup_directory", answer.json()["detail"])

    def test_a_place_that_cannot_be_written(self):
        (self.root / "file").write_text("")
        with Engine("--backup-directory", str(self.root / "file")) as engine:
            self.assertEqual(engine.admin.post(BACKUP, {"directory": "x"}).status, 500)
            engine.publish("it.goes.on")

    def test_what_a_crash_left_half_done_is_no_backup_and_goes(self):
        for round_ in range(6):
            for number in range(20):
                self.engine.publish("kept", {"n": number})
            name = f"killed-{round_}"
            asking = threading.Thread(target=self.ask_and_forget, args=(name,))
            asking.start()
            wait.until(lambda: any(self.backups.glob(f"{name}*")) or not asking.is_alive(), "its beginning")
            self.engine.kill()
            asking.join()
            for path in self.backups.iterdir():
                is_partial = path.name.endswith(".partial")
                self.assertEqual(restore(path, self.root / f"{path.name}-{round_}")[0] == 0, not is_partial, path)
            self.engine.start()
        self.take("last")
        self.assertEqual(list(self.backups.glob("*.partial")), [])

    def ask_and_forget(self, name):
        try:
            self.engine.admin.post(BACKUP, {"directory": name})
        except OSError:
            pass  # it was killed
        except Exception as problem:  # http.client's, of an answer that was cut off
            self.assertIn(type(problem).__name__, ("RemoteDisconnected", "IncompleteRead", "BadStatusLine"))

    def test_a_half_done_one_never_restores(self):
        self.take("good")
        (self.backups / "half").mkdir()
        shutil.copytree(self.backups / "good/data", self.backups / "half/data")
        code, said = restore(self.backups / "half", self.root / "to")
        self.assertEqual(code, 1)
        self.assertIn("is no backup", said)

    def test_one_without_its_name_never_restores(self):
        self.take("good")
        (self.backups / "good").rename(self.backups / "good.partial")
        for path in (self.backups / "good.partial", f"{self.backups}/good.partial/"):
            code, said = restore(path, self.root / "to")
            self.assertEqual(code, 1, path)
            self.assertIn("is no backup: it was not finished", said)


class Restoring(BackupCase):
    def setUp(self):
        super().setUp()
        for number in range(50):
            self.engine.publish("kept", {"n": number, "fill": "x" * 2000})
        self.engine.restart()  # what was in the log is in files
        self.take("good")

    def refuse(self, words, backup="good", data=None):
        code, said = restore(self.backups / backup, data or self.root / "to")
        self.assertEqual(code, 1, said)
        self.assertIn(words, said)
        self.assertFalse((self.root / "to" / "CURRENT").exists())

    def damage(self, name, change):
        """A copy of the backup called "bad", of which one file is changed."""
        shutil.copytree(self.backups / "good", self.backups / "bad")
        path = next(iter(sorted((self.backups / "bad/data").glob(name), key=lambda path: -path.stat().st_size)))
        change(path)

    def test_never_over_what_is_there(self):
        self.refuse("is not empty", data=self.engine.data)
        self.engine.restart()
        (self.root / "to").mkdir()
        (self.root / "to/file").write_text("mine")
        self.refuse("is not empty")
        self.assertEqual((self.root / "to/file").read_text(), "mine")

    def test_a_flipped_bit_is_found(self):
        def flip(path):
            data = bytearray(path.read_bytes())
            data[len(data) // 3] ^= 1
            path.write_bytes(data)

        self.damage("*.sst", flip)
        self.refuse("is damaged", "bad")

    def test_a_file_that_is_missing_or_cut_is_found(self):
        self.damage("*.sst", lambda path: path.unlink())
        self.refuse("is not whole", "bad")
        shutil.rmtree(self.backups / "bad")
        self.damage("*.sst", lambda path: path.write_bytes(path.read_bytes()[:-1]))
        self.refuse("is not whole", "bad")

    def test_a_log_that_is_cut_off_is_found(self):
        self.engine.publish("kept", {"in": "the log"})
        self.take("logged")

        def cut(path):
            size = path.stat().st_size
            path.write_bytes(b"\0" * size)

        shutil.copytree(self.backups / "logged", self.backups / "bad")
        log = max((self.backups / "bad/data").glob("*.log"), key=lambda path: path.stat().st_size)
        cut(log)
        self.refuse("is damaged", "bad")

    def test_of_a_version_to_come(self):
        self.damage("../backup.json", lambda path: path.write_text(
            json.dumps({**json.loads(path.read_text()), "format": 2})))
        self.refuse("is of a version", "bad")

    def test_an_engine_does_not_start_where_a_restore_was_cut_off(self):
        other = self.enterContext(Engine(start=False))
        (other.data / "restore.partial").mkdir(parents=True)
        with self.assertRaises(AssertionError) as ended:
            other.start()
        self.assertIn("a restore was cut off here", str(ended.exception))
        shutil.copy(self.engine.data / "secret.key", other.data)
        code, said = restore(self.backups / "good", other.data)
        self.assertEqual(code, 0, said)
        other.read_key = lambda: self.engine.key
        other.start()
        self.assertEqual(len(other.admin.get("/api/v1/webhooks/events?limit=250").json()["data"]), 50)


if __name__ == "__main__":
    unittest.main(verbosity=2)
