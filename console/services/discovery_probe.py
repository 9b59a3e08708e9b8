"""What is asked on a host to find out about its application, and how the answer is cut apart.

Owns the shell script, the PHP program it feeds to `php` over stdin, and the sections of their output. The program reads
the application's own configuration without booting its providers, so that nothing is connected to or written there.
Must not run anything itself.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import cast

from console.domain.documents import Json
from console.domain.environment import AppPaths
from console.domain.untrusted import Raw

_FILES = ".env bootstrap/cache/config.php config/app.php config/cache.php config/database.php config/queue.php"

PROBE = r"""<?php
error_reporting(0);
ini_set('display_errors', '0');
ob_start();
$nonce = getenv('OPSCONSOLE_NONCE');
function ops_app() { require 'vendor/autoload.php'; return require 'bootstrap/app.php'; }
function ops_url($c) {
    $parser = 'Illuminate\Support\ConfigurationUrlParser';
    return class_exists($parser) ? (new $parser)->parseConfiguration($c) : $c;
}
function ops_one($value) { return is_array($value) ? (string) reset($value) : (string) $value; }
function ops_sql($c) {
    $c = ops_url($c);
    if (isset($c['write']) && is_array($c['write'])) {
        $c = array_merge($c, isset($c['write'][0]) ? (array) $c['write'][0] : $c['write']);
    }
    return ['driver' => ops_one($c['driver'] ?? ''), 'host' => ops_one($c['host'] ?? ''),
        'port' => (int) ops_one($c['port'] ?? 0), 'socket' => ops_one($c['unix_socket'] ?? ''),
        'database' => ops_one($c['database'] ?? ''), 'user' => ops_one($c['username'] ?? ''),
        'password' => ops_one($c['password'] ?? ''), 'prefix' => ops_one($c['prefix'] ?? '')];
}
function ops_redis($c, $options) {
    $c = ops_url($c);
    $scheme = strtolower(ops_one($c['driver'] ?? $c['scheme'] ?? ''));
    $host = ops_one($c['host'] ?? '');
    $socket = ops_one($c['path'] ?? '');
    if (strpos($host, 'unix:') === 0) { $socket = preg_replace('~^unix:(//)?~', '', $host); }
    if (strpos($host, '/') === 0) { $socket = $host; }
    if ($scheme === 'tls' || $scheme === 'rediss') { $host = 'tls://' . preg_replace('~^tls://~', '', $host); }
    $own = $c['options'] ?? [];
    return ['host' => $socket === '' ? $host : '', 'port' => (int) ops_one($c['port'] ?? 6379), 'socket' => $socket,
        'database' => (int) ops_one($c['database'] ?? 0), 'user' => ops_one($c['username'] ?? ''),
        'password' => ops_one($c['password'] ?? ''),
        'prefix' => ops_one($c['prefix'] ?? $own['prefix'] ?? $options['prefix'] ?? '')];
}
function ops_read() {
    $boot = 'Illuminate\Foundation\Bootstrap\\';
    try {
        $app = ops_app();
        $app->bootstrapWith([$boot . 'LoadEnvironmentVariables', $boot . 'LoadConfiguration']);
    } catch (Throwable $e) {
        $app = require 'bootstrap/app.php';
        $app->make('Illuminate\Contracts\Console\Kernel')->bootstrap();
    }
    $config = $app->make('config');
    $default = (string) $config->get('database.default');
    $sql = [];
    foreach ((array) $config->get('database.connections', []) as $name => $c) { $sql[$name] = ops_sql((array) $c); }
    $options = (array) $config->get('database.redis.options', []);
    $redis = [];
    foreach ((array) $config->get('database.redis', []) as $name => $c) {
        if (!is_array($c) || $name === 'options' || $name === 'clusters') { continue; }
        $redis[$name] = ops_redis($c, $options);
    }
    $queues = [];
    foreach ((array) $config->get('queue.connections', []) as $name => $c) {
        $driver = $c['driver'] ?? '';
        if ($driver !== 'database' && $driver !== 'redis') { continue; }
        $target = $c['connection'] ?? ($driver === 'redis' ? 'default' : $default);
        $queues[$name] = ['driver' => $driver, 'target' => $target ?: $default, 'table' => $c['table'] ?? 'jobs',
            'queue' => $c['queue'] ?? 'default', 'retry_after' => (int) ($c['retry_after'] ?? 60)];
    }
    $failed = (array) $config->get('queue.failed', []);
    $driver = array_key_exists('driver', $failed) ? ($failed['driver'] ?? 'null')
        : (isset($failed['table']) ? 'database' : 'null');
    $batching = (array) $config->get('queue.batching', []);
    $store = (string) ($config->get('cache.default') ?? '');
    $cache = (array) $config->get("cache.stores.$store", []);
    return ['laravel' => (string) $app->version(), 'app_env' => (string) $config->get('app.env'),
        'app_key' => substr(hash('sha256', (string) $config->get('app.key')), 0, 12),
        'timezone' => (string) ($config->get('app.timezone') ?? 'UTC'),
        'sql' => (object) $sql, 'default_sql' => $default, 'redis' => (object) $redis, 'queues' => (object) $queues,
        'default_queue' => (string) $config->get('queue.default'),
        'failed' => ['driver' => (string) $driver, 'database' => (string) (($failed['database'] ?? '') ?: $default),
            'table' => (string) ($failed['table'] ?? 'failed_jobs')],
        'batching' => ['database' => (string) (($batching['database'] ?? '') ?: $default),
            'table' => (string) ($batching['table'] ?? 'job_batches')],
        'cache_store' => $store, 'cache_redis' => ($cache['driver'] ?? '') === 'redis'
            ? (string) ($cache['connection'] ?? 'default') : ''];
}
try { $answer = ops_read(); } catch (Throwable $e) {
    $answer = ['error' => get_class($e) . ': ' . substr(strtok($e->getMessage(), "\n"), 0, 300)];
}
while (ob_get_level() > 0) { ob_end_clean(); }
echo "\n", $nonce, " probe\n", json_encode($answer, JSON_INVALID_UTF8_SUBSTITUTE), "\n";
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a host said. `signature` is empty when there is no application; `env` None without a `.env`.

    `document` is the probe's, None when it was not asked or gave none, and then `problem` says why. `hints` is what the
    files say without PHP: `version` of the framework and `prefix` as the skeleton's Redis prefix is written there.
    """

    signature: str
    env: str | None
    document: dict[str, Json] | None
    problem: str
    hints: dict[str, str]


def question(paths: AppPaths, php: str, nonce: str, *, probe: bool) -> str:
    """The script. `nonce` marks the sections, so that no file's text can pretend to be one."""
    lines = [
        f"cd {shlex.quote(paths.root)} 2>/dev/null || exit 0",
        f"echo '{nonce} signature'; pwd -P; stat -L -c '%n %i %Y %Z %s' {_FILES} 2>/dev/null",
        f"if [ -e .env ]; then echo '{nonce} env'; cat .env; echo; fi",
    ]
    if probe:
        lines += [
            f"if command -v {shlex.quote(php)} >/dev/null 2>&1; then",
            f"OPSCONSOLE_NONCE='{nonce}' {shlex.quote(php)} <<'OPSCONSOLE_{nonce}'",
            PROBE.rstrip("\n"),
            f"OPSCONSOLE_{nonce}",
            f"else echo '{nonce} nophp'; fi",
            f"echo '{nonce} version'",
            "f=vendor/laravel/framework/src/Illuminate/Foundation/Application.php",
            '[ -r $f ] && sed -n "s/.*const VERSION = \'\\([0-9.]*\\).*/\\1/p" $f',
            f"echo '{nonce} prefix'; grep -o '[_-]database[_-]' config/database.php 2>/dev/null | head -n 1",
        ]
    return "\n".join(lines)


def cut(stdout: bytes, stderr: bytes, nonce: str) -> Answer:
    """The answer in what the script printed."""
    text = stdout.decode("utf-8", "surrogateescape")
    sections: dict[str, str] = {}
    for part in text.split(f"{nonce} ")[1:]:
        name, _, body = part.partition("\n")
        sections[name] = body
    document, problem = _document(sections, stderr)
    return Answer(
        signature=sections.get("signature", "").strip(),
        env=sections["env"].removesuffix("\n") if "env" in sections else None,
        document=document,
        problem=problem,
        hints={name: sections[name].strip() for name in ("version", "prefix") if sections.get(name, "").strip()},
    )


def _document(sections: dict[str, str], stderr: bytes) -> tuple[dict[str, Json] | None, str]:
    if "nophp" in sections:
        return None, "there is no PHP on the host"
    if "probe" not in sections:
        said = Raw(stderr.strip()).show(300)
        return None, f"PHP could not read the application's configuration{f': {said}' if said else ''}"
    try:
        found = json.loads(sections["probe"])
    except ValueError:
        return None, "PHP gave an answer that is no JSON"
    if not isinstance(found, dict):
        return None, "PHP gave an answer of the wrong shape"
    if "error" in found:
        return None, f"the application's configuration could not be read: {Raw.of(str(found['error'])).show(300)}"
    return cast("dict[str, Json]", found), ""
