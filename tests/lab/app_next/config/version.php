<?php

return ['number' => '1.1.0', 'migration_seconds' => env('LAB_MIGRATION_SECONDS', 0)];
