<?php

namespace App\Exceptions;

use Illuminate\Foundation\Exceptions\Handler as Base;

class Handler extends Base
{
}
