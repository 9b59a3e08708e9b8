<?php

$down = __DIR__.'/../storage/framework/maintenance.php';
if (is_file($down)) {
    require $down;
}

require __DIR__.'/../vendor/autoload.php';

$app = require __DIR__.'/../bootstrap/app.php';
$http = $app->make(Illuminate\Contracts\Http\Kernel::class);
$request = Illuminate\Http\Request::capture();
$response = $http->handle($request);
$response->send();
$http->terminate($request, $response);
