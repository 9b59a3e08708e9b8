<?php

use App\Http\Controllers\HealthController;
use Illuminate\Support\Facades\Route;

Route::get('/up', [HealthController::class, 'up']);
Route::get('/health', [HealthController::class, 'whole']);
Route::get('/health/{name}', [HealthController::class, 'one'])->where('name', 'app|database|cache|queue|mail|storage');
