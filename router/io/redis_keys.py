"""
Every key in Redis: its type, what it holds, how long it lives. All names stand behind a prefix (default `r:`).

| key                      | type   | holds                                                  | lives                  |
|--------------------------|--------|--------------------------------------------------------|------------------------|
| `t:<task>`               | hash   | the task's state, see the fields below                 | `keep_s` after its end |
| `in:<task>`              | string | input and metadata, packed                             | as the task            |
| `trail:<task>`           | list   | attempts, packed, in order                             | as the task            |
| `kept:<task>`            | hash   | position in the open attempt -> paid answer, packed    | to the attempt's end   |
| `due`                    | zset   | every non-terminal task -> ms when to look at it       | always                 |
| `ready:<queue>:<tenant>` | zset   | ready tasks of a tenant -> ms of their urgency         | while tasks are ready  |
| `turn:<queue>`           | zset   | tenants with ready tasks -> virtual time               | while tasks are ready  |
| `vt:<queue>`             | string | virtual time of the tenant served last                 | always                 |
| `slots:<tier>`           | zset   | running tasks of a tier -> end of their lease          | always                 |
| `claim:<token>`          | list   | tasks of a claim: repeated, it gets them again         | four leases            |
| `idem:<tenant>:<key>`    | string | task id and fingerprint of the body                    | as the task, >= 1 day  |
| `c:<call>`               | string | a call: state; until booked: reservation, task, ...    | 1 day, unknown 30 days |
| `open`                   | zset   | calls that may still run -> ms when they count as lost | always                 |
| `bal:<scope>:<window>`   | hash   | reserved, settled, unsettled, overrun; calls           | global always, 100 days|
| `windows`                | set    | the days that have balances of scope `global`          | always                 |
| `scopes`                 | set    | all scopes that ever had a balance                     | always                 |
| `budgets`                | hash   | scope -> its budgets: `per limit action;...`; @: when  | always                 |
| `told:<scope>:<window>`  | string | share of a budget that was told as an event            | to the window's end    |
| `parked`                 | zset   | tasks that a budget parked -> ms when they try again   | while they wait        |
| `front:<scope>:<per>`    | string | who waits first for room that calls under way hold:    | 6 s from its last try  |
|                          |        | task, its worst case, ms since when, ms until when     |                        |
| `gate:<tier>[/<place>]`  | hash   | rt, tt: when a rate is free again, ta: tokens of a     | always                 |
|                          |        | call lately; cu, ck: rest asked                        |                        |
|                          |        | for, times; bf, bu, bk, bp: breaker's failures, pause, |                        |
|                          |        | times, probe; at: last change, by the server's clock   |                        |
| `storm:<tenant>:<policy>`| hash   | escalations of this minute, and as they usually are    | 1 day                  |
| `ledger`                 | stream | every movement of money                                | 40 days, newest 10^7;  |
|                          |        |                                                        | till counted, archived |
| `cut`                    | string | the last line that was cut from the ledger             | always                 |
| `archived`               | string | the last line that an archiver has; set by it          | always                 |
| `cost:<hour>`            | hash   | dimensions -> sums; `@` the last line in them, `#`     | 35 days                |
|                          |        | how many tenants they tell apart, `#<tenant>` which    |                        |
| `cost:all`               | hash   | few dimensions -> sums since the beginning; `@`        | always                 |
| `costs`                  | zset   | hours that have sums                                   | always, cut behind now |
| `counting`               | hash   | open calls that are in the sums: where, and with what  | to their ends          |
| `doubt:<call>`           | string | the same of a call of unknown outcome                  | 100 days               |
| `unanswered`             | zset   | tasks that no attempt got an answer for yet -> ms      | 31 days, newest 10^5   |
| `events`                 | stream | moves and ends of tasks                                | about 10^6 newest      |
| `alarms`                 | stream | those of the events that somebody should look at       | about 10^3 newest      |
| `counts`                 | hash   | how often since the beginning: `task:` and a state it  | always                 |
|                          |        | ended in, `webhook:` and a status, `alarm:` and a kind |                        |
| `policy:<digest>`        | string | a published policy version, packed                     | while current or used  |
| `versions`               | zset   | policy versions -> ms from when on no task has them    | always                 |
| `current:<name>`         | string | JSON card of the current version, for producers        | always                 |
| `policies`               | set    | names of published policies                            | always                 |
| `published`              | hash   | policy -> ms when its current version became so        | always                 |
| `dead`                   | zset   | dead tasks -> ms when their record goes                | always, cut behind now |
| `review`                 | zset   | tasks that wait for a person -> ms since when          | always                 |
| `of:<tenant>:<day>`      | zset   | a tenant's tasks of a day -> ms when they came         | as its last record     |
| `waiting`                | hash   | tenant -> how many of its tasks have not ended         | always                 |
| `busy:<queue>`           | string | ms since when the queue has not been empty             | always                 |
| `pace:<tier>:<step>`     | string | tasks that left the queue in those ten seconds         | two minutes            |
| `wake:<queue or waiter>` | list   | hints to shifts, ids of ended tasks to waiters         | 10 min, newest 10^4    |
| `keys`, `keys:<tenant>`  | zset   | API keys -> ms when their record goes, inf for never   | always, cut behind now |
| `key:<id>`               | hash   | an API key, see the fields below; of its secret the    | 90 days after its end  |
|                          |        | digest alone                                           |                        |
| `rate:<tenant>`          | hash   | rt: ms when all of a minute's requests have come back; | 2 min                  |
|                          |        | at: last change, by the server's clock                 |                        |
| `asked:<request>`        | string | nothing: a request that was counted, in case its       | 1 min                  |
|                          |        | counting is sent again                                 |                        |
| `hook:<delivery>`        | hash   | an event on its way to a webhook, see the fields below | 3 days from delivery,  |
|                          |        |                                                        | 7 from giving up       |
| `hooks`                  | zset   | endpoints -> ms when to look at their deliveries       | while there are any    |
| `hooks:<endpoint>`       | zset   | deliveries that wait -> ms when they are due           | while there are any    |
| `flying:<endpoint>`      | zset   | deliveries on their way -> end of their lease          | while there are any    |
| `flies:<tenant>`         | zset   | the same of a tenant                                   | to their ends          |
| `endpoint:<endpoint>`    | hash   | f failures in a row, fs ms since when, d disabled      | 30 days from a failure |
| `hooked:<tenant>`        | zset   | deliveries -> ms of their last change                  | 8 days, newest 10^5    |
| `hooked`                 | zset   | tenants with deliveries -> ms of the last change       | always, cut behind now |
| `whsec:<tenant>`         | hash   | signing secrets: id -> created, expires, secret: in    | always                 |
|                          |        | clear, because they sign                               |                        |

A window is `d` and a day since 1970, or `h` and an hour, `m` and a minute where such a budget is published.

A queue is a tier's name, with `!` in front for suspects of a crash, who run alone.

Fields of `t:<task>`, short because there are millions: s state, q tier, n tenant, p policy digest, o urgency,
c created, d deadline, k keep_s, h priority, i idempotency key, r reply-to lists, l lease token, e lease end, g noted
lease, x crashes alone, z suspect, v kept answers may exist, w nano-dollars spent or held, y last operation, f ended,
why reason, origin the dead letter it was sent again for, redriven the task that was sent again for it,
audit the task that asks a larger tier the same, of the task that an audit is about, er when its contents were erased,
hook where to tell of it (as w of a delivery), tags that lists are narrowed down by (JSON), b how often it was given
back by processes that could not read it.

An endpoint is the SHA-1 of a tenant and a URL without its query.

Fields of `hook:<delivery>`: t task, n tenant, p policy digest, name policy name, w webhook (dialect, payload, URL),
x endpoint, e state of the task, c created, u changed, due when it is sent again, a attempts, s status, l lease token,
y token it was booked under last, r what was said last.

Fields of `key:<id>`: tenant, digest (SHA-256 of the secret, hex), scopes, created, expires, revoked, used (all in ms),
note, rate (requests a minute) and waiting (tasks) of its tenant at most, heir the key that was made in its place,
format what a process has to know to read it (1 where it is not there).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keys:
    """The names that Python reads and writes itself; the scripts make theirs from the prefix."""

    prefix: str = "r:"

    def task(self, task_id: str) -> str:
        return f"{self.prefix}t:{task_id}"

    def input(self, task_id: str) -> str:
        return f"{self.prefix}in:{task_id}"

    def trail(self, task_id: str) -> str:
        return f"{self.prefix}trail:{task_id}"

    def policy(self, digest: str) -> str:
        return f"{self.prefix}policy:{digest}"

    def current(self, name: str) -> str:
        return f"{self.prefix}current:{name}"

    def wake(self, who: str) -> str:
        return f"{self.prefix}wake:{who}"

    def turn(self, queue: str) -> str:
        return f"{self.prefix}turn:{queue}"

    def ready(self, queue: str, tenant: str) -> str:
        return f"{self.prefix}ready:{queue}:{tenant}"

    def slots(self, tier: str) -> str:
        return f"{self.prefix}slots:{tier}"

    def gate(self, place: str) -> str:
        return f"{self.prefix}gate:{place}"

    def api_key(self, key_id: str) -> str:
        return f"{self.prefix}key:{key_id}"

    def api_keys_of(self, tenant: str) -> str:
        return f"{self.prefix}keys:{tenant}"

    @property
    def api_keys(self) -> str:
        return f"{self.prefix}keys"

    def hook(self, delivery: str) -> str:
        return f"{self.prefix}hook:{delivery}"

    def hooked_of(self, tenant: str) -> str:
        return f"{self.prefix}hooked:{tenant}"

    def signing(self, tenant: str) -> str:
        return f"{self.prefix}whsec:{tenant}"

    def hooks_of(self, endpoint: str) -> str:
        return f"{self.prefix}hooks:{endpoint}"

    @property
    def hooks(self) -> str:
        return f"{self.prefix}hooks"

    @property
    def hooked(self) -> str:
        return f"{self.prefix}hooked"

    @property
    def parked(self) -> str:
        return f"{self.prefix}parked"

    @property
    def due(self) -> str:
        return f"{self.prefix}due"

    @property
    def open(self) -> str:
        return f"{self.prefix}open"

    @property
    def dead(self) -> str:
        return f"{self.prefix}dead"

    @property
    def review(self) -> str:
        return f"{self.prefix}review"

    @property
    def counts(self) -> str:
        return f"{self.prefix}counts"

    @property
    def published(self) -> str:
        return f"{self.prefix}published"

    @property
    def policies(self) -> str:
        return f"{self.prefix}policies"

    @property
    def ledger(self) -> str:
        return f"{self.prefix}ledger"

    @property
    def ledger_cut(self) -> str:
        return f"{self.prefix}cut"

    @property
    def cost_hours(self) -> str:
        return f"{self.prefix}costs"

    def cost(self, hour: int | str) -> str:
        return f"{self.prefix}cost:{hour}"

    @property
    def events(self) -> str:
        return f"{self.prefix}events"

    @property
    def alarms(self) -> str:
        return f"{self.prefix}alarms"

    @property
    def windows(self) -> str:
        return f"{self.prefix}windows"

    @property
    def scopes(self) -> str:
        return f"{self.prefix}scopes"

    @property
    def budgets(self) -> str:
        return f"{self.prefix}budgets"

    def balance(self, name: str) -> str:
        return f"{self.prefix}bal:{name}"
