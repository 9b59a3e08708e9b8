<?php

namespace App\Console;

use Illuminate\Console\Scheduling\Schedule;
use Illuminate\Foundation\Console\Kernel as Base;

class Kernel extends Base
{
    protected function schedule(Schedule $schedule)
    {
        $schedule->command('queue:prune-batches --hours=48')->dailyAt('03:10');
        $schedule->command('lab:log --count=1')->hourly();
    }

    protected function commands()
    {
        $this->load(__DIR__.'/Commands');
    }
}
