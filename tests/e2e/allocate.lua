-- wrk: POST /allocations in the network named on the command line, and count what is no 201.
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  failed = 0
  wrk.method = "POST"
  wrk.path = "/api/v1/allocations"
  wrk.headers["Content-Type"] = "application/json"
  wrk.body = '{"network_id":"' .. args[1] .. '","hostname":"bench"}'
end

function response(status)
  if status ~= 201 then failed = failed + 1 end
end

function done()
  local total = 0
  for _, thread in ipairs(threads) do total = total + thread:get("failed") end
  io.write("answers other than 201: " .. total .. "\n")
end
