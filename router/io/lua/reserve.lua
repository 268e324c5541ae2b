-- Set the worst case of a call aside, before it is sent.
-- ARGV[2] call  [3] task  [4] token  [5] amount  [6] ms until the call counts as lost  [7] the task's cost limit
-- ARGV[8] attempt  [9] position  [10] intent (JSON)
-- returns  {ok} | {stale, state} | {cost, spent}
local n = now()
local call, id, amount = ARGV[2], ARGV[3], ARGV[5]
if redis.call('EXISTS', P .. 'c:' .. call) == 1 then return {'ok'} end
local h = redis.call('HMGET', task_key(id), 's', 'l', 'w', 'd')
if h[1] ~= 'running' or h[2] ~= ARGV[4] then return {'stale', h[1] or 'gone'} end
if tonumber(h[4]) <= n then return {'stale', 'past its deadline'} end
if tonumber(h[3] or 0) + tonumber(amount) > tonumber(ARGV[7]) then return {'cost', h[3] or '0'} end
local window = 'd' .. int(math.floor(n / 86400000))
write_call(call, {state = 'open', reserved = amount, window = window, task = id, token = ARGV[4],
  attempt = ARGV[8], position = ARGV[9], intent = ARGV[10]})
redis.call('ZADD', P .. 'open', int(n + tonumber(ARGV[6])), call)
redis.call('HINCRBY', task_key(id), 'w', amount)
balance(window, 'reserved', amount)
count_call(window)
line('reserved', call, id, amount, '0', ARGV[10], '')
return {'ok'}
