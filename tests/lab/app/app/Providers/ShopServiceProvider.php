<?php

namespace App\Providers;

use App\Health\Checks;
use Illuminate\Support\ServiceProvider;

class ShopServiceProvider extends ServiceProvider
{
    public function register()
    {
        $this->app->singleton(Checks::class);
    }
}
