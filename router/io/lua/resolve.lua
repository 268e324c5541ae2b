-- Book how a call ended, whoever says so: money is never fenced by a lease.
-- ARGV[2] call  [3] settled|void|unsettled  [4] amount  [5] extra (JSON)  [6] answer (packed)
-- ARGV[7] task  [8] attempt  [9] position  [10] reservation  [11] intent (JSON), for a record that was lost
-- ARGV[12] tier/deployment that was asked  [13] good|throttled|broken|untold  [14] ms it wants to be left alone, or 0
-- returns  ok | again (it was booked before)
local n = now()
local call, kind, amount = ARGV[2], ARGV[3], ARGV[4]

-- The answer is kept while its attempt is open. One of the shift that holds the lease stands, because what it asks next
-- is about that answer; a late one of an older call only fills a gap, for who claims the task next.
local function keep(c)
  local h = redis.call('HMGET', task_key(c.task), 's', 'l')
  if not h[1] or ENDS[h[1]] then return end
  if redis.call('LLEN', P .. 'trail:' .. c.task) + 1 ~= tonumber(c.attempt) then return end
  if h[2] == c.token then
    redis.call('HSET', P .. 'kept:' .. c.task, c.position, ARGV[6])
  else
    redis.call('HSETNX', P .. 'kept:' .. c.task, c.position, ARGV[6])
    redis.call('HSET', task_key(c.task), 'v', '1')
  end
end

local function hold(id, change)
  if redis.call('EXISTS', task_key(id)) == 1 then redis.call('HINCRBY', task_key(id), 'w', change) end
end

-- A call whose record was lost was sent all the same. Its reservation is set aside again where its cost is unknown.
local function forgotten()
  local c = {state = 'open', reserved = (kind == 'unsettled') and ARGV[10] or '0', place = '-', task = ARGV[7],
    names = table.concat(names_of(scopes_of(ARGV[11]), n), BETWEEN),
    token = '-', attempt = ARGV[8], position = ARGV[9], intent = ARGV[11]}
  count_call(c)
  balance(c, 'reserved', c.reserved)
  if c.reserved ~= '0' then hold(c.task, c.reserved) end
  line_reserved(call, c, c.reserved, n)
  return c
end

-- What an answer says of the place it came from. Fewer calls are wanted: all leave it alone for a while, for longer each
-- time. Broken: after some failures in a row nobody asks there, but for one call after each pause, also longer each time.
local FAILURES_MAX = 5
local REST_MS, REST_MOST_MS, ASKED_MOST_MS = 1000, 60000, 600000
local PAUSE_MS, PAUSE_MOST_MS = 2000, 60000
local function tell_health(place, health, asked)
  local key = P .. 'gate:' .. place
  mind_clock(key, n)
  local g = redis.call('HMGET', key, 'cu', 'ck', 'bk', 'bp')
  if health == 'good' then
    redis.call('HDEL', key, 'ck', 'bf', 'bk', 'bu', 'bp')
  elseif health == 'throttled' then
    local times, rests = tonumber(g[2] or 0), tonumber(g[1] or 0)
    local rest = (asked > 0) and math.min(asked, ASKED_MOST_MS) or math.min(REST_MS * 2 ^ times, REST_MOST_MS)
    if rests <= n then redis.call('HSET', key, 'ck', int(math.min(times + 1, 20))) end
    if rests <= n or asked > 0 then redis.call('HSET', key, 'cu', int(math.max(rests, n + rest)), 'at', int(n)) end
  elseif health == 'broken' then
    local opened = tonumber(g[3] or 0)
    local failed = redis.call('HINCRBY', key, 'bf', 1)
    if (opened == 0 and failed >= FAILURES_MAX) or g[4] then
      local pause = math.min(PAUSE_MS * 2 ^ opened, PAUSE_MOST_MS)
      redis.call('HSET', key, 'bu', int(n + pause), 'bk', int(math.min(opened + 1, 20)), 'at', int(n))
      redis.call('HDEL', key, 'bp')
      alarm('breaker', place, 'left alone for ' .. int(pause) .. ' ms')
    end
  end
end

local c = read_call(call) or forgotten()
if c.state == 'settled' or c.state == 'void' then return 'again' end
if ARGV[13] ~= 'untold' and c.state == 'open' then tell_health(ARGV[12], ARGV[13], tonumber(ARGV[14])) end
keep(c)
if c.state == kind then return 'again' end
if kind == 'unsettled' then
  unsettle(call, c, ARGV[5])
  return 'ok'
end
redis.call('ZREM', P .. 'open', call)
balance(c, (c.state == 'open') and 'reserved' or 'unsettled', minus(c.reserved))
local overrun = '0'
if kind == 'settled' then
  balance(c, 'settled', amount)
  if tonumber(amount) > tonumber(ARGV[10]) then
    overrun = int(tonumber(amount) - tonumber(ARGV[10]))
    balance(c, 'overrun', overrun)
  end
else
  amount = '0'
end
hold(c.task, int(tonumber(amount) - tonumber(c.reserved)))
close_call(call, kind)
line(kind, call, c.task, amount, overrun, c.intent, ARGV[5])
return 'ok'
