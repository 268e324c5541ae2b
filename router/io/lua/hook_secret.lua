-- Give a tenant a signing secret. At most two are live: rotation leaves the one before for a while.
-- ARGV[2] create | rotate  [3] tenant  [4] id  [5] secret  [6] ms for which the one before still signs
-- returns  ok | there (create, where one is live) | none (rotate, where none is)
local n = now()
local way, id = ARGV[2], ARGV[4]
local key = P .. 'whsec:' .. ARGV[3]
if redis.call('HEXISTS', key, id) == 1 then return 'ok' end

local newest
local all = redis.call('HGETALL', key)
for i = 1, #all, 2 do
  local created, expires, secret = string.match(all[i + 1], '^(%d+) (%d+) (%S+)$')
  local live = expires == '0' or tonumber(expires) > n
  if live and (not newest or tonumber(created) > tonumber(newest.created)) then
    newest = {id = all[i], created = created, secret = secret}
  end
end
if way == 'create' and newest then return 'there' end
if way == 'rotate' and not newest then return 'none' end

redis.call('DEL', key)
if newest then
  redis.call('HSET', key, newest.id, table.concat({newest.created, int(n + tonumber(ARGV[6])), newest.secret}, ' '))
end
-- The newest is told from the one before by its time.
local created = math.max(n, newest and tonumber(newest.created) + 1 or 0)
redis.call('HSET', key, id, int(created) .. ' 0 ' .. ARGV[5])
return 'ok'
