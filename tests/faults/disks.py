"""A small disk that can be filled and made read-only, in a mount namespace of its own (Linux)."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .commands import Launcher

SIZE = 64 << 20
BLOCK = 4096


@cache
def why_not() -> str:
    """Why there can be no such disk on this machine; empty where there can."""
    try:
        tried = subprocess.run(
            ["unshare", "-rm", "mount", "-t", "tmpfs", "disk", "/mnt"], capture_output=True, text=True
        )
    except FileNotFoundError:
        return "there is no unshare"
    return "" if tried.returncode == 0 else f"no mount namespace: {tried.stderr.strip()}"


@dataclass
class Disk:
    """A tmpfs that only `launcher` and its commands see; `inside` is its path for them, `path` for others."""

    inside: Path

    def __post_init__(self) -> None:
        self.inside.mkdir()
        mount = f'mount -t tmpfs -o size={SIZE} disk "$0" && exec "$@"'
        self.launcher = Launcher(prefix=("unshare", "-rm", "sh", "-c", mount, str(self.inside)))
        self.path = Path(f"/proc/{self.launcher.process.pid}/root", *self.inside.parts[1:])

    def clear(self) -> None:
        """Remove everything."""
        for path in self.path.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def fill(self, free: int) -> Path:
        """Write a file that leaves so many bytes free."""
        filler = self.path / "filler"
        with filler.open("wb") as file:
            left = (self.free() - free) // BLOCK
            file.write(bytes(max(0, left) * BLOCK))
        return filler

    def free(self) -> int:
        """Bytes that can still be written."""
        found = os.statvfs(self.path)
        return found.f_bfree * found.f_frsize

    def remount(self, how: str) -> None:
        """Make it `ro` or `rw`."""
        target = ["-t", str(self.launcher.process.pid), "--preserve-credentials", "-U", "-m"]
        subprocess.run(["nsenter", *target, "mount", "-o", f"remount,{how}", str(self.inside)], check=True)

    def close(self) -> None:
        """End its launcher; the disk goes with it."""
        self.launcher.close()
