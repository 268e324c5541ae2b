-- What every script shares; it stands in front of each of them.
-- KEYS[1]  prefix of all our keys (names are made from it: no Redis Cluster)
-- ARGV[1]  the time in Unix ms, for tests; empty in production, where the server's clock is the only one
local P = KEYS[1]

local function now()
  if ARGV[1] ~= '' then return tonumber(ARGV[1]) end
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local function int(n) return string.format('%.0f', n) end

-- Amounts stay text on their way: Redis adds integers exactly, and knows no '-0'.
local function minus(amount) return (amount == '0') and '0' or '-' .. amount end

-- A ready task that nobody takes is looked at again after so long, and a ms more for each that waits: were all of a
-- million looked at every minute, what is really due would wait behind them.
local READY_CHECK_MS = 60000
-- Wake-ups are hints, whoever waits looks by itself every few seconds: a few are enough for any number of tasks, and
-- what nobody reads is cut.
local WAKE_MAX = 8
local WAITER_MAX = 10000
local WAKE_KEEP_S = 600
local EVENTS_MAX = 1000000

local ENDS = {succeeded = true, rejected = true, dead = true, expired = true, cancelled = true}

-- The tenant of audits, and how many turns of a queue one of them takes: what callers wait for comes first.
local AUDITOR, AUDITS_COST = ':audit', 20
local function turn_cost(tenant) return (tenant == AUDITOR) and AUDITS_COST or 1 end

local function task_key(id) return P .. 't:' .. id end

local function event(kind, id, detail)
  redis.call('XADD', P .. 'events', 'MAXLEN', '~', EVENTS_MAX, '*', 'e', kind, 't', id, 'x', detail or '')
end

-- Somebody should look: told among the events, and kept by itself for those who only want this.
local ALARMS_MAX = 1000
local function alarm(kind, about, said)
  event(kind, about, said)
  redis.call('XADD', P .. 'alarms', 'MAXLEN', '~', ALARMS_MAX, '*', 'e', kind, 't', about, 'x', said)
end

-- The queue of a task: its tier's, or the tier's quarantine when it is a suspect of a crash.
local function queue_of(tier, suspect) return (suspect == '1') and ('!' .. tier) or tier end

local function wake(queue)
  local list = P .. 'wake:' .. queue
  if redis.call('LLEN', list) < WAKE_MAX and redis.call('LPUSH', list, '1') == 1 then
    redis.call('EXPIRE', list, WAKE_KEEP_S)
  end
end

local function tell(waiter, id)
  local list = P .. 'wake:' .. waiter
  if redis.call('RPUSH', list, id) > WAITER_MAX then redis.call('LPOP', list) end
  redis.call('EXPIRE', list, WAKE_KEEP_S)
end

-- Tenants take turns by virtual time: each task costs 1, and who has no more tasks leaves. Who comes, or comes back,
-- starts one turn behind the tenant that was served last, so that nobody gains by leaving.
local function push(queue, tenant, id, order)
  redis.call('ZADD', P .. 'ready:' .. queue .. ':' .. tenant, order, id)
  if not redis.call('ZSCORE', P .. 'turn:' .. queue, tenant) then
    redis.call('ZADD', P .. 'turn:' .. queue, int((redis.call('GET', P .. 'vt:' .. queue) or 0) + turn_cost(tenant)), tenant)
  end
  wake(queue)
end

local function pull(queue, tenant, id)
  local ready = P .. 'ready:' .. queue .. ':' .. tenant
  if redis.call('ZREM', ready, id) == 1 and redis.call('EXISTS', ready) == 0 then
    redis.call('ZREM', P .. 'turn:' .. queue, tenant)
  end
end

-- Versions of policies -> ms from when on no task has them: none that came under one outlasts it. A day more, because
-- producers know the current version by heart for a while. Only versions that were counted from their first task on
-- stand there, and ever go.
local VERSION_GRACE_MS = 86400000
local function keep_version(digest, until_ms)
  redis.call('ZADD', P .. 'versions', 'XX', 'GT', int(until_ms + VERSION_GRACE_MS), digest)
end

local function look_again(id, at) redis.call('ZADD', P .. 'due', int(at), id) end

local function make_ready(id, tier, tenant, order, deadline, suspect, n)
  redis.call('HSET', task_key(id), 's', 'ready', 'q', tier, 'l', '')
  push(queue_of(tier, suspect), tenant, id, order)
  look_again(id, math.min(n + READY_CHECK_MS + redis.call('ZCARD', P .. 'due'), deadline))
end

-- Leases are renewed three times in their length: half of it without a renewal is reason to look. No lease outlives the
-- deadline by more than its own length.
local function lease_until(id, tier, deadline, n, lease)
  local ends = math.min(n, deadline) + lease
  redis.call('HSET', task_key(id), 'e', int(ends))
  redis.call('ZADD', P .. 'slots:' .. tier, int(ends), id)
  look_again(id, ends - math.floor(lease / 2))
end

-- The one place where a task ends. A reason may quote what was asked or answered and lives as long as the record; what
-- is told in events, which live longer, may not.
local function end_task(id, state, reason, n, told)
  local k = task_key(id)
  local h = redis.call('HMGET', k, 'q', 'n', 'k', 'r', 'i', 'z', 'of')
  local keep = tonumber(h[3])
  -- An audit goes with the task that it is about.
  if h[7] then keep = math.max(1, math.min(keep, redis.call('TTL', task_key(h[7])))) end
  redis.call('HSET', k, 's', state, 'f', int(n), 'l', '')
  if reason ~= '' then redis.call('HSET', k, 'why', reason) end
  redis.call('ZREM', P .. 'due', id)
  redis.call('ZREM', P .. 'slots:' .. h[1], id)
  redis.call('ZREM', P .. 'review', id)
  pull(queue_of(h[1], h[6]), h[2], id)
  redis.call('DEL', P .. 'kept:' .. id)
  if state == 'dead' then
    redis.call('ZREMRANGEBYSCORE', P .. 'dead', '-inf', int(n))
    redis.call('ZADD', P .. 'dead', int(n + keep * 1000), id)
  end
  for _, part in ipairs({'t:', 'in:', 'trail:'}) do redis.call('EXPIRE', P .. part .. id, keep) end
  if h[5] and h[5] ~= '' then redis.call('EXPIRE', P .. 'idem:' .. h[2] .. ':' .. h[5], math.max(keep, 86400)) end
  event(state, id, told or reason)
  for waiter in string.gmatch(h[4] or '', '%S+') do tell(waiter, id) end
end

local function line(kind, call, id, amount, overrun, info, extra)
  redis.call('XADD', P .. 'ledger', '*', 'k', kind, 'c', call, 't', id, 'a', amount, 'o', overrun, 'i', info, 'x', extra)
end

-- A call's record: state, reservation, names of its balances, deployment, task, token of the lease it was reserved
-- under, attempt, position, intent (JSON). Of a call that is booked for good only the state is left, so that it is not
-- booked twice.
local CALL_KEEP_S = 86400
local UNKNOWN_KEEP_S = 2592000

local function read_call(call)
  local text = redis.call('GET', P .. 'c:' .. call)
  if not text then return nil end
  local c = {}
  c.state, c.reserved, c.names, c.place, c.task, c.token, c.attempt, c.position, c.intent =
    string.match(text, '^(%a+) (%d+) (%S+) (%S+) (%S+) (%S+) (%d+) (%d+) (.*)$')
  if not c.state then
    -- As it was written before calls had more balances than one, and deployments.
    local day
    c.state, c.reserved, day, c.task, c.token, c.attempt, c.position, c.intent =
      string.match(text, '^(%a+) (%d+) (d%d+) (%S+) (%S+) (%d+) (%d+) (.*)$')
    if c.state then c.names, c.place = 'global:' .. day, '-' else c.state = text end
  end
  return c
end

local function write_call(call, c)
  redis.call('SET', P .. 'c:' .. call,
    table.concat({c.state, c.reserved, c.names, c.place, c.task, c.token, c.attempt, c.position, c.intent}, ' '),
    'EX', UNKNOWN_KEEP_S)
end

local function close_call(call, state) redis.call('SET', P .. 'c:' .. call, state, 'EX', CALL_KEEP_S) end

-- The balances of a call are those of its scopes on the day it was reserved, and of the shorter windows that had a
-- budget then. Their names stand in its record with a character between them that is in no name.
local BETWEEN = '\31'
local DAY_MS = 86400000
local BALANCE_KEEP_S = 100 * 86400

local function day_of(n) return math.floor(n / DAY_MS) end

local function scopes_of(intent)
  local i = cjson.decode(intent)
  if i[6] == 'audit' then return {'global', 'audit:' .. i[3], 'tier:' .. i[1]} end
  return {'global', 'tenant:' .. i[4], 'policy:' .. i[3], 'tier:' .. i[1]}
end

local function names_of(scopes, n)
  local names = {}
  for i, scope in ipairs(scopes) do names[i] = scope .. ':d' .. int(day_of(n)) end
  return names
end

local function balance(c, field, amount)
  if amount == '0' then return end
  for name in string.gmatch(c.names, '[^' .. BETWEEN .. ']+') do
    redis.call('HINCRBY', P .. 'bal:' .. name, field, amount)
  end
end

local function count_call(c)
  for name in string.gmatch(c.names, '[^' .. BETWEEN .. ']+') do
    local key = P .. 'bal:' .. name
    if redis.call('HINCRBY', key, 'calls', 1) == 1 then
      local scope, window = string.match(name, '^(.*):(.-)$')
      redis.call('SADD', P .. 'scopes', scope)
      if string.match(name, '^global:d') then redis.call('SADD', P .. 'windows', window)
      else redis.call('EXPIRE', key, BALANCE_KEEP_S) end
    end
  end
end

-- The first line of every call; it says on which day the call is booked.
local function line_reserved(call, c, amount, n)
  line('reserved', call, c.task, amount, '0', c.intent, int(day_of(n)))
end

-- Rates: each call moves the time ahead at which the rate is free again. Two seconds' worth may leave at once, and all
-- goes a thirtieth slower for it, so that no minute ever holds more than its share (generic cell rate algorithm,
-- ITU-T I.371).
local AT_ONCE_MS = 2000
-- A deployment whose breaker opened so often in a row is out for long: tasks are told so, and go by their policy's move
-- for errors. Before that they wait.
local OUT_AFTER = 3
local function ms_each(per_minute) return 62000 / per_minute end

-- The times of a gate mean nothing once the clock was set back: else nothing would leave until the old time came again.
local SET_BACK_MS = 1000
local function mind_clock(key, n)
  if tonumber(redis.call('HGET', key, 'at') or 0) > n + SET_BACK_MS then
    redis.call('HDEL', key, 'rt', 'tt', 'cu', 'bu', 'at')
  end
end

-- When one more request may leave, and when the rate is free again after it.
local function requests_rate(free, per_minute, n)
  local start = math.max(tonumber(free or 0), n)
  local after = start + ms_each(per_minute)
  return math.min(start, after - AT_ONCE_MS), after
end

-- The same for tokens. How many a call takes does not matter for when it may leave, else large ones would wait for ever
-- behind small ones; so a minute may hold a part of one call too many.
local function tokens_rate(free, per_minute, amount, n)
  local start = math.max(tonumber(free or 0), n)
  return start - AT_ONCE_MS, start + amount * ms_each(per_minute)
end

-- Book that nobody will say how a call ended: its bound is held against the budget until somebody does.
local function unsettle(call, c, extra)
  redis.call('ZREM', P .. 'open', call)
  balance(c, 'reserved', minus(c.reserved))
  balance(c, 'unsettled', c.reserved)
  c.state = 'unsettled'
  write_call(call, c)
  line('unsettled', call, c.task, c.reserved, '0', c.intent, extra)
end
