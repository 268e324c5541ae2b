-- Lease deliveries of webhooks that are due. The lease of one that nobody booked runs out: it is sent again under the
-- same id. Claims of one time look at endpoints in the order in which they are due, and take a few of each.
-- ARGV[2] token  [3] most  [4] lease ms  [5] most of one tenant that are on their way at once
-- returns  {now, {id, task, tenant, policy digest, webhook word, state, created, attempt, policy name or ''} ...}
local n = now()
local token, most, ends = ARGV[2], tonumber(ARGV[3]), n + tonumber(ARGV[4])
local of_a_tenant = tonumber(ARGV[5])
-- A disabled endpoint's queue is emptied some at a time, and a delivery whose sender always dies is given up.
local EMPTIED_AT_ONCE, ATTEMPTS_MAX = 100, 30
-- An endpoint of a tenant that has too many on their way is looked at later, a ms more for each endpoint that waits.
local FULL_AGAIN_MS = 1000
local answer = {int(n)}

local function lease(hook, endpoint)
  local key = P .. 'hook:' .. hook
  redis.call('ZREM', P .. 'hooks:' .. endpoint, hook)
  local h = redis.call('HMGET', key, 't', 'n', 'p', 'w', 'e', 'c', 'name')
  if not h[1] then return end
  local attempt = redis.call('HINCRBY', key, 'a', 1)
  if attempt > ATTEMPTS_MAX then
    redis.call('HSET', key, 'r', 'whoever sent it was gone each time')
    settle_hook(hook, h[2], 'failed', n)
    return
  end
  redis.call('HSET', key, 'l', token)
  redis.call('ZADD', P .. 'flying:' .. endpoint, int(ends), hook)
  redis.call('ZADD', P .. 'flies:' .. h[2], int(ends), hook)
  redis.call('PEXPIREAT', P .. 'flies:' .. h[2], int(ends))
  answer[#answer + 1] = {hook, h[1], h[2], h[3], h[4], h[5], h[6], int(attempt), h[7] or ''}
end

local function empty(endpoint)
  for _, hook in ipairs(redis.call('ZRANGE', P .. 'hooks:' .. endpoint, 0, EMPTIED_AT_ONCE - 1)) do
    redis.call('ZREM', P .. 'hooks:' .. endpoint, hook)
    local tenant = redis.call('HGET', P .. 'hook:' .. hook, 'n')
    if tenant then settle_hook(hook, tenant, 'disabled', n) end
  end
end

local function room_of_tenant(endpoint)
  local first = redis.call('ZRANGE', P .. 'hooks:' .. endpoint, 0, 0)[1]
  local tenant = first and redis.call('HGET', P .. 'hook:' .. first, 'n')
  if not tenant then return of_a_tenant end
  redis.call('ZREMRANGEBYSCORE', P .. 'flies:' .. tenant, '-inf', int(n))
  return of_a_tenant - redis.call('ZCARD', P .. 'flies:' .. tenant)
end

local function look(endpoint)
  local waits, flies = P .. 'hooks:' .. endpoint, P .. 'flying:' .. endpoint
  for _, hook in ipairs(redis.call('ZRANGEBYSCORE', flies, '-inf', int(n))) do
    redis.call('ZREM', flies, hook)
    redis.call('ZADD', waits, int(n), hook)
  end
  if redis.call('HEXISTS', P .. 'endpoint:' .. endpoint, 'd') == 1 then
    empty(endpoint)
    look_at_endpoint(endpoint)
    return
  end
  local room = room_of_tenant(endpoint)
  local free = math.min(most + 1 - #answer, HOOKS_AT_ONCE - redis.call('ZCARD', flies), room)
  if free > 0 then
    for _, hook in ipairs(redis.call('ZRANGEBYSCORE', waits, '-inf', int(n), 'LIMIT', 0, free)) do
      lease(hook, endpoint)
    end
  end
  look_at_endpoint(endpoint)
  if room <= 0 then
    redis.call('ZADD', P .. 'hooks', 'XX', int(n + FULL_AGAIN_MS + redis.call('ZCARD', P .. 'hooks')), endpoint)
  end
end

for _, endpoint in ipairs(redis.call('ZRANGEBYSCORE', P .. 'hooks', '-inf', int(n), 'LIMIT', 0, most)) do
  if #answer > most then break end
  look(endpoint)
end
return answer
