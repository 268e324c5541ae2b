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
| `parked`                 | zset   | tasks that a budget parked -> ms when they try again   | always, cut behind now |
| `gate:<tier>[/<place>]`  | hash   | rt, tt: when a rate is free again, ta: tokens of a     | always                 |
|                          |        | call lately; cu, ck: rest asked                        |                        |
|                          |        | for, times; bf, bu, bk, bp: breaker's failures, pause, |                        |
|                          |        | times, probe; at: last change, by the server's clock   |                        |
| `storm:<tenant>:<policy>`| hash   | escalations of this minute, and as they usually are    | 1 day                  |
| `ledger`                 | stream | every movement of money                                | always                 |
| `events`                 | stream | moves and ends of tasks                                | about 10^6 newest      |
| `alarms`                 | stream | those of the events that somebody should look at       | about 10^3 newest      |
| `policy:<digest>`        | string | a published policy version, packed                     | while current or used  |
| `versions`               | zset   | policy versions -> ms from when on no task has them    | always                 |
| `current:<name>`         | string | JSON card of the current version, for producers        | always                 |
| `policies`               | set    | names of published policies                            | always                 |
| `dead`                   | zset   | dead tasks -> ms when their record goes                | always, cut behind now |
| `review`                 | zset   | tasks that wait for a person -> ms since when          | always                 |
| `wake:<queue or waiter>` | list   | hints to shifts, ids of ended tasks to waiters         | 10 min, newest 10^4    |

A window is `d` and a day since 1970, or `h` and an hour, `m` and a minute where such a budget is published.

A queue is a tier's name, with `!` in front for suspects of a crash, who run alone.

Fields of `t:<task>`, short because there are millions: s state, q tier, n tenant, p policy digest, o urgency,
c created, d deadline, k keep_s, h priority, i idempotency key, r reply-to lists, l lease token, e lease end, g noted
lease, x crashes alone, z suspect, v kept answers may exist, w nano-dollars spent or held, y last operation, f ended,
why reason, origin the dead letter it was sent again for, redriven the task that was sent again for it,
audit the task that asks a larger tier the same, of the task that an audit is about.
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

    def gate(self, place: str) -> str:
        return f"{self.prefix}gate:{place}"

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
    def policies(self) -> str:
        return f"{self.prefix}policies"

    @property
    def ledger(self) -> str:
        return f"{self.prefix}ledger"

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
