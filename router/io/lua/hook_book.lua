-- Book what came of a delivery; only whoever holds its lease may.
-- ARGV[2] delivery  [3] token  [4] delivered | again | failed | gone  [5] ms to wait before it is sent again
-- ARGV[6] what was said  [7] name of the policy, '' where it is not known
-- returns  the status it has then | again (it was booked before) | stale
local n = now()
local hook, token, came, said = ARGV[2], ARGV[3], ARGV[4], ARGV[6]
-- An endpoint that took nothing for so long, and that often in a row, is left alone until somebody enables it.
local LASTS_MS, FAILURES = 259200000, 10
local ENDPOINT_KEEP_S = 2592000
local key = P .. 'hook:' .. hook
local h = redis.call('HMGET', key, 'l', 'y', 'n', 'x', 'w')
if h[2] == token then return 'again' end
if h[1] ~= token then return 'stale' end
local tenant, endpoint = h[3], h[4]
local about = P .. 'endpoint:' .. endpoint
redis.call('HSET', key, 'y', token, 'l', '', 'r', said)
if ARGV[7] ~= '' then redis.call('HSET', key, 'name', ARGV[7]) end
redis.call('ZREM', P .. 'flying:' .. endpoint, hook)
redis.call('ZREM', P .. 'flies:' .. tenant, hook)

local function failing()
  redis.call('HSETNX', about, 'fs', int(n))
  local failures = redis.call('HINCRBY', about, 'f', 1)
  redis.call('EXPIRE', about, ENDPOINT_KEEP_S)
  if redis.call('HEXISTS', about, 'd') == 1 then return true end
  local since = tonumber(redis.call('HGET', about, 'fs'))
  if came ~= 'gone' and (failures < FAILURES or n - since < LASTS_MS) then return false end
  redis.call('HSET', about, 'd', int(n))
  -- The path may be what makes a URL a secret.
  alarm('webhook', tenant, string.match(h[5], '^%S+ %S+ (%a+://[^/?]+)') .. ' takes nothing (' .. said
    .. '); it is disabled until `router webhook enable`')
  return true
end

local status = came
if came == 'delivered' then redis.call('DEL', about)
elseif failing() then status = 'disabled' end
if status == 'again' then
  local due = int(n + tonumber(ARGV[5]))
  redis.call('HSET', key, 'due', due)
  redis.call('ZADD', P .. 'hooks:' .. endpoint, due, hook)
  list_hook(hook, tenant, n)
  status = 'waiting'
else
  settle_hook(hook, tenant, status, n)
end
look_at_endpoint(endpoint)
return status
