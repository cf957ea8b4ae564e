"""The two Pythons that Splunk runs add-ons on: real CPython 3.9 and 3.13.

They come from the Debian releases that have them. Each release is unpacked into a folder of .toolchain/, and
its Python runs under that release's own loader and libraries, which takes neither root nor a chroot.
"""

from __future__ import annotations

import os
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

from tooling import debian, paths, steps

PACKAGES = "python3,ca-certificates"
# Half of the folder's size, and nothing that a Python reads.
NOT_NEEDED = (
    "var/cache/apt",
    "var/lib/apt/lists",
    "usr/share/doc",
    "usr/share/man",
    "usr/share/info",
    "usr/share/locale",
)
# Nothing starts in there but Python, so packages are unpacked and not set up, which would take three times as long. One
# part of setting up is done below: Python's modules are compiled, as Splunk's are, or each start would do it.
UNPACK = """
for package in "$1"/var/cache/apt/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar --extract --keep-directory-symlink --directory "$1"
done
"""
LOADERS = "usr/lib/*-linux-gnu*/ld-linux*.so.*"
PROBE = "import bz2, ctypes, lzma, ssl, subprocess, sys, zlib; assert '%d.%d' % sys.version_info[:2] == '{}'"


@dataclass(frozen=True)
class SplunkPython:
    """A Python of Splunk's (`3.9`) and the Debian release that has it (`bullseye`)."""

    version: str
    release: str

    @property
    def program(self) -> Path:
        """The program to call; it is also this Python's `sys.executable`."""
        return paths.TOOLCHAIN / f"python{self.version}"

    @property
    def root(self) -> Path:
        """The folder with the Debian release."""
        return paths.TOOLCHAIN / f"debian-{self.release}"

    @property
    def ready(self) -> bool:
        """Whether `make` has ended well, in this folder."""
        return self.program.is_file() and self.program.read_text(encoding="utf-8") == self._script()

    def make(self) -> None:
        """Make it, unless it's there.

        Raises:
            NotAvailableError: this machine can't have it.
            StepError: making it failed.
        """
        if self.ready:
            return
        if not (self.root / "usr" / "bin" / f"python{self.version}").is_file():
            self._unpack()
        with steps.announced(f"Splunk's Python {self.version}"):
            executable = f"import sys; sys.executable = {str(self.program)!r}\n"
            (self.root / "usr/lib/python3/dist-packages/executable.pth").write_text(executable, encoding="utf-8")
            # The program appears under its name once it is proven to work.
            trial = self.program.with_name(f"{self.program.name}.trial")
            trial.write_text(self._script(), encoding="utf-8")
            trial.chmod(0o755)
            compiling = (trial, "-m", "compileall", "-q", self.root / "usr" / "lib" / f"python{self.version}")
            steps.run(f"python{self.version}", (trial, "-c", PROBE.format(self.version)), compiling)
            trial.replace(self.program)

    def _unpack(self) -> None:
        debian.root_prefix()
        if shutil.which("debootstrap", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None:
            debian.install("debootstrap")
        with steps.announced(f"Debian {self.release} for Splunk's Python {self.version}"):
            new = self.root.with_suffix(".new")
            clear = debian.as_root("rm", "-rf", "--one-file-system", new)
            fetch = ("debootstrap", "--foreign", "--variant=minbase", f"--include={PACKAGES}", self.release, new)
            steps.run(
                f"debootstrap-{self.release}",
                clear,
                debian.as_root(*fetch, *mirror()),
                debian.as_root("sh", "-ec", UNPACK, "sh", new),
                debian.as_root("rm", "-rf", *(new / path for path in NOT_NEEDED)),
                debian.as_root("chown", "-R", "-h", f"{os.getuid()}:{os.getgid()}", new),
            )
            shutil.rmtree(self.root, ignore_errors=True)
            new.rename(self.root)

    def _script(self) -> str:
        # Not the link in lib64, which leads out of the folder in older releases.
        loader = next(iter(sorted(self.root.glob(LOADERS))), self.root / "no-loader")
        command = (
            loader,
            "--library-path",
            loader.parent,
            self.root / "usr" / "bin" / f"python{self.version}",
        )
        return (
            "#!/bin/sh\n"
            f"# CPython {self.version} of Debian {self.release}, with that release's loader and libraries.\n"
            f'exec {shlex.join(map(str, command))} "$@"\n'
        )


def mirror() -> tuple[str, ...]:
    """Give debootstrap's last argument: the mirror that the environment names, else none for Debian's own."""
    return (os.environ["DEBIAN_MIRROR"],) if os.environ.get("DEBIAN_MIRROR") else ()


SPLUNK_PYTHONS = (SplunkPython("3.9", "bullseye"), SplunkPython("3.13", "trixie"))
