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

-- How often something has happened since the beginning. Counted where it happens, so it is exact.
local function count(what) redis.call('HINCRBY', P .. 'counts', what, 1) end

-- Somebody should look: told among the events, and kept by itself for those who only want this.
local ALARMS_MAX = 1000
local function alarm(kind, about, said)
  event(kind, about, said)
  count('alarm:' .. kind)
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
-- starts one turn behind the tenant that was served last, so that nobody gains by leaving. `busy` tells since when the
-- queue has not been empty.
local function push(queue, tenant, id, order, n)
  redis.call('ZADD', P .. 'ready:' .. queue .. ':' .. tenant, order, id)
  if not redis.call('ZSCORE', P .. 'turn:' .. queue, tenant) then
    if redis.call('EXISTS', P .. 'turn:' .. queue) == 0 then redis.call('SET', P .. 'busy:' .. queue, int(n)) end
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

-- The lists of a tenant's tasks, one for each day on which they came, are there as long as the last record of that day;
-- a day more, because tasks that are late end a while after their deadline.
local LIST_GRACE_MS = 86400000
local function list_until(tenant, created, until_ms)
  local own = P .. 'of:' .. tenant .. ':' .. int(math.floor(created / 86400000))
  local at = int(math.ceil((until_ms + LIST_GRACE_MS) / 1000))
  -- GT alone never sets what has no time yet.
  if redis.call('EXPIREAT', own, at, 'GT') == 0 then redis.call('EXPIREAT', own, at, 'NX') end
end

-- How many tasks of a tenant have not ended.
local function count_waiting(tenant, by)
  if redis.call('HINCRBY', P .. 'waiting', tenant, by) <= 0 then redis.call('HDEL', P .. 'waiting', tenant) end
end

local function look_again(id, at) redis.call('ZADD', P .. 'due', int(at), id) end

local function make_ready(id, tier, tenant, order, deadline, suspect, n)
  redis.call('HSET', task_key(id), 's', 'ready', 'q', tier, 'l', '')
  push(queue_of(tier, suspect), tenant, id, order, n)
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

-- Webhooks. What is to be told of a task is written in the step that made it so, under an id that follows from the task:
-- there is one of each, however often anything is repeated. An endpoint is a tenant and a URL without its query; each
-- has a queue of its own, so that a slow one holds up nobody else.
local HOOK_KEEP_S = {delivered = 259200, failed = 604800, disabled = 604800}
local HOOKS_LISTED_S, HOOKS_LISTED_MAX = 691200, 100000
local HOOKS_AT_ONCE = 10

local function endpoint_of(tenant, word)
  return redis.sha1hex(tenant .. ' ' .. (string.match(word, '^%S+ %S+ ([^?]*)') or ''))
end

-- When a queue is looked at next: when its first delivery is due and there is a place for it, or when the lease of one
-- that is on its way runs out.
local function look_at_endpoint(endpoint)
  local waits = redis.call('ZRANGE', P .. 'hooks:' .. endpoint, 0, 0, 'WITHSCORES')
  local flies = redis.call('ZRANGE', P .. 'flying:' .. endpoint, 0, 0, 'WITHSCORES')
  local at = tonumber(flies[2])
  if waits[2] and redis.call('ZCARD', P .. 'flying:' .. endpoint) < HOOKS_AT_ONCE then
    at = math.min(at or tonumber(waits[2]), tonumber(waits[2]))
  end
  if at then redis.call('ZADD', P .. 'hooks', int(at), endpoint) else redis.call('ZREM', P .. 'hooks', endpoint) end
end

-- The list of a tenant's deliveries, by when they changed last: those that are over stand there as long as they are kept.
local function list_hook(hook, tenant, n)
  local list, since = P .. 'hooked:' .. tenant, int(n - HOOKS_LISTED_S * 1000)
  redis.call('HSET', P .. 'hook:' .. hook, 'u', int(n))
  redis.call('ZADD', list, int(n), hook)
  redis.call('ZREMRANGEBYSCORE', list, '-inf', since)
  if redis.call('ZCARD', list) > HOOKS_LISTED_MAX then
    local oldest = P .. 'hook:' .. redis.call('ZPOPMIN', list)[1]
    if redis.call('HGET', oldest, 's') ~= 'waiting' then redis.call('UNLINK', oldest) end
  end
  redis.call('EXPIRE', list, HOOKS_LISTED_S)
  redis.call('ZADD', P .. 'hooked', int(n), tenant)
  redis.call('ZREMRANGEBYSCORE', P .. 'hooked', '-inf', since)
end

local function settle_hook(hook, tenant, status, n)
  redis.call('HSET', P .. 'hook:' .. hook, 's', status)
  count('webhook:' .. status)
  redis.call('EXPIRE', P .. 'hook:' .. hook, HOOK_KEEP_S[status])
  list_hook(hook, tenant, n)
end

local function announce(id, state, tenant, digest, word, n)
  local hook = 'evt_' .. id .. '_' .. state
  -- A task may wait for a person more than once; it ends once.
  if state == 'review' then
    if string.match(word, '^response ') then return end
    hook = hook .. '_' .. int(redis.call('LLEN', P .. 'trail:' .. id))
  end
  if redis.call('EXISTS', P .. 'hook:' .. hook) == 1 then return end
  local endpoint = endpoint_of(tenant, word)
  redis.call('HSET', P .. 'hook:' .. hook, 't', id, 'n', tenant, 'p', digest, 'w', word, 'x', endpoint, 'e', state,
    'c', int(n), 'a', '0', 's', 'waiting')
  if redis.call('HEXISTS', P .. 'endpoint:' .. endpoint, 'd') == 1 then
    settle_hook(hook, tenant, 'disabled', n)
  else
    redis.call('ZADD', P .. 'hooks:' .. endpoint, int(n), hook)
    list_hook(hook, tenant, n)
    look_at_endpoint(endpoint)
  end
end

-- The one place where a task ends. A reason may quote what was asked or answered and lives as long as the record; what
-- is told in events, which live longer, may not.
local function end_task(id, state, reason, n, told)
  local k = task_key(id)
  local h = redis.call('HMGET', k, 'q', 'n', 'k', 'r', 'i', 'z', 'of', 'c', 'd', 'hook', 'p', 's')
  if h[12] == 'delayed' then redis.call('ZREM', P .. 'parked', id) end
  local keep = tonumber(h[3])
  -- An audit goes with the task that it is about.
  if h[7] then keep = math.max(1, math.min(keep, redis.call('TTL', task_key(h[7])))) end
  redis.call('HSET', k, 's', state, 'f', int(n), 'l', '')
  if reason ~= '' then redis.call('HSET', k, 'why', reason) end
  redis.call('ZREM', P .. 'due', id)
  redis.call('ZREM', P .. 'slots:' .. h[1], id)
  redis.call('ZREM', P .. 'review', id)
  count_waiting(h[2], -1)
  if n > tonumber(h[9]) then list_until(h[2], tonumber(h[8]), n + keep * 1000) end
  pull(queue_of(h[1], h[6]), h[2], id)
  redis.call('DEL', P .. 'kept:' .. id)
  if state == 'dead' then
    redis.call('ZREMRANGEBYSCORE', P .. 'dead', '-inf', int(n))
    redis.call('ZADD', P .. 'dead', int(n + keep * 1000), id)
  end
  for _, part in ipairs({'t:', 'in:', 'trail:'}) do redis.call('EXPIRE', P .. part .. id, keep) end
  if h[5] and h[5] ~= '' then redis.call('EXPIRE', P .. 'idem:' .. h[2] .. ':' .. h[5], math.max(keep, 86400)) end
  count('task:' .. state)
  event(state, id, told or reason)
  if h[10] then announce(id, state, h[2], h[11], h[10], n) end
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

-- When one more request may leave, of which each takes so many ms and so many ms' worth may leave at once, and when the
-- rate is free again after it.
local function requests_rate(free, each, at_once, n)
  local start = math.max(tonumber(free or 0), n)
  local after = start + each
  return math.min(start, after - at_once), after
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
