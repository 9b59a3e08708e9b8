<?php

namespace App\Health;

use Illuminate\Support\Facades\Cache;
use Illuminate\Support\Facades\DB;
use Illuminate\Support\Facades\Queue;
use RuntimeException;
use Throwable;

/** Asks each part of the shop whether it works; the worst answer is the whole's. */
class Checks
{
    private const PARTS = ['app', 'database', 'cache', 'queue', 'mail', 'storage'];

    public function whole(): array
    {
        $parts = [];
        $worst = 'ok';
        foreach (self::PARTS as $part) {
            $parts[$part] = $this->one($part);
            $status = $parts[$part]['status'];
            $worst = $status === 'fail' || $worst === 'fail' ? 'fail' : ($status === 'warn' ? 'warn' : $worst);
        }

        return [
            'status' => $worst,
            'version' => config('version.number'),
            'release' => basename(base_path()),
            'host' => env('LAB_HOST', gethostname()),
            'checks' => $parts,
        ];
    }

    public function one(string $part): array
    {
        $began = microtime(true);
        try {
            $found = $this->{$part}();
        } catch (Throwable $e) {
            $found = ['status' => 'fail', 'error' => class_basename($e).': '.mb_strimwidth($e->getMessage(), 0, 200, '…')];
        }

        return $found + ['status' => 'ok', 'name' => $part, 'ms' => round((microtime(true) - $began) * 1000, 1)];
    }

    private function app(): array
    {
        return ['laravel' => app()->version(), 'php' => PHP_VERSION, 'env' => app()->environment()];
    }

    private function database(): array
    {
        $ran = DB::table('migrations')->count();
        $pending = count(glob(database_path('migrations/*.php'))) - $ran;

        return ['status' => $pending > 0 ? 'warn' : 'ok', 'migrations' => $ran, 'pending' => max(0, $pending)];
    }

    private function cache(): array
    {
        $key = 'health-'.bin2hex(random_bytes(6));
        Cache::put($key, 'here', 5);
        if (Cache::pull($key) !== 'here') {
            throw new RuntimeException('the cache lost what was put in');
        }

        return ['store' => config('cache.default')];
    }

    private function queue(): array
    {
        $sizes = [];
        foreach (['database', 'redis'] as $connection) {
            $sizes[$connection] = Queue::connection($connection)->size('default');
        }

        return ['default' => $sizes];
    }

    private function mail(): array
    {
        $host = config('mail.mailers.smtp.host');
        $port = config('mail.mailers.smtp.port');
        $link = @stream_socket_client("tcp://{$host}:{$port}", $number, $reason, 2);
        if ($link === false) {
            throw new RuntimeException("no mail server at {$host}:{$port}: {$reason}");
        }
        stream_set_timeout($link, 2);
        $greeting = (string) fgets($link);
        fclose($link);
        if (! str_starts_with($greeting, '220')) {
            throw new RuntimeException('the mail server did not greet');
        }

        return ['greeting' => trim($greeting)];
    }

    private function storage(): array
    {
        $file = tempnam(storage_path('framework'), 'health');
        if ($file === false || ! unlink($file)) {
            throw new RuntimeException('storage is not writable');
        }

        return ['free_bytes' => (int) disk_free_space(storage_path())];
    }
}
