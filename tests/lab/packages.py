"""The Debian packages the test world runs on, installed when they are missing. Changes nothing else of the machine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.lab.processes import LabError

PACKAGES = [
    "php-laravel-framework",
    "php-cli",
    "php-redis",
    "php-mysql",
    "php-mbstring",
    "php-xml",
    "php-curl",
    "mariadb-server",
    "mariadb-client",
    "redis-server",
    "redis-tools",
    "openssh-server",
    "openssh-client",
    "supervisor",
    "sudo",
    "busybox",
    "git",
    "rsync",
    "logrotate",
    "procps",
    "util-linux",
    "tmux",
    "curl",
]
POLICY = Path("/usr/sbin/policy-rc.d")


def missing() -> list[str]:
    """The packages that are not installed."""
    asked = ["dpkg-query", "-W", "-f=${Package} ${db:Status-Status}\n", *PACKAGES]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    there = {line.split()[0] for line in done.stdout.splitlines() if line.endswith(" installed")}
    return [name for name in PACKAGES if name not in there]


def install() -> None:
    """Installs what is missing, without letting the packages start their own servers."""
    names = missing()
    if not names:
        return
    guarded = not POLICY.exists()
    if guarded:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    apt = ["apt-get", "-o", "DPkg::Lock::Timeout=300", "-qq"]
    try:
        for words in (["update"], ["install", "-y", "--no-install-recommends", *names]):
            done = subprocess.run(
                [*apt, *words],
                env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise LabError(f"apt-get {words[0]} failed:\n{done.stdout[-1500:]}{done.stderr[-1500:]}")
    finally:
        if guarded:
            POLICY.unlink(missing_ok=True)
