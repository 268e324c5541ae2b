-- Erase a dead letter: its record, its place in the list. What it cost stays booked.
-- ARGV[2] task
-- returns  ok (nothing of it is left) | the state it is in, if it is no dead letter
local id = ARGV[2]
local DAY_S = 86400
local h = redis.call('HMGET', task_key(id), 's', 'n', 'i', 'f')
if h[1] and h[1] ~= 'dead' then return h[1] end
redis.call('ZREM', P .. 'dead', id)
redis.call('UNLINK', task_key(id), P .. 'in:' .. id, P .. 'trail:' .. id)
-- A key lives a day from the end at least: until then it still stands for this task.
if h[3] then
  local left = DAY_S - math.floor((now() - tonumber(h[4])) / 1000)
  redis.call('EXPIRE', P .. 'idem:' .. h[2] .. ':' .. h[3], math.max(left, 0))
end
return 'ok'
