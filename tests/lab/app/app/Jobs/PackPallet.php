<?php

namespace App\Jobs;

use Illuminate\Contracts\Queue\ShouldQueue;

/** Works as many seconds as its note says, and leaves a line when it starts and one when it ends: what, uuid, pid, time,
 * release. A job that was cut has no second line; one that ran twice has two of the first. */
class PackPallet extends Job implements ShouldQueue
{
    public $tries = 3;

    public $timeout = 600;

    public function handle()
    {
        $this->say('start');
        // Not one long sleep: a signal would end that early, and hide a job that was hurried.
        $end = microtime(true) + (float) ($this->note ?: '2');
        while (microtime(true) < $end) {
            usleep(50_000);
        }
        $this->say('end');
    }

    private function say(string $what): void
    {
        $line = json_encode([$what, $this->job->uuid(), getmypid(), microtime(true), basename(base_path())]);
        file_put_contents(storage_path('app/pallets'), "{$line}\n", FILE_APPEND | LOCK_EX);
    }
}
