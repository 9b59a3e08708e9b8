"""The demo's traffic: jobs that are dispatched, worked and sometimes fail, and the log lines they leave.

Owns one thread an environment. Must not be clever: what a person sees is that numbers move, that stopped workers let a
queue grow, and that failures look like real ones.
"""

from __future__ import annotations

import json
import random
import sqlite3
import threading
import time
import uuid
from datetime import UTC, datetime

import redis

from console.demo.application import DemoEnvironment

_TICK = 0.5
_MOST_FAILED = 400
_JOBS = {
    "high": ("App\\Jobs\\CapturePayment",),
    "default": ("App\\Jobs\\SendInvoice", "App\\Jobs\\ProcessOrder"),
    "notifications": ("App\\Jobs\\NotifyCustomer",),
}
_FAILURES = (
    ("App\\Exceptions\\RateLimited", "429 from api.reviews.example, retry after {n} s", "ProcessOrder.php:41"),
    ("Symfony\\Component\\Mailer\\Exception\\TransportException", "SMTP timeout after {n} s", "SendInvoice.php:28"),
    ("Illuminate\\Database\\QueryException", "SQLSTATE[40001]: Deadlock found (order {n})", "ProcessOrder.php:77"),
)
_LINES = (
    ("INFO", "order {n} placed", '{{"total":"19.99","currency":"EUR"}}'),
    ("INFO", "invoice {n} sent", '{{"ms":{ms}}}'),
    ("DEBUG", "cache miss for catalogue:{n}", "{{}}"),
    ("NOTICE", "customer {n} changed address", "{{}}"),
    ("WARNING", "rate limit near for api.reviews.example", '{{"remaining":{small}}}'),
)


def _texts(replies: object) -> list[str]:
    """The byte strings among a reply's elements, as text."""
    return [reply.decode() for reply in replies if isinstance(reply, bytes)] if isinstance(replies, list) else []


class Load:
    """One environment's traffic; `start` begins it and `stop` ends it within a tick."""

    def __init__(self, environment: DemoEnvironment, *, redis_port: int, seed: int) -> None:
        self._environment = environment
        self._random = random.Random(seed)  # noqa: S311  traffic, not a secret
        self._redis = redis.Redis(port=redis_port, db=environment.redis_database, protocol=2)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"demo-load-{environment.name}", daemon=True)

    def start(self) -> None:
        """Fills what an empty demo would lack, then keeps things moving."""
        with self._database() as connection:
            if not connection.execute("select 1 from failed_jobs limit 1").fetchone():
                for age in range(40, 0, -1):
                    self._fail(connection, seconds_ago=age * 240)
        for host in self._environment.hosts:
            for _ in range(30):
                self._log(host)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread."""
        self._stop.set()
        self._thread.join(2)

    def _database(self) -> sqlite3.Connection:
        return sqlite3.connect(self._environment.database, timeout=10, isolation_level=None)

    def _run(self) -> None:
        connection = self._database()
        busy = 1.0 if self._environment.protected else 0.3
        while not self._stop.wait(_TICK):
            try:
                self._dispatch(connection, busy)
                self._work(connection)
            except (sqlite3.OperationalError, ValueError, redis.RedisError):
                # A migration holds the file, or the state of the programs is being written: the next tick finds it.
                continue
            for host in self._environment.hosts:
                if self._random.random() < busy:
                    self._log(host)
        connection.close()

    def _key(self, queue: str) -> str:
        return f"{self._environment.prefix}queues:{queue}"

    def _payload(self, job: str) -> str:
        number = self._random.randint(1000, 9999)
        command = f'O:{len(job)}:"{job}":1:{{s:7:"orderId";i:{number};}}'
        document = {
            "uuid": str(uuid.uuid4()),
            "displayName": job,
            "job": "Illuminate\\Queue\\CallQueuedHandler@call",
            "maxTries": 3,
            "maxExceptions": None,
            "failOnTimeout": False,
            "backoff": None,
            "timeout": 60,
            "retryUntil": None,
            "data": {"commandName": job, "command": command},
            "createdAt": int(time.time()),
            "id": f"{self._random.getrandbits(128):032x}",
            "attempts": 0,
        }
        return json.dumps(document)

    def _dispatch(self, connection: sqlite3.Connection, busy: float) -> None:
        now = int(time.time())
        for queue, jobs in _JOBS.items():
            for _ in range(self._random.choice((0, 1, 1, 2) if busy == 1.0 else (0, 0, 0, 1))):
                self._redis.rpush(self._key(queue), self._payload(self._random.choice(jobs)))
        if self._random.random() < 0.1 * busy:
            due = now + self._random.randint(20, 120)
            self._redis.zadd(self._key("notifications:delayed"), {self._payload("App\\Jobs\\NotifyCustomer"): due})
        for _ in range(self._random.choice((0, 1, 3)) if busy == 1.0 else 0):
            connection.execute(
                "insert into jobs (queue, payload, attempts, available_at, created_at) values (?, ?, 0, ?, ?)",
                ("bulk-actions", self._payload("App\\Jobs\\ProcessBulkAction"), now, now),
            )

    def _running(self, program: str) -> int:
        count = 0
        for host in self._environment.hosts:
            programs = json.loads((self._environment.home(host) / "supervisor.json").read_text() or "{}")
            count += sum(p["state"] == "RUNNING" for name, p in programs.items() if name.startswith(program + ":"))
        return count

    def _work(self, connection: sqlite3.Connection) -> None:
        now = time.time()
        for queue in _JOBS:
            delayed, reserved = self._key(queue + ":delayed"), self._key(queue + ":reserved")
            for member in _texts(self._redis.zrangebyscore(delayed, 0, now)):
                self._redis.zrem(delayed, member)
                self._redis.rpush(self._key(queue), member)
            for member in _texts(self._redis.zrange(reserved, 0, -1)):
                self._redis.zrem(reserved, member)
                if self._random.random() < 0.015:
                    self._fail(connection, payload=member, queue=queue)
            for _ in range(self._running("laravel-worker")):
                for payload in _texts([self._redis.lpop(self._key(queue))]):
                    self._redis.zadd(reserved, {payload: now + 90})
        connection.execute("delete from jobs where reserved_at is not null")
        connection.execute(
            "update jobs set reserved_at = ?, attempts = 1 where id in (select id from jobs order by id limit ?)",
            (int(now), self._running("bulk-worker")),
        )

    def _fail(
        self, connection: sqlite3.Connection, *, seconds_ago: int = 0, payload: str = "", queue: str = "default"
    ) -> None:
        name, message, place = self._random.choice(_FAILURES)
        payload = payload or self._payload(self._random.choice(_JOBS["default"]))
        uid = json.loads(payload)["uuid"]
        text = message.format(n=self._random.randint(2, 60))
        folder = "/var/www/shop/app/Jobs/"
        trace = f"#0 {folder}{place.replace(':', '(')}): App\\Services\\Gateway->call()\n" + "".join(
            f"#{n} /var/www/shop/vendor/laravel/framework/src/Illuminate/Queue/Worker.php({n * 17}): process()\n"
            for n in range(1, 15)
        )
        failed_at = datetime.fromtimestamp(time.time() - seconds_ago, UTC)
        connection.execute(
            "insert or ignore into failed_jobs (uuid, connection, queue, payload, exception, failed_at)"
            " values (?, 'redis', ?, ?, ?, ?)",
            (
                uid,
                queue,
                payload,
                f"{name}: {text} in {folder}{place}\nStack trace:\n{trace}#15 {{main}}",
                f"{failed_at:%Y-%m-%d %H:%M:%S}",
            ),
        )
        connection.execute("delete from failed_jobs where id <= (select max(id) from failed_jobs) - ?", (_MOST_FAILED,))
        if not seconds_ago:
            host = self._random.choice(self._environment.hosts)
            context = f'{{"exception":"[object] ({name}(code: 0): {text} at {folder}{place})\n[stacktrace]\n{trace}"}}'
            self._write(host, "ERROR", text, context)

    def _log(self, host: str) -> None:
        level, message, context = self._random.choice(_LINES)
        values = {"n": self._random.randint(1000, 9999), "ms": self._random.randint(3, 900), "small": 3}
        self._write(host, level, message.format(**values), context.format(**values))

    def _write(self, host: str, level: str, message: str, context: str) -> None:
        stamp = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        with self._environment.log(host).open("a") as log:
            log.write(f"[{stamp}] {self._environment.name}.{level}: {message} {context} \n")
