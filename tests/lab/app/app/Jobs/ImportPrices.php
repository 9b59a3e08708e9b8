<?php

namespace App\Jobs;

use Illuminate\Contracts\Queue\ShouldQueue;
use RuntimeException;

/** Fails as long as the file `flaky` lies in the storage, and succeeds once it is gone. */
class ImportPrices extends Job implements ShouldQueue
{
    public function handle()
    {
        if (file_exists(storage_path('app/flaky'))) {
            throw new RuntimeException("price list {$this->number} is locked by the supplier");
        }
        file_put_contents(storage_path('app/imported'), "{$this->number}\n", FILE_APPEND | LOCK_EX);
    }
}
