<?php

namespace App\Jobs;

use DomainException;
use Illuminate\Contracts\Queue\ShouldQueue;
use RuntimeException;

/** Always fails, with a message of several lines and the exception that caused it. */
class ChargeCard extends Job implements ShouldQueue
{
    public function handle()
    {
        try {
            $this->ask(8);
        } catch (RuntimeException $cause) {
            $lines = ["Card refused for order {$this->number}", '  answer of the bank:', '    code: do_not_honour', '    in 3 days: maybe'];
            throw new DomainException(implode("\n", $lines), 402, $cause);
        }
    }

    private function ask(int $depth): void
    {
        if ($depth > 0) {
            $this->ask($depth - 1);
        }
        throw new RuntimeException("bank answered 402 {\"order\":{$this->number},\"reason\":\"do_not_honour\"}", 402);
    }
}
