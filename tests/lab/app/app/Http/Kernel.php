<?php

namespace App\Http;

use Illuminate\Cookie\Middleware\AddQueuedCookiesToResponse;
use Illuminate\Foundation\Http\Kernel as Base;
use Illuminate\Foundation\Http\Middleware\PreventRequestsDuringMaintenance;
use Illuminate\Routing\Middleware\SubstituteBindings;
use Illuminate\Session\Middleware\StartSession;

class Kernel extends Base
{
    protected $middleware = [PreventRequestsDuringMaintenance::class];

    protected $middlewareGroups = [
        'web' => [AddQueuedCookiesToResponse::class, StartSession::class, SubstituteBindings::class],
        'health' => [SubstituteBindings::class],
    ];
}
