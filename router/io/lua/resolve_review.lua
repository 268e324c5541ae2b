-- Carry out what a person decided of a task in review: append it to the trail, and end the task or have a tier asked.
-- ARGV[2] task  [3] number of the attempt that the decision is  [4] attempt (packed)  [5] its sign: the same for the same
--         decision, whoever repeats it  [6] succeeded | rejected | dead | ready  [7] tier, as the record is to show it
-- ARGV[8] reason, '' for none  [9] what to tell of it in events, without contents  [10] ms that a task to be asked again
--         has from now on at least
-- returns  {ok, state} | {not, state, '' where there is no such task}
local n = now()
local id, number, sign, state, tier = ARGV[2], tonumber(ARGV[3]), ARGV[5], ARGV[6], ARGV[7]
local k = task_key(id)
local h = redis.call('HMGET', k, 's', 'y', 'n', 'o', 'd', 'p', 'k', 'c')
if not h[1] then return {'not', ''} end
if h[1] ~= 'review' then return {(h[2] == sign) and 'ok' or 'not', h[1]} end
if redis.call('LLEN', P .. 'trail:' .. id) + 1 ~= number then return {'not', h[1]} end
redis.call('RPUSH', P .. 'trail:' .. id, ARGV[4])
redis.call('HDEL', k, 'z', 'x', 'v', 'why')
redis.call('HSET', k, 'y', sign, 'q', tier)
if state == 'ready' then
  local deadline = math.max(tonumber(h[5]), n + tonumber(ARGV[10]))
  local until_ms = deadline + tonumber(h[7]) * 1000
  redis.call('HSET', k, 'd', int(deadline))
  redis.call('ZREM', P .. 'review', id)
  redis.call('DEL', P .. 'kept:' .. id)
  keep_version(h[6], until_ms)
  list_until(h[3], tonumber(h[8]), until_ms)
  make_ready(id, tier, h[3], h[4], deadline, '', n)
  event('moved', id, 'review ' .. tier .. ' ' .. ARGV[9])
else
  end_task(id, state, ARGV[8], n, ARGV[9])
end
return {'ok', state}
