<?php

use Illuminate\Contracts\Console\Kernel as ConsoleKernel;
use Illuminate\Contracts\Debug\ExceptionHandler;
use Illuminate\Contracts\Http\Kernel as HttpKernel;
use Illuminate\Foundation\Application;

$app = new Application(dirname(__DIR__));
foreach ([
    HttpKernel::class => App\Http\Kernel::class,
    ConsoleKernel::class => App\Console\Kernel::class,
    ExceptionHandler::class => App\Exceptions\Handler::class,
] as $contract => $ours) {
    $app->singleton($contract, $ours);
}

return $app;
