<?php

$sql = env('DB_CONNECTION', 'mysql');
$blockFor = env('REDIS_BLOCK_FOR') === null ? null : (int) env('REDIS_BLOCK_FOR');
$retryAfter = (int) env('QUEUE_RETRY_AFTER', 90);

return [
    'default' => env('QUEUE_CONNECTION', 'database'),
    'connections' => [
        'sync' => ['driver' => 'sync'],
        'database' => ['driver' => 'database', 'table' => 'jobs', 'queue' => 'default', 'retry_after' => $retryAfter],
        'redis' => ['driver' => 'redis', 'connection' => 'default', 'queue' => 'default', 'retry_after' => $retryAfter, 'block_for' => $blockFor],
    ],
    'batching' => ['database' => $sql, 'table' => 'job_batches'],
    'failed' => ['driver' => env('QUEUE_FAILED_DRIVER', 'database-uuids'), 'database' => $sql, 'table' => 'failed_jobs'],
];
