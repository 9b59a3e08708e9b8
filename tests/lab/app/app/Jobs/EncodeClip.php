<?php

namespace App\Jobs;

use Illuminate\Contracts\Queue\ShouldQueue;

/** Takes as many seconds as its note says, then succeeds. */
class EncodeClip extends Job implements ShouldQueue
{
    public $timeout = 600;

    public function handle()
    {
        usleep((int) (1_000_000 * (float) ($this->note ?: '2')));
        file_put_contents(storage_path('app/encoded'), "{$this->number}\n", FILE_APPEND | LOCK_EX);
    }
}
