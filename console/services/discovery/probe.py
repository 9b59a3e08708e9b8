"""What is asked on a host to find out about its application, and how the answer is cut apart.

Owns the shell script, the PHP program it feeds to `php` over stdin, and the sections of their output. The program reads
a cached configuration as it lies there; where none is cached it lets the framework read the configuration files,
without booting providers, so that nothing is connected to or written there. Must not run anything itself.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from console.domain.documents import Json
from console.domain.environment import AppPaths
from console.domain.redact import Redactor, Secret
from console.domain.untrusted import Raw
from console.services.discovery.dotenv import parse

_CACHED = "${APP_CONFIG_CACHE:-bootstrap/cache/config.php}"
_FILES = f'.env "{_CACHED}" config/app.php config/cache.php config/database.php config/queue.php'
_TELLING = re.compile(r"(?i)pass|secret|token|key|url|dsn|credential")
_QUOTED = re.compile(r"\bat \[.*\]")

PROBE = r"""<?php
error_reporting(0);
ini_set('display_errors', '0');
// PHP that reads its program from standard input lacks these two, and applications expect them under artisan.
defined('STDOUT') || define('STDOUT', fopen('php://stdout', 'w'));
defined('STDERR') || define('STDERR', fopen('php://stderr', 'w'));
ob_start();
$ops_answer = null;
register_shutdown_function(function () {
    global $ops_answer;
    $said = '';
    while (ob_get_level() > 0) { $said = ob_get_clean() . $said; }
    if ($ops_answer === null) {
        $fatal = error_get_last();
        $grave = $fatal !== null && ($fatal['type'] & (E_ERROR | E_PARSE | E_CORE_ERROR | E_COMPILE_ERROR));
        $why = $grave ? $fatal['message'] : $said;
        $ops_answer = ['error' => trim('it ended before it answered ' . substr((string) strtok($why, "\n"), 0, 300))];
    }
    echo "\n", getenv('OPSCONSOLE_NONCE'), " probe\n";
    echo json_encode($ops_answer, JSON_INVALID_UTF8_SUBSTITUTE | JSON_PARTIAL_OUTPUT_ON_ERROR), "\n";
});
function ops_require($file) { return require $file; }
function ops_cached($file) {
    try { $config = ops_require($file); } catch (Throwable $e) {
        // A cached value may be an object of a class of the application's.
        ops_require('vendor/autoload.php');
        $config = ops_require($file);
    }
    if (!is_array($config) || !isset($config['app'], $config['database'])) {
        throw new RuntimeException("$file holds no configuration, or this account may not read it");
    }
    return $config;
}
function ops_read() {
    $cached = getenv('OPSCONSOLE_CACHED');
    if (is_file($cached)) { return ['origin' => 'config cache', 'config' => ops_cached($cached)]; }
    $boot = 'Illuminate\Foundation\Bootstrap\\';
    ops_require('vendor/autoload.php');
    $app = ops_require('bootstrap/app.php');
    $app->bootstrapWith([$boot . 'LoadEnvironmentVariables', $boot . 'LoadConfiguration']);
    $file = $app->environmentFilePath();
    $env = is_readable($file) ? 'read' : (file_exists($file) || is_link($file) ? 'unreadable' : 'absent');
    return ['origin' => $app->configurationIsCached() ? 'config cache' : 'php', 'config' => $app->make('config')->all(),
        'laravel' => (string) $app->version(), 'env' => $env, 'env_file' => basename($file)];
}
function ops_some($found, $keys) { return array_intersect_key((array) $found, array_flip($keys)); }
function ops_each($found, $keys) {
    return array_map(function ($c) use ($keys) { return ops_some($c, $keys); }, (array) $found);
}
try {
    $ops_read = ops_read();
    $config = $ops_read['config'];
    $queues = ['driver', 'connection', 'connections', 'table', 'queue', 'retry_after', 'block_for'];
    $stores = ['driver', 'connection', 'table', 'path', 'prefix'];
    $ops_read['config'] = [
        'app' => ops_some($config['app'] ?? [], ['env', 'key', 'timezone', 'maintenance']),
        'database' => ops_some($config['database'] ?? [], ['default', 'connections', 'redis']),
        'queue' => ['connections' => ops_each($config['queue']['connections'] ?? [], $queues)]
            + ops_some($config['queue'] ?? [], ['default', 'failed', 'batching']),
        'cache' => ['stores' => ops_each($config['cache']['stores'] ?? [], $stores)]
            + ops_some($config['cache'] ?? [], ['default', 'prefix']),
    ];
    $ops_answer = $ops_read;
} catch (Throwable $e) {
    $ops_answer = ['error' => get_class($e) . ': ' . substr((string) strtok($e->getMessage(), "\n"), 0, 300)];
}
"""


class EnvFile(StrEnum):
    """Whether a `.env` can be read by the account that asks."""

    READ = "read"
    ABSENT = "absent"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeAnswer:
    """What a host said. `signature` is empty when there is no application.

    `env` is what the shell saw of `.env`, parsed into `values`. `cached` says that a cached configuration lies there,
    or may lie where this account cannot look. `php` is the program's document, None when it was not asked or gave none,
    and then `problem` says why; `nophp` that there is no PHP to ask. `hints` is what files say without PHP: `version`
    of the framework and `prefix` as the skeleton's Redis prefix is written there.
    """

    signature: str
    env: EnvFile
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    cached: bool = False
    php: Mapping[str, Json] | None = field(default=None, repr=False)
    nophp: bool = False
    problem: str = ""
    hints: Mapping[str, str] = field(default_factory=dict)


def question(paths: AppPaths, php: str, nonce: str, *, probe: bool) -> str:
    """The script. `nonce` marks the sections, so that no file's text can pretend to be one."""
    lines = [
        f"cd {shlex.quote(paths.root)} 2>/dev/null || exit 0",
        f'c="{_CACHED}"; d="${{c%/*}}"',
        f"echo '{nonce} signature'; pwd -P; stat -L -c '%n %i %Y %Z %s' {_FILES} 2>/dev/null",
        f"""if [ -e "$c" ] || {{ [ -d "$d" ] && [ ! -x "$d" ]; }}; then echo '{nonce} cached'; fi""",
        f"if [ -r .env ]; then echo '{nonce} env'; cat .env || echo '{nonce} closed'; echo",
        f"elif [ -e .env ] || [ -L .env ]; then echo '{nonce} closed'; fi",
    ]
    if probe:
        lines += [
            f"if command -v {shlex.quote(php)} >/dev/null 2>&1; then",
            f"OPSCONSOLE_CACHED=\"$c\" OPSCONSOLE_NONCE='{nonce}' {shlex.quote(php)} <<'OPSCONSOLE_{nonce}'",
            PROBE.rstrip("\n"),
            f"OPSCONSOLE_{nonce}",
            f"else echo '{nonce} nophp'; fi",
            f"echo '{nonce} version'",
            "f=vendor/laravel/framework/src/Illuminate/Foundation/Application.php",
            '[ -r $f ] && sed -n "s/.*const VERSION = \'\\([0-9.]*\\).*/\\1/p" $f',
            f"echo '{nonce} prefix'; grep -o '[_-]database[_-]' config/database.php 2>/dev/null | head -n 1",
        ]
    return "\n".join(lines)


def cut(stdout: bytes, stderr: bytes, nonce: str) -> ProbeAnswer:
    """The answer in what the script printed."""
    text = stdout.decode("utf-8", "surrogateescape")
    sections: dict[str, str] = {}
    for part in text.split(f"{nonce} ")[1:]:
        name, _, body = part.partition("\n")
        sections[name] = body
    values: dict[str, str] = {}
    env = EnvFile.ABSENT
    if "closed" in sections:
        env = EnvFile.UNREADABLE
    elif "env" in sections:
        env, values = EnvFile.READ, parse(sections["env"].removesuffix("\n"))
    document, problem = _document(sections, stderr)
    return ProbeAnswer(
        signature=sections.get("signature", "").strip(),
        env=env,
        values=values,
        cached="cached" in sections,
        php=document,
        nophp="nophp" in sections,
        problem=_without_secrets(problem, values),
        hints={name: sections[name].strip() for name in ("version", "prefix") if sections.get(name, "").strip()},
    )


def _document(sections: dict[str, str], stderr: bytes) -> tuple[Mapping[str, Json] | None, str]:
    if "nophp" in sections:
        return None, "there is no PHP on the host"
    failed = "PHP could not read the application's configuration"
    said = " ".join(stderr.decode("utf-8", "surrogateescape").split())
    if "probe" not in sections:
        return None, f"{failed}{f': {said}' if said else ''}"
    try:
        found = json.loads(sections["probe"])
    except ValueError:
        return None, f"{failed}: it gave an answer that is no JSON"
    if isinstance(found, dict) and "error" in found:
        return None, f"{failed}: {found['error']}{f' {said}' if said else ''}"
    if not isinstance(found, dict) or not isinstance(found.get("config"), dict):
        return None, f"{failed}: it gave an answer of the wrong shape"
    return found, ""


def _without_secrets(problem: str, values: Mapping[str, str]) -> str:
    """The reason on one harmless line. An application's own error may quote what its `.env` holds: phpdotenv names the
    value that it cannot read, whatever its key is."""
    secrets = [Secret(value) for key, value in values.items() if _TELLING.search(key)]
    return Raw.of(Redactor().knowing(*secrets).text(_QUOTED.sub("at […]", problem))).show(400)
