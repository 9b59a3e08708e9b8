<?php

namespace App\Jobs;

use Illuminate\Contracts\Queue\ShouldQueue;
use LengthException;

/** One part of a batch; every fourth fails. */
class AddUp extends Job implements ShouldQueue
{
    public function handle()
    {
        if ($this->number % 4 === 3) {
            throw new LengthException("column {$this->number} has no sum");
        }
    }
}
