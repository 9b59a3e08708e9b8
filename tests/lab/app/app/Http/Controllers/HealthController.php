<?php

namespace App\Http\Controllers;

use App\Health\Checks;
use Illuminate\Routing\Controller;

class HealthController extends Controller
{
    public function up()
    {
        return response()->json(['status' => 'ok', 'version' => config('version.number')]);
    }

    public function whole(Checks $checks)
    {
        return $this->answer($checks->whole());
    }

    public function one(Checks $checks, string $name)
    {
        return $this->answer($checks->one($name));
    }

    private function answer(array $result)
    {
        return response()->json($result, $result['status'] === 'fail' ? 503 : 200);
    }
}
