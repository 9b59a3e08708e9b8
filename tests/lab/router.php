<?php

/*
 * Stands between PHP's own web server and the application: it follows the `current` link anew for each request, and
 * one word in the mode file makes it misbehave. Waiting modes end as soon as the word changes, so no worker stays lost.
 */

function mode(): string
{
    return trim((string) @file_get_contents(getenv('LAB_MODE'))) ?: 'normal';
}

function wait(float $seconds, string $while): void
{
    for ($until = microtime(true) + $seconds; microtime(true) < $until && mode() === $while;) {
        usleep(20_000);
    }
}

$mode = mode();
[$word, $number] = array_pad(explode(':', $mode, 2), 2, '');
if ($word === 'slow') {
    wait((float) $number, $mode);
} elseif ($word === 'hang') {
    wait(3600, $mode);

    return true;
} elseif ($word === 'empty') {
    return true;
} elseif ($word === 'badjson') {
    header('Content-Type: application/json');
    echo '{"status": "ok", "checks": [';

    return true;
} elseif ($word === 'reset') {
    header('Content-Length: 4096');
    echo '{"status"';

    return true;
} elseif ($word === 'redirect') {
    header('Location: /elsewhere', true, 302);

    return true;
} elseif (ctype_digit($word)) {
    http_response_code((int) $word);
    echo "<h1>{$word}</h1>";

    return true;
}
clearstatcache(true); // PHP remembers where a link led for two minutes
$public = realpath(getenv('LAB_CURRENT')).'/public';
$_SERVER['DOCUMENT_ROOT'] = $public;
$_SERVER['SCRIPT_NAME'] = '/index.php';
$_SERVER['SCRIPT_FILENAME'] = "{$public}/index.php";
chdir($public);
require "{$public}/index.php";
