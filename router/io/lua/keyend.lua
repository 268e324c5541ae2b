-- How API keys end; it stands in front of the scripts that end them.
-- What has ended is still listed for so long.
local ENDED_KEEP_MS = 90 * 86400000

-- Let the record of a key go after its end.
local function forget_key(id, tenant, ends, n)
  redis.call('PEXPIRE', P .. 'key:' .. id, int(ends - n + ENDED_KEEP_MS))
  for _, list in ipairs({P .. 'keys', P .. 'keys:' .. tenant}) do
    redis.call('ZADD', list, 'XX', int(ends + ENDED_KEEP_MS), id)
  end
end

-- Let a key expire.
local function end_key(id, tenant, ends, n)
  redis.call('HSET', P .. 'key:' .. id, 'expires', int(ends))
  forget_key(id, tenant, ends, n)
end
