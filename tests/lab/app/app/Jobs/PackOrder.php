<?php

namespace App\Jobs;

use Illuminate\Contracts\Queue\ShouldQueue;

/** Succeeds, and notes its number in the shared storage. */
class PackOrder extends Job implements ShouldQueue
{
    public function handle()
    {
        file_put_contents(storage_path('app/packed'), "{$this->number}\n", FILE_APPEND | LOCK_EX);
        logger()->info('order packed', ['number' => $this->number]);
    }
}
