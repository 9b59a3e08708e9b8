<?php

namespace App\Console\Commands;

use App\Jobs;
use Illuminate\Console\Command;
use Illuminate\Support\Facades\Bus;
use InvalidArgumentException;

class DispatchJobs extends Command
{
    private const KINDS = [
        'ok' => Jobs\PackOrder::class,
        'flaky' => Jobs\ImportPrices::class,
        'refused' => Jobs\ChargeCard::class,
        'tries' => Jobs\SyncStock::class,
        'query' => Jobs\WriteLedger::class,
        'slow' => Jobs\EncodeClip::class,
        'pallet' => Jobs\PackPallet::class,
        'encrypted' => Jobs\RotateKey::class,
        'hostile' => Jobs\PrintLabel::class,
        'stuck' => Jobs\CallPartner::class,
        'large' => Jobs\ExportRows::class,
        'unicode' => Jobs\GreetCustomer::class,
    ];

    private const FAILING = ['refused', 'tries', 'query', 'encrypted', 'hostile', 'large', 'unicode'];

    protected $signature = 'lab:dispatch {kind : one kind, or `failing` for one of each that fails}
        {--count=1} {--connection=} {--queue=default} {--delay=0} {--note=} {--first=1 : number of the first job}';

    protected $description = 'Put jobs of one kind into a queue';

    public function handle()
    {
        $kind = $this->argument('kind');
        $connection = $this->option('connection') ?: config('queue.default');
        foreach ($kind === 'failing' ? self::FAILING : [$kind] as $each) {
            for ($i = 0; $i < (int) $this->option('count'); $i++) {
                $this->put($each, (int) $this->option('first') + $i, $connection);
            }
        }

        return 0;
    }

    private function put(string $kind, int $number, string $connection): void
    {
        $queue = $this->option('queue');
        if ($kind === 'batch') {
            $parts = array_map(fn ($part) => new Jobs\AddUp($part), range(0, 7));
            Bus::batch($parts)->name("Totals {$number}")->allowFailures()->onConnection($connection)->onQueue($queue)->dispatch();

            return;
        }
        if ($kind === 'chain') {
            Bus::chain([new Jobs\PackOrder($number), new Jobs\PackOrder($number + 1)])->onConnection($connection)->onQueue($queue)->dispatch();

            return;
        }
        if ($kind === 'closure') {
            dispatch(fn () => logger()->info('closure ran', ['number' => $number]))->onConnection($connection)->onQueue($queue);

            return;
        }
        $class = self::KINDS[$kind] ?? throw new InvalidArgumentException("no kind of job is called {$kind}");
        $note = $kind === 'large' ? str_repeat("row {$number};", 6_000) : (string) $this->option('note');
        $job = (new $class($number, $note))->onConnection($connection)->onQueue($queue);
        if ((int) $this->option('delay') > 0) {
            $job->delay((int) $this->option('delay'));
        }
        dispatch($job);
    }
}
