<?php

namespace App\Jobs;

use Illuminate\Contracts\Queue\ShouldQueue;
use InvalidArgumentException;

/** Fails with text in several scripts, wide and combining characters. */
class GreetCustomer extends Job implements ShouldQueue
{
    public function handle()
    {
        throw new InvalidArgumentException("Grüße an Kundin {$this->number}: お客様 ✓ e\u{301} 👩‍👩‍👧 Łódź — “déjà vu”");
    }
}
