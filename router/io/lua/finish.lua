-- Append an attempt and carry out what was decided. Only the holder of the lease may.
-- ARGV[2] task  [3] token  [4] number of the attempt, 0 for none  [5] attempt (packed)  [6] attempt's ledger info (JSON)
-- ARGV[7] move: same | tier | later | review | end   [8] its argument: tier, Unix ms, ms to wait, state
-- ARGV[9] reason
-- returns  ok | again (it was carried out before) | stale
local n = now()
local id, token, number, move, arg, reason = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[7], ARGV[8], ARGV[9]
local k = task_key(id)
local h = redis.call('HMGET', k, 's', 'l', 'q', 'n', 'o', 'd', 'y')
local op = token .. ':' .. ARGV[4] .. ':' .. move
if h[7] == op then return 'again' end
if h[1] ~= 'running' or h[2] ~= token then return 'stale' end
if number > 0 then
  if redis.call('LLEN', P .. 'trail:' .. id) + 1 ~= number then return 'stale' end
  redis.call('RPUSH', P .. 'trail:' .. id, ARGV[5])
  redis.call('HDEL', k, 'z', 'x', 'v')
  line('attempt', '', id, '0', '0', ARGV[6], '')
end
-- What was answered belongs to that attempt, at that tier.
if number > 0 or move == 'tier' then redis.call('DEL', P .. 'kept:' .. id) end
redis.call('HSET', k, 'y', op)
if move == 'same' then
  event('again', id, reason)
  return 'ok'
end
redis.call('ZREM', P .. 'slots:' .. h[3], id)
if move == 'tier' then
  make_ready(id, arg, h[4], h[5], tonumber(h[6]), redis.call('HGET', k, 'z'), n)
  event('moved', id, h[3] .. ' ' .. arg .. ' ' .. reason)
elseif move == 'later' then
  redis.call('HSET', k, 's', 'delayed', 'l', '')
  look_again(id, math.min(tonumber(arg), tonumber(h[6])))
  event('delayed', id, reason)
elseif move == 'review' then
  redis.call('HSET', k, 's', 'review', 'l', '', 'why', reason)
  redis.call('ZADD', P .. 'review', int(n), id)
  look_again(id, n + tonumber(arg))
  event('review', id, reason)
else
  end_task(id, arg, reason, n)
end
if redis.call('EXISTS', P .. 'turn:' .. h[3]) == 1 then wake(h[3]) end
return 'ok'
