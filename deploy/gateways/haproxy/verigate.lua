-- Asks Verigate about a request, for `http-request lua.verigate POLICY` in haproxy.cfg. Needs HAProxy 2.6 or later with Lua.
--
-- It sets variables of the transaction; only a decision that came whole and in time sets `txn.vg_decision` to ALLOW:
--   txn.vg_decision     ALLOW, STEP_UP, DENY, or NONE where Verigate has not decided
--   txn.vg_id           the id of the decision
--   txn.vg_challenge    WWW-Authenticate of a STEP_UP
--   txn.vg_step_up_url  where a browser is sent for a STEP_UP, if there is such a place
--   txn.vg_retry_after  where Verigate has not decided: in how many seconds it may
--
-- and, for `http-request lua.verigate_cookies` before it:
--   txn.vg_hand_on      the cookie of the page for step-ups, which Verigate gets and the application does not
--
-- It has a socket of its own, because core.httpclient() of HAProxy 2.6 tries four times, each with a time-out of its own.

local ADDRESS, PORT = "127.0.0.1", 8080
-- One line: the token of this gateway (`verigate token new haproxy`). Read once, at the start, before HAProxy gives up its privileges.
local TOKEN_FILE = "/etc/haproxy/verigate-token"
-- How long a request waits for Verigate in all, in milliseconds. Verigate answers within 1 s (forward_auth.deadline).
local DEADLINE = 1100
-- How long the head of an answer may be.
local HEAD_MAX = 16384

local file = assert(io.open(TOKEN_FILE, "r"), "cannot read " .. TOKEN_FILE)
local TOKEN = assert(file:read("l"), TOKEN_FILE .. " is empty")
file:close()

local function now_ms()
	local now = core.now()
	return now.sec * 1000 + now.usec // 1000
end

-- The headers of the client that Verigate is sent, each as often as it came: Verigate refuses what is given twice.
local COPIED = { "authorization", "accept", "traceparent" }

-- A value in a head, or nil if it could end its line.
local function plain(value)
	if value and not value:find("%c") then
		return value
	end
end

local function head(txn, policy)
	local lines = {
		"GET /check/" .. policy .. " HTTP/1.1",
		"Host: localhost",
		"Connection: close",
		"X-Verigate-Token: " .. TOKEN,
	}
	local function add(name, value)
		value = plain(value)
		if value then
			lines[#lines + 1] = name .. ": " .. value
		end
	end
	local headers = txn.http:req_get_headers()
	for _, name in ipairs(COPIED) do
		for _, value in pairs(headers[name] or {}) do
			add(name, value)
		end
	end
	add("Cookie", txn:get_var("txn.vg_hand_on"))
	add("X-Request-ID", txn.sf:unique_id())
	add("X-Forwarded-For", txn.sf:src())
	add("X-Forwarded-Proto", txn.f:ssl_fc() == 1 and "https" or "http")
	add("X-Forwarded-Host", txn.sf:req_hdr("host"))
	add("X-Forwarded-Uri", txn.sf:pathq())
	return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

-- The head of the answer, or nil if it is not whole in time. A socket's own time-out begins again with each byte, so that this counts
-- itself: a peer that sends single bytes is not waited for longer.
local function ask(request, deadline)
	local socket = core.tcp()
	local function bounded(call, ...)
		local left = deadline - now_ms()
		if left <= 0 then
			return nil
		end
		socket:settimeout(left / 1000)
		return call(socket, ...)
	end
	local answer = {}
	if bounded(socket.connect, ADDRESS, PORT) and bounded(socket.send, request) then
		local ending = "\r\n\r\n"
		local matched = 0
		while matched < #ending do
			local byte = #answer < HEAD_MAX and bounded(socket.receive, 1)
			if not byte or byte == "" then
				answer = nil
				break
			end
			answer[#answer + 1] = byte
			if byte == ending:sub(matched + 1, matched + 1) then
				matched = matched + 1
			else
				matched = byte == "\r" and 1 or 0
			end
		end
	else
		answer = nil
	end
	socket:close()
	return answer and table.concat(answer)
end

-- The status and the headers of a head. Of a header that is there twice, the first counts.
local function parsed(text)
	local status = text:match("^HTTP/1%.[01] (%d%d%d)[ \r]")
	local headers = {}
	for name, value in text:gmatch("\n([%w-]+):[ \t]*([^\r\n]*)\r") do
		name = name:lower()
		headers[name] = headers[name] or value
	end
	return tonumber(status), headers
end

-- Keeps the cookie of the page for step-ups, and takes it out of the request. Of two, neither counts.
core.register_action("verigate_cookies", { "http-req" }, function(txn)
	local own, others, is_twice = nil, {}, false
	for _, line in pairs(txn.http:req_get_headers()["cookie"] or {}) do
		for pair in line:gmatch("[^;]+") do
			pair = pair:match("^%s*(.-)%s*$")
			local secure = txn.f:ssl_fc() == 1 and "__Host-" or ""
			if pair:sub(1, #secure + 17) == secure .. "verigate-hand-on=" then
				is_twice = own ~= nil
				own = pair
			elseif not pair:find("verigate-hand-on=", 1, true) then
				others[#others + 1] = pair
			end
		end
	end
	if own and not is_twice then
		txn:set_var("txn.vg_hand_on", own)
	end
	if #others > 0 then
		txn.http:req_set_header("cookie", table.concat(others, "; "))
	else
		txn.http:req_del_header("cookie")
	end
end)

-- Which decision an answer with this status may have.
local DECISIONS = { [200] = "ALLOW", [401] = "STEP_UP", [403] = "DENY" }

core.register_action("verigate", { "http-req" }, function(txn, policy)
	txn:set_var("txn.vg_decision", "NONE")
	local answer = ask(head(txn, policy), now_ms() + DEADLINE)
	if not answer then
		return
	end
	local status, headers = parsed(answer)
	local function keep(variable, header)
		local value = plain(headers[header])
		if value then
			txn:set_var(variable, value)
		end
	end
	local decision = DECISIONS[status]
	if decision and decision == headers["x-verigate-decision"] then
		keep("txn.vg_id", "x-verigate-decision-id")
		keep("txn.vg_challenge", "www-authenticate")
		keep("txn.vg_step_up_url", "x-verigate-step-up-url")
		txn:set_var("txn.vg_decision", decision)
	elseif status == 503 then
		keep("txn.vg_retry_after", "retry-after")
	end
end, 1)
