-- Book how a call ended, whoever says so: money is never fenced by a lease.
-- ARGV[2] call  [3] settled|void|unsettled  [4] amount  [5] extra (JSON)  [6] answer (packed)
-- ARGV[7] task  [8] attempt  [9] position  [10] reservation  [11] intent (JSON), for a record that was lost
-- returns  ok | again (it was booked before)
local n = now()
local call, kind, amount = ARGV[2], ARGV[3], ARGV[4]
local c = read_call(call)
if not c then
  c = {state = 'open', reserved = '0', window = 'd' .. int(math.floor(n / 86400000)), task = ARGV[7],
    attempt = ARGV[8], position = ARGV[9], amount = '0', intent = ARGV[11]}
  count_call(c.window)
  if kind == 'unsettled' then
    c.reserved = ARGV[10]
    balance(c.window, 'reserved', c.reserved)
    line('reserved', call, c.task, c.reserved, '0', c.intent, '')
  end
end
if c.state == 'settled' or c.state == 'void' or c.state == kind then return 'again' end

if redis.call('EXISTS', P .. 't:' .. c.task) == 1 then
  local h = redis.call('HMGET', task_key(c.task), 's')
  if not ENDS[h[1]] and redis.call('LLEN', P .. 'trail:' .. c.task) + 1 == tonumber(c.attempt) then
    redis.call('HSETNX', P .. 'kept:' .. c.task, c.position, ARGV[6])
  end
end

if kind == 'unsettled' then
  unsettle(call, c, ARGV[5])
  return 'ok'
end
balance(c.window, (c.state == 'open') and 'reserved' or 'unsettled', '-' .. c.reserved)
redis.call('ZREM', P .. 'open', call)
local overrun = '0'
if kind == 'settled' then
  balance(c.window, 'settled', amount)
  if tonumber(amount) > tonumber(c.reserved) then
    overrun = int(tonumber(amount) - tonumber(c.reserved))
    balance(c.window, 'overrun', overrun)
  end
else
  amount = '0'
end
if redis.call('EXISTS', task_key(c.task)) == 1 then
  redis.call('HINCRBY', task_key(c.task), 'w', int(tonumber(amount) - tonumber(c.reserved)))
end
c.state, c.amount = kind, amount
write_call(call, c, CALL_KEEP_S)
line(kind, call, c.task, amount, overrun, c.intent, ARGV[5])
return 'ok'
