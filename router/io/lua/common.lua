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

-- A ready task that nobody takes is looked at again after so long.
local READY_CHECK_MS = 60000
-- Wake tokens are hints: a few are enough for any number of tasks.
local WAKE_MAX = 8
local WAKE_KEEP_S = 600
local EVENTS_MAX = 1000000

local ENDS = {succeeded = true, rejected = true, dead = true, expired = true, cancelled = true}

local function task_key(id) return P .. 't:' .. id end

local function event(kind, id, detail)
  redis.call('XADD', P .. 'events', 'MAXLEN', '~', EVENTS_MAX, '*', 'e', kind, 't', id, 'x', detail or '')
end

-- The queue of a task: its tier's, or the tier's quarantine when it is a suspect of a crash.
local function queue_of(tier, suspect) return (suspect == '1') and ('!' .. tier) or tier end

local function wake(queue)
  local list = P .. 'wake:' .. queue
  if redis.call('LLEN', list) < WAKE_MAX then redis.call('LPUSH', list, '1') end
end

-- Tenants take turns by virtual time: who comes back after a pause starts at the time of the queue, not before it.
local function push(queue, tenant, id, order)
  local added = redis.call('ZADD', P .. 'ready:' .. queue .. ':' .. tenant, order, id)
  if not redis.call('ZSCORE', P .. 'turn:' .. queue, tenant) then
    redis.call('ZADD', P .. 'turn:' .. queue, redis.call('GET', P .. 'vt:' .. queue) or 0, tenant)
  end
  wake(queue)
  return added
end

local function pull(queue, tenant, id)
  redis.call('ZREM', P .. 'ready:' .. queue .. ':' .. tenant, id)
end

local function look_again(id, at) redis.call('ZADD', P .. 'due', int(at), id) end

local function make_ready(id, tier, tenant, order, deadline, suspect, n)
  redis.call('HSET', task_key(id), 's', 'ready', 'q', tier, 'l', '')
  push(queue_of(tier, suspect), tenant, id, order)
  look_again(id, math.min(n + READY_CHECK_MS, deadline))
end

-- The one place where a task ends.
local function end_task(id, state, reason, n)
  local k = task_key(id)
  local h = redis.call('HMGET', k, 'q', 'n', 'k', 'r', 'i', 'z')
  local keep = tonumber(h[3])
  redis.call('HSET', k, 's', state, 'f', int(n), 'l', '')
  if reason ~= '' then redis.call('HSET', k, 'why', reason) end
  redis.call('ZREM', P .. 'due', id)
  redis.call('ZREM', P .. 'slots:' .. h[1], id)
  redis.call('ZREM', P .. 'review', id)
  pull(queue_of(h[1], h[6]), h[2], id)
  redis.call('DEL', P .. 'kept:' .. id)
  if state == 'dead' then redis.call('ZADD', P .. 'dead', int(n), id) end
  for _, part in ipairs({'t:', 'in:', 'trail:'}) do redis.call('EXPIRE', P .. part .. id, keep) end
  if h[5] and h[5] ~= '' then redis.call('EXPIRE', P .. 'idem:' .. h[2] .. ':' .. h[5], math.max(keep, 86400)) end
  event(state, id, reason)
  if h[4] and h[4] ~= '' then
    for who in string.gmatch(h[4], '%S+') do
      redis.call('RPUSH', P .. 'wake:' .. who, id)
      redis.call('EXPIRE', P .. 'wake:' .. who, WAKE_KEEP_S)
    end
  end
end

local function line(kind, call, id, amount, overrun, info, extra)
  redis.call('XADD', P .. 'ledger', '*', 'k', kind, 'c', call, 't', id, 'a', amount, 'o', overrun, 'i', info, 'x', extra)
end

-- A call's record: state, reservation, window, task, attempt, position, amount booked, intent (JSON).
local function read_call(call)
  local text = redis.call('GET', P .. 'c:' .. call)
  if not text then return nil end
  local c = {}
  c.state, c.reserved, c.window, c.task, c.attempt, c.position, c.amount, c.intent =
    string.match(text, '^(%a+) (%-?%d+) (%S+) (%S+) (%d+) (%d+) (%-?%d+) (.*)$')
  return c
end

local function write_call(call, c, keep_s)
  redis.call('SET', P .. 'c:' .. call,
    table.concat({c.state, c.reserved, c.window, c.task, c.attempt, c.position, c.amount, c.intent}, ' '), 'EX', keep_s)
end

local CALL_KEEP_S = 86400
local UNKNOWN_KEEP_S = 2592000

local function balance(window, field, amount) redis.call('HINCRBY', P .. 'bal:global:' .. window, field, amount) end

local function count_call(window)
  if redis.call('HINCRBY', P .. 'bal:global:' .. window, 'calls', 1) == 1 then redis.call('SADD', P .. 'windows', window) end
end

-- Book that nobody will say how a call ended: its bound is held against the budget until somebody does.
local function unsettle(call, c, extra)
  redis.call('ZREM', P .. 'open', call)
  balance(c.window, 'reserved', '-' .. c.reserved)
  balance(c.window, 'unsettled', c.reserved)
  c.state, c.amount = 'unsettled', c.reserved
  write_call(call, c, UNKNOWN_KEEP_S)
  line('unsettled', call, c.task, c.reserved, '0', c.intent, extra)
end
