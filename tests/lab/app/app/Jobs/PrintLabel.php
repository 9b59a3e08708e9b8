<?php

namespace App\Jobs;

use Illuminate\Contracts\Queue\ShouldQueue;
use RuntimeException;

/**
 * Fails with text made to harm a terminal: escape sequences, a clipboard write, a title, markup of the
 * screen's toolkit, NUL, C1 controls, right-to-left overrides, zero-width characters, bells and returns.
 */
class PrintLabel extends Job implements ShouldQueue
{
    public function handle()
    {
        $parts = [
            "red \x1b[31mALERT\x1b[0m clear \x1b[2J\x1b[H",
            "clipboard \x1b]52;c;cm0gLXJmIH4=\x07",
            "title \x1b]0;owned\x07 link \x1b]8;;http://evil.example.test\x1b\\click\x1b]8;;\x1b\\",
            '[bold red]markup[/bold red] [/x] [@click=app.quit]press[/]',
            "nul \0 bell \x07 back \x08\x08 return \r over",
            "c1 \u{9b}31m \u{9d}0;t\u{9c} bidi \u{202e}gnp.exe\u{202c} \u{2066}isolate\u{2069} zero\u{200b}width\u{feff}",
        ];
        throw new RuntimeException("label {$this->number}: ".implode("\n", $parts));
    }
}
