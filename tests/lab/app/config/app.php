<?php

$ours = array_map(fn ($name) => "App\\Providers\\{$name}ServiceProvider", ['Shop', 'Route']);
$framework = array_map(fn ($name) => "Illuminate\\{$name}ServiceProvider", [
    'Auth\\Auth', 'Bus\\Bus', 'Cache\\Cache', 'Foundation\\Providers\\ConsoleSupport', 'Cookie\\Cookie',
    'Database\\Database', 'Encryption\\Encryption', 'Filesystem\\Filesystem', 'Foundation\\Providers\\Foundation',
    'Hashing\\Hash', 'Mail\\Mail', 'Notifications\\Notification', 'Pipeline\\Pipeline', 'Queue\\Queue',
    'Redis\\Redis', 'Session\\Session', 'Translation\\Translation', 'Validation\\Validation', 'View\\View',
]);

return [
    'name' => env('APP_NAME', 'Laravel'),
    'env' => env('APP_ENV', 'production'),
    'debug' => (bool) env('APP_DEBUG', false),
    'url' => env('APP_URL', 'http://localhost'),
    'timezone' => env('APP_TIMEZONE', 'UTC'),
    'locale' => 'en',
    'fallback_locale' => 'en',
    'key' => env('APP_KEY'),
    'cipher' => 'AES-256-CBC',
    'providers' => array_merge($framework, $ours),
    'aliases' => [],
];
