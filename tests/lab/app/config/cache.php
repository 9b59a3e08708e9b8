<?php

return [
    'default' => env('CACHE_DRIVER', 'redis'),
    'stores' => [
        'redis' => ['driver' => 'redis', 'connection' => 'cache', 'lock_connection' => 'default'],
        'database' => ['driver' => 'database', 'table' => 'cache'],
        'file' => ['driver' => 'file', 'path' => storage_path('framework/cache/data')],
        'array' => ['driver' => 'array'],
    ],
    'prefix' => env('CACHE_PREFIX', 'shop_cache'),
];
