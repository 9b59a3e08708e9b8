<?php

return [
    'defaults' => ['guard' => 'web', 'passwords' => null],
    'guards' => ['web' => ['driver' => 'session', 'provider' => 'customers']],
    'providers' => ['customers' => ['driver' => 'database', 'table' => 'customers']],
];
