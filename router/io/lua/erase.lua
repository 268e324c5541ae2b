-- Erase the contents of a task, which is ended if it has not: what it was asked, and all that quotes it. State, times,
-- costs and the shape of its trail stay.
-- ARGV[2] task  [3] an empty input (packed); then its attempts without contents (packed), in order
-- returns  {ok, state, audit of it or ''} | {again, state, ''}: its trail is another one, read it anew | nil: no task
local id = ARGV[2]
local WHY = 'erased by the caller'
local k, trail = task_key(id), P .. 'trail:' .. id
local n = now()
local h = redis.call('HMGET', k, 's', 'er', 'audit')
if not h[1] then return false end
if h[2] then return {'ok', h[1], h[3] or ''} end
local state = h[1]
if not ENDS[state] then
  state = 'cancelled'
  end_task(id, state, WHY, n)
end
if redis.call('LLEN', trail) ~= #ARGV - 3 then return {'again', state, ''} end
for i = 4, #ARGV do redis.call('LSET', trail, i - 4, ARGV[i]) end
redis.call('SET', P .. 'in:' .. id, ARGV[3], 'KEEPTTL')
if redis.call('HGET', k, 'why') ~= WHY then redis.call('HDEL', k, 'why') end
redis.call('HDEL', k, 'tags')
redis.call('HSET', k, 'er', int(n))
return {'ok', state, h[3] or ''}
