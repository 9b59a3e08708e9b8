<?php

return [
    'default' => env('MAIL_MAILER', 'smtp'),
    'mailers' => [
        'smtp' => ['transport' => 'smtp', 'host' => env('MAIL_HOST', '127.0.0.1'), 'port' => env('MAIL_PORT', 25), 'timeout' => 5],
        'log' => ['transport' => 'log'],
    ],
    'from' => ['address' => 'shop@example.test', 'name' => 'Shop'],
];
