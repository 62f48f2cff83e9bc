package api_test

import "smart-factory-backend/app/api"

// operation describes a route in the OpenAPI document. The generator adds what
// follows from the route: path parameters, security, and the responses that every
// route of its kind has.
type operation struct {
	// ID is the operationId, Tag the name of its group.
	ID, Tag, Summary, Description string
	// Query are the query parameters of a route that parses them itself.
	Query []api.Parameter
	// Body is the content of the request; nil for none.
	Body content
	// Conditional routes evaluate If-Match and If-None-Match.
	Conditional bool
	// Responses are the route's own. One without a description is the standard
	// response of its status.
	Responses []routeResponse
	// OwnErrors means that Responses is complete.
	OwnErrors bool
}

// content maps media types to the names of their schemas; "" is plain text.
type content map[string]string

// routeResponse describes a response. Content is nil if it has no body.
type routeResponse struct {
	Status      int
	Description string
	Content     content
}

// jsonBody is the content application/json with the given schema.
func jsonBody(schema string) content { return content{"application/json": schema} }

func probe(id, summary, description string) operation {
	return operation{
		ID: id, Tag: "health", Summary: summary, Description: description,
		Responses: []routeResponse{{200, "The check passes.", jsonBody("Health")}, {503, "The check fails.", jsonBody("Health")}},
	}
}

const (
	liveness      = "Whether the process works. Dependencies cannot make it fail."
	unchanged     = "A PUT that changes nothing keeps the version. The body may hold the members that only a GET returns; they are ignored."
	engineIOError = "An error of Engine.IO."
)

var unprocessableShelf = routeResponse{
	Status: 422, Description: "The end of the shelf is past, or later than MAX_SHELVE allows.", Content: content{"application/problem+json": "Problem"},
}

var engineIOVersion = api.Parameter{Name: "EIO", Description: "The version of Engine.IO.", Words: []string{"4"}, Required: true}

var influxV1Credentials = []api.Parameter{
	{Name: "u", Description: "The user. Ignored."}, {Name: "p", Description: "The password: the secret of an API key."},
}

func deviceWait(id, summary string) operation {
	return operation{
		ID: id, Tag: "dialects", Summary: summary,
		Description: "There is none here. The response comes after the timeout, as ThingsBoard's does when there is none.",
		Responses:   []routeResponse{{408, "Nothing came within the timeout.", nil}},
	}
}

func refusedByDevices(id, summary string) operation {
	return operation{
		ID: id, Tag: "dialects", Summary: summary + ": refused",
		Description: "ThingsBoard has this, and this server does not.",
		Body:        jsonBody("Object"),
		Responses:   []routeResponse{{Status: 403}},
	}
}

func influxV1Query(id string, body content) operation {
	return operation{
		ID: id, Tag: "dialects", Summary: "Answer what clients of InfluxDB 1 ask before they write",
		Description: "CREATE DATABASE, CREATE and ALTER RETENTION POLICY succeed and change nothing, SHOW DATABASES lists the database db, and SHOW RETENTION POLICIES one policy. Other statements are refused.",
		Query: append([]api.Parameter{
			{Name: "q", Description: "Statements of InfluxQL, separated by semicolons; of a POST, in the form or in the URL."},
			{Name: "db", Description: "The database.", Default: "factory"},
		}, influxV1Credentials...),
		Body: body, OwnErrors: true,
		Responses: []routeResponse{
			{200, "A result for each statement.", jsonBody("InfluxV1Results")},
			{400, "A statement is not supported.", jsonBody("InfluxV1Error")},
			{401, "The password is missing or wrong.", jsonBody("InfluxV1Error")},
			{403, "The role of the key does not allow this.", jsonBody("InfluxV1Error")},
			{503, "The server is overloaded, or a rate limit is exceeded.", jsonBody("InfluxV1Error")},
		},
	}
}

// operations are the descriptions of all routes, by method and path.
var operations = map[string]operation{
	"GET /api/health":         probe("health", "Check liveness", liveness),
	"GET /api/health/live":    probe("live", "Check liveness", liveness),
	"GET /api/health/ready":   probe("ready", "Check readiness", "Whether readings are accepted: the store works and the process is not draining."),
	"GET /api/health/startup": probe("startup", "Check startup", "Whether the start is complete."),
	"GET /": {
		ID: "index", Tag: "documents", Summary: "Show the live page",
		Responses: []routeResponse{{200, "The page, which loads nothing from other hosts.", content{"text/html": ""}}},
	},
	"GET /ping": {
		ID: "ping", Tag: "dialects", Summary: "Answer InfluxDB's ping",
		Description: "The header X-Influxdb-Version has the version of InfluxDB whose write API this is.",
		Query:       []api.Parameter{{Name: "verbose", Description: "Return the version as JSON."}},
		Responses:   []routeResponse{{204, "The server is reachable.", nil}, {200, "With verbose.", jsonBody("Object")}},
	},
	"GET /ready": {
		ID: "influxReady", Tag: "dialects", Summary: "Check readiness as InfluxDB 2 does",
		Responses: []routeResponse{{200, "Ready for writes.", jsonBody("InfluxReady")}, {503, "Not ready for writes.", jsonBody("InfluxError")}},
	},
	"GET /api/v2/buckets": {
		ID: "listInfluxBuckets", Tag: "dialects", Summary: "List buckets, as clients of InfluxDB 2 do before they write",
		Description: "Writes to any bucket are accepted, so the list has one of the name that is asked for.",
		Query:       []api.Parameter{{Name: "name", Description: "The name of the bucket.", Default: "factory"}},
		OwnErrors:   true,
		Responses: []routeResponse{
			{200, "One bucket.", jsonBody("InfluxBuckets")},
			{401, "The token is missing or wrong.", jsonBody("InfluxError")},
			{403, "The role of the key does not allow this.", jsonBody("InfluxError")},
			{503, "The server is overloaded, or a rate limit is exceeded.", jsonBody("InfluxError")},
		},
	},
	"POST /write": {
		ID: "writeLineProtocolV1", Tag: "dialects", Summary: "Store line protocol, as clients of InfluxDB 1 send it",
		Description: "The same as POST /api/v2/write for clients of version 1. The key's secret is the password: of Basic credentials, in the parameter p, or in Authorization: Token user:password.",
		Query: append([]api.Parameter{
			{Name: "precision", Description: "The unit of the timestamps.", Words: []string{"n", "ns", "u", "us", "ms", "s", "m", "h"}, Default: "n"},
			{Name: "db", Description: "Ignored."},
			{Name: "rp", Description: "Ignored."},
		}, influxV1Credentials...),
		Body: content{"text/plain": ""}, OwnErrors: true,
		Responses: []routeResponse{
			{204, "All values are committed.", nil},
			{400, "Some lines are rejected; the others are committed.", jsonBody("InfluxV1Error")},
			{401, "The password is missing or wrong.", jsonBody("InfluxV1Error")},
			{403, "The role of the key does not allow this.", jsonBody("InfluxV1Error")},
			{413, "The body is too large; nothing was stored.", jsonBody("InfluxV1Error")},
			{503, "The server is overloaded, or a rate limit is exceeded. Repeat the request after Retry-After.", jsonBody("InfluxV1Error")},
		},
	},
	"GET /query":  influxV1Query("getInfluxQuery", nil),
	"POST /query": influxV1Query("postInfluxQuery", content{"application/x-www-form-urlencoded": ""}),
	"GET /health": {
		ID: "influxHealth", Tag: "dialects", Summary: "Check readiness in InfluxDB's form",
		Responses: []routeResponse{{200, "Ready for writes.", jsonBody("InfluxHealth")}, {503, "Not ready for writes.", jsonBody("InfluxHealth")}},
	},
	"GET /favicon.ico": {
		ID: "getFavicon", Tag: "documents", Summary: "Show the icon of the pages",
		Responses: []routeResponse{{200, "An SVG image.", content{"image/svg+xml": ""}}},
	},
	"GET /api/openapi.json": {
		ID: "getOpenAPI", Tag: "documents", Summary: "Return this document",
		Responses: []routeResponse{{200, "OpenAPI 3.1.", jsonBody("Object")}},
	},
	"GET /api/docs": {
		ID: "getDocs", Tag: "documents", Summary: "Show this document as a page",
		Responses: []routeResponse{{200, "A page that loads nothing from other hosts.", content{"text/html": ""}}},
	},
	"GET /api/v1/session": {
		ID: "getSession", Tag: "sessions", Summary: "Return whose key or session the request has",
		Responses: []routeResponse{{200, "The user, or open without API keys.", jsonBody("CurrentSession")}, {Status: 401}},
	},
	"GET /assets/": {
		ID: "getAsset", Tag: "documents", Summary: "Return a file of the live page",
		Responses: []routeResponse{{200, "The script or the style sheet that the page names below this path.", content{"text/javascript": "", "text/css": ""}}, {Status: 404, Description: "There is no such file."}},
	},
	"GET /api/v1/system": {
		ID: "getSystem", Tag: "documents", Summary: "Return the state of the process that answers",
		Description: "Workers, sessions, store and memory. With several replicas, each answers for itself; host and pid tell them apart.",
		Responses:   []routeResponse{{200, "The state.", jsonBody("System")}},
	},
	"POST /api/v1/session": {
		ID: "startSession", Tag: "sessions", Summary: "Exchange a key for a session cookie",
		Description: "For pages, which can set no header for EventSource and WebSocket. The cookie is HttpOnly and SameSite=Strict, and Secure on TLS. Requests that change something also need the Origin of this server or one of ALLOWED_ORIGINS. The session ends after 30 days, or when the secret of its key changes.",
		Body:        jsonBody("SessionPost"),
		Responses:   []routeResponse{{200, "The cookie is set.", jsonBody("Session")}, {Status: 400}, {Status: 401}, {Status: 403}, {409, "There are no keys, so no session is needed.", content{"application/problem+json": "Problem"}}},
	},
	"DELETE /api/v1/session": {
		ID: "endSession", Tag: "sessions", Summary: "Delete the session cookie",
		Responses: []routeResponse{{204, "The cookie is deleted.", nil}, {Status: 403}},
	},
	"POST /api/v1/telemetry": {
		ID: "postTelemetry", Tag: "telemetry", Summary: "Store readings",
		Description: "The body is an object, an array of objects, or NDJSON, and may be compressed with gzip, deflate or zstd (Content-Encoding). " +
			"It holds at most 50 000 values. Rejected values are listed and the others are stored; if all are rejected, the status is 400. " +
			"A reading replaces an earlier one of the same machine, metric and ts. Without ts, the time is now.",
		Body:      content{"application/json": "Telemetry", "application/x-ndjson": "Observation"},
		Responses: []routeResponse{{200, "The accepted values are committed.", jsonBody("IngestResult")}},
	},
	"POST /api/v2/write": {
		ID: "writeLineProtocol", Tag: "dialects", Summary: "Store line protocol, as Telegraf sends it",
		Description: "The tag machine (INFLUX_MACHINE_TAG) names the machine, or else the tag host; the metric is measurement_field with the further tags in Prometheus form behind it (INFLUX_METRIC, INFLUX_TAGS). " +
			"Booleans become 1 and 0, integers become doubles, and strings longer than 1 KiB are skipped and counted. " +
			"Times are stored with a precision of one millisecond. The body may be compressed with gzip, deflate or zstd (Content-Encoding).",
		Query: []api.Parameter{
			{Name: "precision", Description: "The unit of the timestamps.", Words: []string{"ns", "us", "ms", "s"}, Default: "ns"},
			{Name: "bucket", Description: "Ignored."},
			{Name: "org", Description: "Ignored."},
		},
		Body:      content{"text/plain": ""},
		OwnErrors: true,
		Responses: []routeResponse{
			{204, "All numbers are committed.", nil},
			{400, "Some lines are rejected; the others are committed.", jsonBody("InfluxError")},
			{401, "The token is missing or wrong.", jsonBody("InfluxError")},
			{403, "The role of the key does not allow this.", jsonBody("InfluxError")},
			{413, "The body is too large; nothing was stored.", jsonBody("InfluxError")},
			{503, "The server is overloaded, or a rate limit is exceeded. Repeat the request after Retry-After.", jsonBody("InfluxError")},
		},
	},
	"POST /api/v1/{token}/telemetry": {
		ID: "postDeviceTelemetry", Tag: "dialects", Summary: "Store what a ThingsBoard device sends",
		Description: "The token is the secret of a key with the role ingest, and the name of the key is the machine. Without configured keys, the token is the machine. " +
			"If an object has the members ts and values, its values are in values; otherwise its members are the values. " +
			"Booleans become 1 and 0, text that spells a number becomes that number, null is ignored, nested JSON is stored as text, and text longer than 1 KiB is skipped and counted. " +
			"JSON may be as lenient as ThingsBoard takes it: keys and texts without quotes or in single quotes, comments.",
		Body:      jsonBody("DeviceTelemetry"),
		Responses: []routeResponse{{200, "All values are committed.", nil}},
	},
	"GET /api/v1/{token}/attributes": {
		ID: "getDeviceAttributes", Tag: "dialects", Summary: "Return the client attributes of a ThingsBoard device",
		Responses: []routeResponse{{200, "The member client has the attributes; it is missing if there are none.", jsonBody("Object")}},
	},
	"POST /api/v1/{token}/attributes": {
		ID: "postDeviceAttributes", Tag: "dialects", Summary: "Store the client attributes of a ThingsBoard device",
		Description: "Each attribute becomes a reading of the present. The metric is its key with {scope=\"client\"} behind it, since telemetry with the same key is something else.",
		Body:        jsonBody("DeviceValues"),
		Responses:   []routeResponse{{200, "All attributes are committed.", nil}},
	},
	"GET /api/v1/{token}/attributes/updates": deviceWait("awaitAttributeUpdates", "Wait for a change of shared attributes"),
	"GET /api/v1/{token}/rpc":                deviceWait("awaitRPC", "Wait for a command"),
	"POST /api/v1/{token}/rpc":               refusedByDevices("callRPC", "Call a method of the server"),
	"POST /api/v1/{token}/claim":             refusedByDevices("claimDevice", "Allow a customer to claim the device"),
	"POST /api/v1/provision":                 refusedByDevices("provisionDevice", "Register a device"),
	"POST /api/v1/{token}/rpc/{request}": {
		ID: "replyRPC", Tag: "dialects", Summary: "Reply to a command",
		Description: "Devices get no commands here, so there is none to reply to.",
		Body:        jsonBody("Object"),
		Responses:   []routeResponse{{Status: 404}},
	},
	"POST /api/v1/{token}/gateway/attributes": {
		ID: "postGatewayAttributes", Tag: "dialects", Summary: "Store the client attributes of a gateway's devices",
		Description: "The body has a member for each machine, whose value is an object of attributes.",
		Body:        jsonBody("GatewayAttributes"),
		Responses:   []routeResponse{{200, "All attributes are committed.", nil}},
	},
	"POST /api/v1/{token}/gateway/connect": {
		ID: "connectGatewayDevice", Tag: "dialects", Summary: "Register a device of a gateway",
		Body:      jsonBody("GatewayDevice"),
		Responses: []routeResponse{{200, "The machine is registered.", nil}},
	},
	"POST /api/v1/{token}/gateway/disconnect": {
		ID: "disconnectGatewayDevice", Tag: "dialects", Summary: "Report that a device of a gateway is gone",
		Description: "Changes nothing: a machine is offline when it sends nothing.",
		Body:        jsonBody("GatewayDevice"),
		Responses:   []routeResponse{{200, "The body is valid.", nil}},
	},
	"POST /api/v1/{token}/gateway/telemetry": {
		ID: "postGatewayTelemetry", Tag: "dialects", Summary: "Store what a ThingsBoard gateway sends",
		Description: "The body is the message that a gateway publishes to v1/gateway/telemetry over MQTT. It has a member for each machine, in the form that a device sends.",
		Body:        jsonBody("GatewayTelemetry"),
		Responses:   []routeResponse{{200, "All values are committed.", nil}},
	},
	"GET /api/v1/latest": {
		ID: "getLatest", Tag: "history", Summary: "Return the newest reading of each series",
		Description: "The newest by the machine's clock, ordered by machine and metric.",
		Responses:   []routeResponse{{200, "A page of readings.", jsonBody("LatestPage")}},
	},
	"GET /api/v1/machines/{id}/history": {
		ID: "getHistory", Tag: "history", Summary: "Return the history of a machine",
		Description: "Returns raw points, or buckets of interval, or each metric downsampled to points. " +
			"JSON has pages; CSV and NDJSON stream the whole range. Raw points as NDJSON have the form that POST /api/v1/telemetry accepts.",
		Responses: []routeResponse{{200, "The history.", content{"application/json": "History", "text/csv": "", "application/x-ndjson": "HistoryRow"}}, {Status: 404}},
	},
	"GET /api/v1/shifts/instances": {
		ID: "listShiftInstances", Tag: "collections", Summary: "List the concrete shifts of a range",
		Description: "Those that have time in common with the range, ordered by from. Clock changes, days off and special days are taken into account.",
		Responses:   []routeResponse{{200, "A page of shifts.", jsonBody("ShiftInstancePage")}},
	},
	"GET /api/v1/oee": {
		ID: "getOEE", Tag: "plant", Summary: "Compute the OEE of machines",
		Description: "The figures of ISO 22400-2, computed from everything that is stored now, in total and in groups. Times are in seconds. " +
			"A figure without a base is null, and why says what is missing.",
		Responses: []routeResponse{{200, "The figures.", jsonBody("OEE")}, {404, "The machine, the line, the shift or its day does not exist.", nil}},
	},
	"GET /api/v1/oee/reasons": {
		ID: "getOEEReasons", Tag: "plant", Summary: "List downtimes by reason",
		Description: "The 100 reasons with the most downtime, the longest first. Downtime is planned busy time in which a machine does not run.",
		Responses:   []routeResponse{{200, "The reasons.", jsonBody("OEEReasons")}, {404, "The machine, the line, the shift or its day does not exist.", nil}},
	},
	"GET /api/v1/machines": {
		ID: "listMachines", Tag: "machines", Summary: "List the machines", Description: "Ordered by id.",
		Responses: []routeResponse{{200, "A page of machines.", jsonBody("MachinePage")}},
	},
	"GET /api/v1/machines/{id}": {
		ID: "getMachine", Tag: "machines", Summary: "Return a machine", Conditional: true,
		Responses: []routeResponse{{200, "The machine.", jsonBody("Machine")}, {Status: 404}},
	},
	"PUT /api/v1/machines/{id}": {
		ID: "putMachine", Tag: "machines", Summary: "Create a machine or replace its description", Conditional: true,
		Description: unchanged + " path is used if site, area and line are all missing.",
		Body:        jsonBody("MachinePut"),
		Responses:   []routeResponse{{200, "The machine is replaced or unchanged.", jsonBody("Machine")}, {201, "The machine is created.", jsonBody("Machine")}},
	},
	"DELETE /api/v1/machines/{id}": {
		ID: "deleteMachine", Tag: "machines", Summary: "Delete a machine", Conditional: true,
		Description: "Unless purge is true, its history stays, and its next reading registers it again.",
		Responses:   []routeResponse{{204, "The machine is deleted.", nil}, {Status: 404}},
	},
	"GET /api/v1/machines/{id}/metrics": {
		ID: "listMetrics", Tag: "machines", Summary: "List the metrics of a machine", Description: "All of them, ordered by name.",
		Responses: []routeResponse{{200, "The metrics.", jsonBody("MetricPage")}, {Status: 404}},
	},
	"GET /api/v1/machines/{id}/metrics/{metric}": {
		ID: "getMetric", Tag: "machines", Summary: "Return a metric of a machine", Conditional: true,
		Responses: []routeResponse{{200, "The metric.", jsonBody("Metric")}, {Status: 404}},
	},
	"PUT /api/v1/machines/{id}/metrics/{metric}": {
		ID: "putMetric", Tag: "machines", Summary: "Create a metric or replace its description", Conditional: true,
		Description: unchanged, Body: jsonBody("MetricPut"),
		Responses: []routeResponse{
			{200, "The metric is replaced or unchanged.", jsonBody("Metric")}, {201, "The metric is created.", jsonBody("Metric")}, {Status: 404},
		},
	},
	"POST /api/v1/machines/{id}/events": {
		ID: "postEvents", Tag: "plant", Summary: "Report states, counts, reasons, products and notes",
		Description: "The body is an event, an array of events, or NDJSON. Without ts, the time is now. Invalid events are listed and the others are stored; if all are rejected, the status is 400. " +
			"The id of an event, or the header Idempotency-Key, makes repeating a request safe: the same again is answered as the first time, and another content under it is refused. " +
			"An unknown machine is registered, as by its first reading.",
		Body: content{"application/json": "Events", "application/x-ndjson": "PostedEvent"},
		Responses: []routeResponse{
			{200, "The accepted events are committed.", jsonBody("IngestResult")},
			{409, "An event with this id and another content exists, or the event is replaced already.", content{"application/problem+json": "Problem"}},
		},
	},
	"GET /api/v1/machines/{id}/timeline": {
		ID: "getTimeline", Tag: "plant", Summary: "Return what a machine did",
		Description: "The segments follow each other without gap or overlap, from the machine's first event or reading until now. With at, the state of one moment.",
		Responses:   []routeResponse{{200, "A page of the timeline, or the state.", jsonBody("Timeline")}, {Status: 404}},
	},
	"GET /api/v1/events": {
		ID: "getEvents", Tag: "collections", Summary: "Return the events of the journal after a seq",
		Description: "In the order in which they were accepted, corrected ones included. Continue with last_seq as after. With wait, the response comes with the next event.",
		Responses:   []routeResponse{{200, "The events.", jsonBody("EventPage")}},
	},
	"GET /api/v1/alarms": {
		ID: "listAlarms", Tag: "alarms", Summary: "List the alarms", Description: "The newest first.",
		Responses: []routeResponse{{200, "A page of alarms.", jsonBody("AlarmPage")}},
	},
	"GET /api/v1/alarms/performance": {
		ID: "getAlarmPerformance", Tag: "alarms", Summary: "Return the figures of the alarms", Description: "Those of EEMUA 191, over windows of ten minutes.",
		Responses: []routeResponse{{200, "The figures.", jsonBody("AlarmPerformance")}},
	},
	"GET /api/v1/alarms/{id}": {
		ID: "getAlarm", Tag: "alarms", Summary: "Return an alarm and its transitions",
		Responses: []routeResponse{{200, "The alarm.", jsonBody("AlarmHistory")}, {Status: 404}},
	},
	"POST /api/v1/alarms/{id}": {
		ID: "actOnAlarms", Tag: "alarms", Summary: "Perform an action on several alarms",
		Description: "The id in the path is the action: ack, shelve, unshelve, reset, out_of_service or return. An alarm at fault does not affect the others.",
		Body:        jsonBody("AlarmActions"),
		Responses:   []routeResponse{{200, "The alarms after the action, and those on which it was not performed.", jsonBody("AlarmActionResult")}, unprocessableShelf, {Status: 404}},
	},
	"POST /api/v1/alarms/{id}/{action}": {
		ID: "actOnAlarm", Tag: "alarms", Summary: "Perform an action on an alarm",
		Description: "The actions are ack, shelve, unshelve, reset, out_of_service and return. The same action once more changes nothing.",
		Body:        jsonBody("AlarmAction"),
		Responses: []routeResponse{
			{200, "The alarm after the action.", jsonBody("Alarm")},
			{Status: 409, Description: "The state of the alarm, which the detail names, does not allow the action, or the alarm has changed since if_seq.", Content: content{"application/problem+json": "Problem"}},
			unprocessableShelf,
			{Status: 404},
		},
	},
	"GET /api/v1/schemas": {
		ID: "listSchemas", Tag: "collections", Summary: "List the kinds of document that have a schema",
		Responses: []routeResponse{{200, "The kinds.", jsonBody("SchemaList")}},
	},
	"GET /api/v1/schemas/{kind}": {
		ID: "getSchema", Tag: "collections", Summary: "Return the JSON Schema of a kind of document", Description: "What a PUT accepts.",
		Responses: []routeResponse{{200, "JSON Schema 2020-12.", content{"application/schema+json": "Object"}}, {Status: 404}},
	},
	"GET /ws": {
		ID: "webSocket", Tag: "realtime", Summary: "Subscribe to rooms over WebSocket (RFC 6455)",
		Description: `The messages are JSON: {"op":"subscribe","id":1,"rooms":[…]}, unsubscribe, ping, and telemetry, which has the members of POST /api/v1/telemetry besides op and id. The server answers each with its id and ok.`,
		Responses: []routeResponse{
			{Status: 101, Description: "The connection switches to WebSocket."},
			{Status: 426, Description: "The request is not a WebSocket handshake.", Content: content{"application/problem+json": "Problem"}},
		},
	},
	"GET /api/v1/stream": {
		ID: "getStream", Tag: "realtime", Summary: "Subscribe to rooms with Server-Sent Events",
		Description: "Each message has the name of the event as event, the room and its sequence number as id, and {event, room, seq, data} as data. A snapshot of each room comes first.",
		Query: []api.Parameter{{
			Name: "rooms", List: true, Example: "all",
			Description: "The rooms: machine:ID, line:SITE/AREA/LINE, alarms or all. Separate several by commas.",
		}, {
			Name: "room", Repeatable: true, Description: "One room, whose name may contain commas. The parameter may be repeated. At least one of rooms and room is required.",
		}},
		Responses: []routeResponse{{Status: 200, Description: "A stream without an end.", Content: content{"text/event-stream": ""}}},
	},
	"GET /manual": {
		ID: "getManual", Tag: "documents", Summary: "Show the operator's manual",
		Responses: []routeResponse{{Status: 200, Description: "The index of the manual; its pages are below this path.", Content: content{"text/html": ""}}},
	},
	"GET /socket.io/": {
		ID: "socketIOGet", Tag: "realtime", Summary: "Subscribe to rooms over Socket.IO",
		Description: "Engine.IO 4 and Socket.IO 5 over long polling and WebSocket. Use a Socket.IO client, with the API key in auth.token. The official JavaScript client is at /socket.io/socket.io.js.",
		Query: []api.Parameter{
			engineIOVersion,
			{Name: "transport", Description: "The transport of the session.", Words: []string{"polling", "websocket"}, Required: true},
			{Name: "sid", Description: "The session; without it, a new one begins."},
		},
		OwnErrors: true,
		Responses: []routeResponse{
			{Status: 101, Description: "The connection switches to WebSocket."},
			{Status: 200, Description: "Packets.", Content: content{"text/plain": ""}},
			{Status: 400, Description: engineIOError, Content: jsonBody("Object")},
			{Status: 403, Description: engineIOError, Content: jsonBody("Object")},
			{Status: 429},
			{Status: 503},
		},
	},
	"POST /socket.io/": {
		ID: "socketIOPost", Tag: "realtime", Summary: "Send packets of a polling session",
		Query: []api.Parameter{
			engineIOVersion,
			{Name: "transport", Description: "The transport of the session.", Words: []string{"polling"}, Required: true},
			{Name: "sid", Description: "The session.", Required: true},
		},
		Body:      content{"text/plain": ""},
		OwnErrors: true,
		Responses: []routeResponse{
			{Status: 200, Description: "The packets are accepted.", Content: content{"text/html": ""}},
			{Status: 400, Description: engineIOError, Content: jsonBody("Object")},
			{Status: 413},
			{Status: 429},
			{Status: 503},
		},
	},
}
