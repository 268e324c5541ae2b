-- Book how a call ended, whoever says so: money is never fenced by a lease.
-- ARGV[2] call  [3] settled|void|unsettled  [4] amount  [5] extra (JSON)  [6] answer (packed)
-- ARGV[7] task  [8] attempt  [9] position  [10] reservation  [11] intent (JSON), for a record that was lost
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
  local c = {state = 'open', reserved = '0', window = 'd' .. int(math.floor(n / 86400000)), task = ARGV[7],
    token = '-', attempt = ARGV[8], position = ARGV[9], intent = ARGV[11]}
  count_call(c.window)
  if kind == 'unsettled' then
    c.reserved = ARGV[10]
    balance(c.window, 'reserved', c.reserved)
    hold(c.task, c.reserved)
    line('reserved', call, c.task, c.reserved, '0', c.intent, '')
  end
  return c
end

local c = read_call(call) or forgotten()
if c.state == 'settled' or c.state == 'void' then return 'again' end
keep(c)
if c.state == kind then return 'again' end
if kind == 'unsettled' then
  unsettle(call, c, ARGV[5])
  return 'ok'
end
redis.call('ZREM', P .. 'open', call)
balance(c.window, (c.state == 'open') and 'reserved' or 'unsettled', minus(c.reserved))
local overrun = '0'
if kind == 'settled' then
  balance(c.window, 'settled', amount)
  if tonumber(amount) > tonumber(ARGV[10]) then
    overrun = int(tonumber(amount) - tonumber(ARGV[10]))
    balance(c.window, 'overrun', overrun)
  end
else
  amount = '0'
end
hold(c.task, int(tonumber(amount) - tonumber(c.reserved)))
close_call(call, kind)
line(kind, call, c.task, amount, overrun, c.intent, ARGV[5])
return 'ok'
