<?php

namespace App\Jobs;

use Illuminate\Contracts\Queue\ShouldQueue;
use RuntimeException;

/** Fails at each of its three tries. */
class SyncStock extends Job implements ShouldQueue
{
    public $tries = 3;

    public $backoff = [0, 0];

    public function handle()
    {
        throw new RuntimeException("warehouse 7 does not answer (try {$this->attempts()} of 3, article A-{$this->number})");
    }
}
