<?php

namespace App\Console\Commands;

use Illuminate\Console\Command;
use LogicException;
use RuntimeException;

class WriteLog extends Command
{
    protected $signature = 'lab:log {--count=1} {--level=info} {--message=} {--exception : with a trace and its cause}';

    protected $description = 'Write entries into the log the way the framework does';

    public function handle()
    {
        for ($i = 1; $i <= (int) $this->option('count'); $i++) {
            $context = ['seq' => $i];
            if ($this->option('exception')) {
                $context['exception'] = new RuntimeException("entry {$i} broke\nin two lines", 7, new LogicException('the cause'));
            }
            logger()->log($this->option('level'), $this->option('message') ?: "entry {$i}", $context);
        }

        return 0;
    }
}
