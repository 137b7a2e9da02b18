-- Asks Verigate about a request, for `Require verigate POLICY` in apache2.conf. Needs mod_lua and lua-socket.

local socket = require "socket"

local ADDRESS, PORT = "127.0.0.1", 8080
-- One line: the token of this gateway (`verigate token new apache`).
local TOKEN_FILE = "/etc/apache2/verigate-token"
-- How long a request waits for Verigate in all, in seconds. Verigate answers within 1 s (forward_auth.deadline).
local DEADLINE = 1.1
-- How long the head of an answer may be.
local HEAD_MAX = 16384

local file = assert(io.open(TOKEN_FILE, "r"), "cannot read " .. TOKEN_FILE)
local TOKEN = assert(file:read("l"), TOKEN_FILE .. " is empty")
file:close()

-- Paths that Apache and the application may read in different ways. In what the client sent, before a query.
local AMBIGUOUS = {
	"\\", "%%5c", "%%2f", "%%2e", "%%00", "%%0a", "%%0d", "%%c0", "%%c1", "//",
	"/%.%.?/", "/%.%.?;", "/%.%.?$",
	"%%25[25]*2[ef]", "%%25[25]*5c", "%%25[25]*00",
}

-- Headers that a client must not set: those of Verigate, those that name the person to Verigate or to the application, and those that some
-- applications read in place of the path. Some applications read X_Verigate_Decision as X-Verigate-Decision.
local FORBIDDEN = {
	"^x%-verigate%-", "^x%-original%-", "^x%-forwarded%-", "^oidc", "_",
	"^x%-verification%-id$", "^x%-identity%-id$", "^x%-rewrite%-url$", "^x%-http%-method%-override$",
}

local function any(patterns, text)
	for _, pattern in ipairs(patterns) do
		if text:find(pattern) then
			return true
		end
	end
	return false
end

-- Keeps the cookie of the page for step-ups for Verigate, and takes it out of the request: the application does not get it. Of two, neither counts.
local function cookies(r)
	local secure = r.is_https and "__Host-" or ""
	local own, others, is_twice = nil, {}, false
	for pair in (r.headers_in["Cookie"] or ""):gmatch("[^;]+") do
		pair = pair:match("^%s*(.-)%s*$")
		if pair:sub(1, #secure + 17) == secure .. "verigate-hand-on=" then
			is_twice = own ~= nil
			own = pair
		elseif not pair:find("verigate-hand-on=", 1, true) then
			others[#others + 1] = pair
		end
	end
	r.subprocess_env["VERIGATE_HAND_ON"] = not is_twice and own or nil
	r.headers_in["Cookie"] = #others > 0 and table.concat(others, "; ") or nil
end

function clean(r)
	local path = r.unparsed_uri:match("^[^?]*"):lower()
	if any(AMBIGUOUS, path) then
		return 400
	end
	local names = {}
	for name in pairs(r:headers_in_table()) do
		names[#names + 1] = name
	end
	for _, name in ipairs(names) do
		if any(FORBIDDEN, name:lower()) then
			r.headers_in[name] = nil
		end
	end
	cookies(r)
	return apache2.DECLINED
end

-- A client that brings a token is let through to `Require verigate`: Verigate verifies it, and denies without one.
function authenticate(r)
	r.user = "bearer"
	r.subprocess_env["VERIGATE_BEARER"] = "1"
	return apache2.OK
end

-- A value in a head, or nil if it could end its line.
local function plain(value)
	if value and value ~= "" and not value:find("%c") then
		return value
	end
end

local function head(r, policy)
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
	if r.subprocess_env["VERIGATE_BEARER"] then
		add("Authorization", r.headers_in["Authorization"])
	else
		-- The ID token of the session, which a client cannot set.
		local token = plain(r.subprocess_env["OIDC_id_token"])
		add("Authorization", token and "Bearer " .. token)
	end
	add("Cookie", r.subprocess_env["VERIGATE_HAND_ON"])
	add("traceparent", r.headers_in["traceparent"])
	add("X-Request-ID", r.subprocess_env["UNIQUE_ID"])
	add("X-Forwarded-For", r.useragent_ip)
	add("X-Forwarded-Proto", r.is_https and "https" or "http")
	add("X-Forwarded-Host", r.headers_in["Host"])
	add("X-Forwarded-Uri", r.unparsed_uri)
	return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

-- The head of the answer, or nil if it is not whole in time. The deadline is of all together: a peer that sends single bytes is not waited for
-- longer.
local function ask(request)
	local deadline = socket.gettime() + DEADLINE
	local peer = socket.tcp()
	local function left()
		return math.max(0, math.min(DEADLINE, deadline - socket.gettime()))
	end
	local text = ""
	peer:settimeout(left(), "t")
	local is_open = peer:connect(ADDRESS, PORT)
	if is_open then
		peer:settimeout(left(), "t")
		is_open = peer:send(request)
	end
	while is_open and not text:find("\r\n\r\n", 1, true) do
		if left() == 0 or #text > HEAD_MAX then
			break
		end
		-- What is there, and then what comes until the deadline.
		peer:settimeout(0)
		local all, why, part = peer:receive(4096)
		local read = all or part or ""
		text = text .. read
		if why == "closed" then
			break
		elseif read == "" then
			socket.select({ peer }, nil, left())
		end
	end
	peer:close()
	return text:match("^(.-\r\n)\r\n")
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

-- Which decision an answer with this status may have.
local DECISIONS = { [200] = "ALLOW", [401] = "STEP_UP", [403] = "DENY" }

-- Decides `Require verigate POLICY`. Apache asks before it knows who it is, and again after that.
function authorize(r, policy)
	if r.user == nil then
		return apache2.AUTHZ_DENIED_NO_USER
	end
	r.subprocess_env["VERIGATE_DECISION"] = "NONE"
	local answer = ask(head(r, policy))
	local status, headers = parsed(answer or "")
	local decision = DECISIONS[status]
	if not decision or headers["x-verigate-decision"] ~= decision then
		if status == 503 then
			r.subprocess_env["VERIGATE_RETRY_AFTER"] = plain(headers["retry-after"])
		end
		return apache2.AUTHZ_GENERAL_ERROR
	end
	local id = plain(headers["x-verigate-decision-id"])
	r.subprocess_env["VERIGATE_DECISION"] = decision
	r.subprocess_env["VERIGATE_DECISION_ID"] = id
	r.err_headers_out["X-Verigate-Decision"] = decision
	r.err_headers_out["X-Verigate-Decision-Id"] = id
	if decision == "ALLOW" then
		r.headers_in["X-Verigate-Decision"] = decision
		r.headers_in["X-Verigate-Decision-Id"] = id
		return apache2.AUTHZ_GRANTED
	end
	r.err_headers_out["Cache-Control"] = "no-store"
	if decision == "STEP_UP" then
		r.subprocess_env["VERIGATE_STEP_UP_URL"] = plain(headers["x-verigate-step-up-url"])
		r.err_headers_out["WWW-Authenticate"] = plain(headers["www-authenticate"])
		-- 401: the person is known, but not well enough.
		return apache2.AUTHZ_DENIED_NO_USER
	end
	return apache2.AUTHZ_DENIED
end

-- What a client gets in place of Apache's own pages. A browser is sent to where the person can step up, or asks again by itself while the
-- verification is looked up for the first time.
function answer(r)
	local status = tonumber(r.subprocess_env["REDIRECT_STATUS"])
	if not status then
		return 404
	end
	local decision = r.subprocess_env["REDIRECT_VERIGATE_DECISION"]
	local url = r.subprocess_env["REDIRECT_VERIGATE_STEP_UP_URL"]
	local is_browser = (r.headers_in["Accept"] or ""):find("text/html", 1, true)
	local body = "denied\n"
	r.content_type = "text/plain; charset=utf-8"
	if decision == "NONE" then
		status = 503
		local after = r.subprocess_env["REDIRECT_VERIGATE_RETRY_AFTER"] or "1"
		r.err_headers_out["Retry-After"] = after
		r.err_headers_out["Cache-Control"] = "no-store"
		if is_browser and after == "1" then
			r.content_type = "text/html; charset=utf-8"
			body = '<!doctype html><meta http-equiv="refresh" content="1"><title>One moment</title><p>One moment, please.</p>\n'
		end
	elseif decision == "STEP_UP" then
		body = "step up\n"
		if url and is_browser then
			status = 302
			r.err_headers_out["WWW-Authenticate"] = nil
			r.err_headers_out["Location"] = url
		elseif url then
			r.err_headers_out["X-Verigate-Step-Up-Url"] = url
		end
	end
	r.status = status
	r:puts(body)
	return apache2.OK
end
