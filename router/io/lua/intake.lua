-- How new tasks are taken in; it stands in front of the scripts that do so.
-- Scripts of ours go on when memory is full, so that what was taken in is finished. For that a part of `maxmemory` is
-- kept free: for each task that waits, what its attempts, calls and lines of the ledger will take; and a tenth for RQ,
-- whose writes a full server refuses.
local ROOM_OF_A_TASK = 2000
local KEPT_FREE = 0.1
-- Hash, queues and keys of a new task, beside its input.
local BYTES_OF_A_TASK = 1000
local used, limit

-- Returns nil where there is room for a task with an input of so many bytes beside those that wait, else an answer.
local function no_room(waiting, bytes)
  if not used then
    local info = redis.call('INFO', 'memory')
    -- Found as plain text: a pattern would take longer than the rest of the script.
    local function number(name)
      local _, at = string.find(info, '\n' .. name .. ':', 1, true)
      return tonumber(at and string.match(info, '^%d+', at + 1) or 0)
    end
    limit = number('maxmemory')
    used = number('used_memory') - number('mem_not_counted_for_evict')
  end
  local more = BYTES_OF_A_TASK + bytes
  if limit == 0 or used + more + (waiting + 1) * ROOM_OF_A_TASK <= limit * (1 - KEPT_FREE) then
    used = used + more
    return nil
  end
  return {'full', int(waiting), int(used), int(limit)}
end

-- Write a task from the 14 arguments that begin at `a`: id, tier, tenant, policy digest, patience ms, deadline ms (from
-- now), keep s, key, fingerprint, reply-to, priority, input (packed), webhook (its stored word) or '', tags (JSON) or
-- ''. Whether it may be is for the caller to know.
local function take_in(a, n)
  local id, tenant, key = ARGV[a], ARGV[a + 2], ARGV[a + 7]
  local deadline = n + tonumber(ARGV[a + 5])
  local order = int(math.min(deadline, n + tonumber(ARGV[a + 4])))
  redis.call('HSET', task_key(id), 'n', tenant, 'p', ARGV[a + 3], 'o', order, 'c', int(n), 'd', int(deadline),
    'k', ARGV[a + 6], 'h', ARGV[a + 10])
  if key ~= '' then
    redis.call('HSET', task_key(id), 'i', key)
    redis.call('SET', P .. 'idem:' .. tenant .. ':' .. key, id .. ' ' .. ARGV[a + 8])
  end
  if ARGV[a + 9] ~= '' then redis.call('HSET', task_key(id), 'r', ARGV[a + 9]) end
  if ARGV[a + 12] ~= '' then redis.call('HSET', task_key(id), 'hook', ARGV[a + 12]) end
  if ARGV[a + 13] ~= '' then redis.call('HSET', task_key(id), 'tags', ARGV[a + 13]) end
  redis.call('SET', P .. 'in:' .. id, ARGV[a + 11])
  keep_version(ARGV[a + 3], deadline + tonumber(ARGV[a + 6]) * 1000)
  count_waiting(tenant, 1)
  if tenant ~= AUDITOR then
    redis.call('ZADD', P .. 'of:' .. tenant .. ':' .. int(day_of(n)), int(n), id)
    list_until(tenant, n, deadline + tonumber(ARGV[a + 6]) * 1000)
  end
  make_ready(id, ARGV[a + 1], tenant, order, deadline, '', n)
end
