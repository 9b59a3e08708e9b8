<?php

namespace App\Jobs;

use Illuminate\Bus\Batchable;
use Illuminate\Bus\Queueable;
use Illuminate\Queue\InteractsWithQueue;

/** What every job of the shop has. A job is known by a number the dispatcher counts up. */
abstract class Job
{
    use Batchable, InteractsWithQueue, Queueable;

    public $tries = 1;

    public function __construct(public int $number, public string $note = '')
    {
    }
}
