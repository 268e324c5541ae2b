-- Whether memory has room for new tasks; it stands in front of the scripts that take some in.
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
