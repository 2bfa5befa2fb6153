-- The authorization code flow as a browser and an application go through it, over and over. Each thread has one connection,
-- so that its variables are those of one browser, and a person and an address of its own: attempts on one person, and
-- those from one network, wait for each other. Who finds the queue for passwords full tries again a little later. Any other
-- step that fails stops the thread: a flow that does not work is not measured.

local threads = {}

function setup(thread)
  thread:set("USER", "person-" .. #threads)
  thread:set("ADDRESS", "198.51." .. math.floor(#threads / 250) .. "." .. #threads % 250 + 1)
  threads[#threads + 1] = thread
end

flows = 0

function counted()
  local all = 0
  for _, thread in ipairs(threads) do all = all + thread:get("flows") end
  return all
end

local step, cookies, handle, where, code = 1, {}, nil, nil, nil

local function cookie()
  local all = {}
  for name, value in pairs(cookies) do all[#all + 1] = name .. "=" .. value end
  return table.concat(all, "; ")
end

local function remember(headers)
  for name, value in pairs(headers) do
    if name:lower() == "set-cookie" then
      local key, text = value:match("^([^=]+)=([^;]*)")
      cookies[key] = text
    end
  end
end

local function headers(more)
  local all = { ["X-Forwarded-For"] = ADDRESS, ["Cookie"] = cookie(), ["Content-Type"] = "application/x-www-form-urlencoded" }
  for name, value in pairs(more or {}) do all[name] = value end
  return all
end

local pause = 0

function delay()
  local now = pause
  pause = 0
  return now
end

function request()
  if step == 1 then return wrk.format("GET", AUTH, headers()) end
  if step == 2 then
    return wrk.format("POST", LOGIN, headers({ ["Origin"] = ORIGIN }), CREDENTIALS .. "&username=" .. USER .. "&handle=" .. handle)
  end
  if step == 3 then return wrk.format("GET", where, headers()) end
  return wrk.format("POST", TOKEN, { ["Content-Type"] = "application/x-www-form-urlencoded" }, REDEEM .. "&code=" .. code)
end

function response(status, headers, body)
  remember(headers)
  local location = headers["location"] or headers["Location"] or ""
  local found = location:match("[?&]code=([^&]+)")
  if found then
    code, step = found, 4
  elseif step == 1 and status == 200 then
    handle, step = body:match('name="handle" value="([^"]+)"'), 2
  elseif step == 2 and status == 429 then
    step, pause = 1, 100
  elseif step == 2 and status == 303 then
    where, step = location:match("^https?://[^/]+(/.*)$"), 3
  elseif step == 4 and status == 200 and body:find('"id_token"', 1, true) then
    step, flows = 1, flows + 1
    if SESSIONS_END then
      for name in pairs(cookies) do
        if not name:match("%-b$") then cookies[name] = nil end
      end
    end
  else
    io.stderr:write("step " .. step .. ": " .. status .. " " .. location .. "\n")
    wrk.thread:stop()
  end
end
