-- How full a queue is, as a task that comes now would find it.
-- ARGV[2] queue  [3] tenant  [4] ms from now on by which the task is urgent
-- returns  {tasks that are ready, those of the tenant before it, those of others that take their turns before it, ms for
--          which the queue was never empty, ms since the oldest of those in front came, tasks of the tenant that have
--          not ended, tasks of all, tasks that left it in this step of ten seconds, ms of it, and in each of the six
--          steps before}
local n = now()
local queue, tenant = ARGV[2], ARGV[3]
-- Of very many tenants a hundred stand for all: this is asked often, and Lua holds Redis for everyone.
local TENANTS_MAX, PACE_MS = 100, 10000
local ready, others, oldest = 0, 0, n
local own = redis.call('ZCOUNT', P .. 'ready:' .. queue .. ':' .. tenant, '-inf', int(n + tonumber(ARGV[4])))
local tenants = redis.call('ZRANGE', P .. 'turn:' .. queue, 0, TENANTS_MAX - 1)
local for_each = redis.call('ZCARD', P .. 'turn:' .. queue) / math.max(#tenants, 1)
for _, name in ipairs(tenants) do
  local list = P .. 'ready:' .. queue .. ':' .. name
  local count = redis.call('ZCARD', list)
  ready = ready + count
  if name ~= tenant then others = others + math.min(count, math.ceil((own + 1) / turn_cost(name))) end
  local first = redis.call('ZRANGE', list, 0, 0)[1]
  local came = first and redis.call('HGET', task_key(first), 'c')
  if came then oldest = math.min(oldest, tonumber(came)) end
end
ready, others = math.floor(ready * for_each + 0.5), math.floor(others * for_each + 0.5)
local busy = (ready > 0) and n - tonumber(redis.call('GET', P .. 'busy:' .. queue) or n) or 0
local step = math.floor(n / PACE_MS)
local function left(at) return int(tonumber(redis.call('GET', P .. 'pace:' .. queue .. ':' .. int(at)) or 0)) end
local waiting = tonumber(redis.call('HGET', P .. 'waiting', tenant) or 0)
local answer = {int(ready), int(own), int(others), int(busy), int(n - oldest), int(waiting),
  int(redis.call('ZCARD', P .. 'due')), left(step), int(n % PACE_MS)}
for at = step - 1, step - 6, -1 do answer[#answer + 1] = left(at) end
return answer
