#!/usr/bin/env python3
"""The Debian package: what is in it, and that it installs, runs, upgrades and goes as packages have to.

It is installed into an overlay of this machine in a mount namespace of its own, so that nothing of it stays.
Needs root, dpkg and a build without sanitizers in BUILD_DIR.
"""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

BUILD = pathlib.Path(os.environ.get("BUILD_DIR", "build/release")).resolve()
ROOT = pathlib.Path(__file__).resolve().parents[2]
SCORE_MAX = 2.5  # of systemd-analyze security: 0 is safe, 10 is not

STAGE = """
set -e
mount -t tmpfs none "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o lowerdir=/,upperdir="$1/upper",workdir="$1/work" "$1/root"
for each in dev proc; do mount --rbind /$each "$1/root/$each"; done
mkdir -p "$1/root/tmp" && cp "$2" "$1/root/tmp/grapnel.deb"
exec chroot "$1/root" /bin/sh -eu -c "$3"
"""


PLAIN = {name: value for name, value in os.environ.items() if not name.startswith("GRAPNEL_")}


def run(*arguments):
    done = subprocess.run([str(each) for each in arguments], text=True, capture_output=True, env=PLAIN, check=False)
    if done.returncode:
        raise AssertionError(f"{arguments[0]}: {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def possible():
    tools = all(shutil.which(name) for name in ("dpkg", "dpkg-shlibdeps", "cpack", "unshare"))
    return tools and os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], check=False).returncode == 0


@unittest.skipUnless(possible(), "needs root, dpkg-dev and mount namespaces")
class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="grapnel-package-")))
        run("cpack", "-G", "DEB", "--config", BUILD / "CPackConfig.cmake", "-B", cls.folder / "made")
        cls.package = next((cls.folder / "made").glob("*.deb"))

    def within(self, script):
        """What the script says, run where the package lies at /tmp/grapnel.deb and nothing that is done stays."""
        with tempfile.TemporaryDirectory(dir=self.folder) as stage:
            return run("unshare", "--mount", "--pid", "--fork", "sh", "-c", STAGE, "sh", stage, self.package, script)

    def field(self, name):
        return run("dpkg-deb", "--field", self.package, name).strip()

    def test_depends_on_what_it_is_linked_with(self):
        depends = self.field("Depends")
        for library in ("libc6", "liburing2", "librocksdb7.8", "android-libboringssl", "libc-ares2", "libsimdjson14",
                        "libdeflate0", "ca-certificates"):
            self.assertRegex(depends, rf"(^|, ){re.escape(library)}\b")

    def test_holds_what_it_should_where_it_should(self):
        files = {line.split()[-1] for line in run("dpkg-deb", "--contents", self.package).splitlines()}
        for name in ("usr/bin/grapnel", "usr/bin/grapnelctl", "usr/bin/grapnel-load", "etc/grapnel/grapnel.conf",
                     "usr/lib/systemd/system/grapnel.service", "usr/lib/sysusers.d/grapnel.conf",
                     "usr/share/man/man1/grapnel.1", "usr/share/man/man1/grapnelctl.1",
                     "usr/share/man/man1/grapnel-load.1", "usr/share/bash-completion/completions/grapnel",
                     "usr/share/bash-completion/completions/grapnelctl", "usr/share/grapnel/prometheus/alerts.yml",
                     "usr/share/grapnel/grafana/grapnel.json", "usr/share/doc/grapnel/operations.md"):
            self.assertIn(f"./{name}", files)
        self.assertEqual(run("dpkg-deb", "--info", self.package, "conffiles"), "/etc/grapnel/grapnel.conf\n")

    def test_installs_runs_and_goes(self):
        said = self.within("""
            dpkg -i /tmp/grapnel.deb >/dev/null
            getent passwd grapnel >/dev/null && echo has user
            grapnel --config /etc/grapnel/grapnel.conf --check-config | grep '^data'
            cd /var/lib && mkdir grapnel && chown grapnel grapnel && cd grapnel
            setpriv --reuid grapnel --regid grapnel --clear-groups \
                grapnel --config /etc/grapnel/grapnel.conf --ingest 127.0.0.1:0 --admin 127.0.0.1:0 2>log &
            engine=$!
            for i in $(seq 600); do grep -q ready log && break; sleep 0.1; done
            grep -o 'ready ingest' log
            admin=$(sed -n 's/.*admin=\\([^ ]*\\).*/\\1/p' log)
            grapnelctl --url "http://$admin" --key "$(cat data/admin.key)" subscription list -o json
            kill "$engine" && wait "$engine" && echo stopped
            echo "#mine" >>/etc/grapnel/grapnel.conf
            dpkg -i /tmp/grapnel.deb >/dev/null 2>&1 </dev/null
            grep mine /etc/grapnel/grapnel.conf
            dpkg -r grapnel >/dev/null
            test ! -e /usr/bin/grapnel && test -e /var/lib/grapnel/data && test -e /etc/grapnel/grapnel.conf
            echo removed
            dpkg -P grapnel >/dev/null 2>&1
            test ! -e /var/lib/grapnel && test ! -e /etc/grapnel && echo purged
        """)
        for words in ("has user", "data = ./data", "ready ingest", '"data":[]', "stopped", "#mine", "removed", "purged"):
            self.assertIn(words, said)

    def test_its_unit_is_right_and_tight(self):
        said = self.within("""
            dpkg -i /tmp/grapnel.deb >/dev/null
            unit=/usr/lib/systemd/system/grapnel.service
            systemd-analyze verify --man=no "$unit" 2>&1 | grep -i grapnel || echo nothing to say
            systemd-analyze security --offline=true "$unit" | tail -1
        """)
        self.assertIn("nothing to say", said)
        self.assertLessEqual(float(re.search(r"level for grapnel.service: (\S+)", said)[1]), SCORE_MAX, said)

    def test_its_manual_pages_are_clean(self):
        for name in ("grapnel", "grapnelctl", "grapnel-load"):
            page = BUILD / f"share/man/man1/{name}.1"
            if shutil.which("mandoc"):
                run("mandoc", "-T", "lint", "-W", "error", page)
            if shutil.which("groff"):
                self.assertEqual(run("groff", "-man", "-ww", "-z", page), "")


class Install(unittest.TestCase):
    def test_goes_below_the_prefix_that_is_said(self):
        with tempfile.TemporaryDirectory() as folder:
            run("cmake", "--install", BUILD, "--prefix", folder)
            home = pathlib.Path(folder)
            self.assertIn("grapnel ", run(home / "bin/grapnel", "--version"))
            self.assertIn(f"ExecStart={folder}/bin/grapnel --config {folder}/etc/grapnel/grapnel.conf",
                          (home / "lib/systemd/system/grapnel.service").read_text())
            run(home / "bin/grapnel", "--config", home / "etc/grapnel/grapnel.conf", "--check-config")

    def test_the_sample_is_what_the_program_prints(self):
        self.assertEqual((ROOT / "tools/etc/grapnel.conf").read_text(), run(BUILD / "bin/grapnel", "--print-config"),
                         "put the output of grapnel --print-config into tools/etc/grapnel.conf")

    def test_the_sample_says_what_holds_without_it(self):
        sample = (ROOT / "tools/etc/grapnel.conf").read_text()
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "all.conf")
            path.write_text(re.sub(r"^#(\w+ =)", r"\1", sample, flags=re.MULTILINE))
            every = run(BUILD / "bin/grapnel", "--config", path, "--check-config")
        plain = run(BUILD / "bin/grapnel", "--check-config")
        self.assertEqual(every.split("\n", 1)[1], plain)


if __name__ == "__main__":
    unittest.main(verbosity=2)
