<?php

namespace App\Jobs;

use Illuminate\Contracts\Queue\ShouldQueue;

/** Outlives its own limit, so the worker that runs it is killed; afterwards it counts as tried too often. */
class CallPartner extends Job implements ShouldQueue
{
    public $timeout = 1;

    public function handle()
    {
        sleep(30);
    }
}
