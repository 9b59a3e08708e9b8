<?php

use Illuminate\Database\Migrations\Migration;
use Illuminate\Database\Schema\Blueprint;
use Illuminate\Support\Facades\Schema;

return new class extends Migration
{
    public function up()
    {
        // A deploy can be watched, or its processes killed, while this one takes its time.
        usleep((int) (1_000_000 * (float) config('version.migration_seconds')));
        Schema::create('gift_cards', function (Blueprint $table) {
            $table->id();
            $table->string('code')->unique();
            $table->unsignedInteger('cents');
        });
    }

    public function down()
    {
        Schema::dropIfExists('gift_cards');
    }
};
