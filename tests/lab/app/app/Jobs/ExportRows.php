<?php

namespace App\Jobs;

use Illuminate\Contracts\Queue\ShouldQueue;
use OverflowException;

/** Carries a large payload and fails with a larger message. */
class ExportRows extends Job implements ShouldQueue
{
    public function handle()
    {
        throw new OverflowException("export {$this->number} is too wide: ".str_repeat('column,', 10_000));
    }
}
