<?php

namespace App\Jobs;

use Illuminate\Contracts\Queue\ShouldQueue;
use Illuminate\Support\Facades\DB;

/** Fails inside the database: the column it writes does not exist. */
class WriteLedger extends Job implements ShouldQueue
{
    public function handle()
    {
        DB::table('sessions')->where('id', "order-{$this->number}")->update(['ledger_line' => $this->note]);
    }
}
