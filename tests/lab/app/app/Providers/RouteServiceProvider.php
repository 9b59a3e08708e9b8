<?php

namespace App\Providers;

use Illuminate\Foundation\Support\Providers\RouteServiceProvider as Base;
use Illuminate\Support\Facades\Route;

class RouteServiceProvider extends Base
{
    public function boot()
    {
        $this->routes(function () {
            foreach (['health', 'web'] as $group) {
                Route::middleware($group)->group(base_path("routes/{$group}.php"));
            }
        });
    }
}
