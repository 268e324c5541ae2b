-- Read an API key with all others of its tenant, whose limits count for it too.
-- ARGV[2] id
-- returns  {the time, then for each key: id, its fields} | {the time} where there is no such key
local n = now()
local tenant = redis.call('HGET', P .. 'key:' .. ARGV[2], 'tenant')
local answer = {int(n)}
if not tenant then return answer end
for _, id in ipairs(redis.call('ZRANGE', P .. 'keys:' .. tenant, 0, -1)) do
  local fields = redis.call('HGETALL', P .. 'key:' .. id)
  if #fields > 0 then
    answer[#answer + 1] = id
    answer[#answer + 1] = fields
  end
end
return answer
