<?php

namespace App\Jobs;

use Illuminate\Contracts\Queue\ShouldBeEncrypted;
use Illuminate\Contracts\Queue\ShouldQueue;
use UnexpectedValueException;

/** Its payload is encrypted, and it fails. */
class RotateKey extends Job implements ShouldBeEncrypted, ShouldQueue
{
    public function handle()
    {
        throw new UnexpectedValueException("partner refused the new key of account {$this->number}");
    }
}
