-- Owns what the outermost filter does to answers: 201 and 204, errors in the API's own words, Retry-After, the id.
-- Never touches plain gRPC, and never a stream that has begun.
--
-- Each virtual host's context has `api` and one ready-made error body per status, `error_404` and so on.

local REQUEST_ID = "REQUEST_ID"

-- What only gRPC clients, or only this file, should see.
local INTERNAL = {
  "x-http-status",
  "x-error-body",
  "x-carillon-shaped",
  "grpc-status",
  "grpc-message",
  "grpc-accept-encoding",
  "grpc-status-details-bin",
}

local function is_grpc(kind)
  return kind ~= nil and (kind == "application/grpc" or kind:find("^application/grpc[+;]") ~= nil)
end

-- What means something to gRPC must not come from a client that does not speak it: a time-out, binary metadata. Nor may
-- names and values that HTTP allows and gRPC does not; an Idempotency-Key stays, to be refused by whoever reads it.
local function is_foreign(name, value)
  if name:find("^grpc%-") or name:find("%-bin$") or not name:find("^:?[%w%-_.]+$") then
    return true
  end
  return name ~= "idempotency-key" and name:sub(1, 1) ~= ":" and value:find("[^ -~]") ~= nil
end

local function remove_foreign_headers(headers)
  local found = {}
  for name, value in pairs(headers) do
    if is_foreign(name, value) then
      found[#found + 1] = name
    end
  end
  for _, name in ipairs(found) do
    headers:remove(name)
  end
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local memory = handle:streamInfo():dynamicMetadata()
  memory:set("carillon", "request_id", headers:get("x-request-id") or "")
  if is_grpc(headers:get("content-type")) then
    memory:set("carillon", "grpc", "yes")
  else
    remove_foreign_headers(headers)
  end
end

local function remembered(handle)
  return handle:streamInfo():dynamicMetadata():get("carillon") or {}
end

-- After body() every headers and context object fetched before is dead: fetch again.
local function replace_body(handle, text)
  handle:body(true):setBytes(text)
  local headers = handle:headers()
  headers:replace("content-length", tostring(#text))
  headers:replace("content-type", "application/json")
  return headers
end

-- The transcoder prints a google.rpc.Status; AIP-193 wants it inside "error", with HTTP's number and the code's word.
local function wrap_status(text, status, words)
  local number, rest = text:match('^{"code":(%d+)(.*)}%s*$')
  if number == nil then
    return nil
  end
  return '{"error":{"code":' .. status .. ',"status":"' .. (words:get("code_" .. number) or "UNKNOWN") .. '"' .. rest .. "}}"
end

local function error_body(handle, status, said)
  if said ~= nil then
    return said
  end
  local api = handle:filterContext():get("api")
  if api == "native" or api == "public" then
    local buffer = handle:body(true)
    local text = buffer:length() > 0 and buffer:getBytes(0, buffer:length()) or ""
    local wrapped = wrap_status(text, status, handle:filterContext())
    if wrapped ~= nil then
      return wrapped
    end
  end
  local context = handle:filterContext()
  local id = remembered(handle)["request_id"]
  if id == nil then
    return nil -- refused before this filter saw the request: Envoy has said it in the API's words, with an id of its own
  end
  local template = context:get("error_" .. status) or context:get("error_400")
  return (template:gsub(REQUEST_ID, (id:gsub('[^%w%-_]', ""))))
end

function envoy_on_response(handle)
  local headers, id = handle:headers(), remembered(handle)["request_id"]
  if id ~= nil and headers:get("x-request-id") == nil then
    headers:add("x-request-id", id)
  end
  if remembered(handle)["grpc"] ~= nil then
    return
  end
  local wanted, said, shaped = headers:get("x-http-status"), headers:get("x-error-body"), headers:get("x-carillon-shaped")
  for _, name in ipairs(INTERNAL) do
    headers:remove(name)
  end
  local status = headers:get(":status")
  if status == "200" and wanted ~= nil then
    headers:replace(":status", wanted)
    if wanted == "204" then
      local body = handle:body()
      if body ~= nil then
        body:setBytes("")
      end
      headers = handle:headers()
      headers:remove("content-type")
      headers:remove("content-length")
    end
    return
  end
  if tonumber(status) < 400 or shaped ~= nil then
    return
  end
  local context = handle:filterContext()
  if context == nil or context:get("api") == nil then
    return
  end
  if said ~= nil and wanted ~= nil then
    status = wanted
  end
  local body = error_body(handle, status, said)
  if body ~= nil then
    headers = replace_body(handle, body)
    headers:replace("x-request-id", id or "")
  end
  headers:replace(":status", status)
  if status == "503" and headers:get("retry-after") == nil then
    headers:replace("retry-after", "1")
  end
end
