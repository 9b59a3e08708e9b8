<?php

// The framework is the distribution's; only App\ is ours, so this stands where composer's autoloader would.
require_once 'Illuminate/autoload.php';

spl_autoload_register(static function (string $class): void {
    if (! str_starts_with($class, 'App\\')) {
        return;
    }
    $file = __DIR__.'/../app/'.strtr(substr($class, 4), '\\', '/').'.php';
    if (is_file($file)) {
        require $file;
    }
});
