package api

import (
	"strings"

	"smart-factory-backend/app/access"

	"github.com/valyala/fasthttp"
)

const (
	get  = fasthttp.MethodGet
	post = fasthttp.MethodPost
	put  = fasthttp.MethodPut
)

// registerRoutes registers all routes but the external ones. If several patterns
// match a path, the first one is used.
func (a *API) registerRoutes() {
	a.registerProbes()
	a.registerWrites()
	a.registerQueries()
	a.registerRegistry()
	// Last, since the patterns above have a fixed segment where these have a token.
	a.registerThingsBoard()
	for name, handler := range a.options.Faults {
		routes := []*route{{method: post, action: access.Administer, handler: rawHandler(handler)}}
		if strings.HasSuffix(name, "-ws") { // an upgrade is a GET (RFC 6455, section 4.1)
			routes = append(routes, &route{method: get, action: access.Administer, handler: rawHandler(handler)})
		}
		a.addResource("/api/faults/"+name, routes...)
	}
}

// registerProbes registers what needs no key: the probes and the documentation.
func (a *API) registerProbes() {
	probe := func(path, id, summary, description string, handle func(*fasthttp.RequestCtx)) {
		a.addResource(path, &route{method: get, probe: true, handler: rawHandler(handle), doc: Operation{
			ID: id, Tag: "health", Summary: summary, Description: description,
			Responses: []Response{{200, "The check passes.", JSON("Health")}, {503, "The check fails.", JSON("Health")}},
		}})
	}
	const live = "Whether the process works. Dependencies cannot make it fail."
	probe("/api/health", "health", "Check liveness", live, a.getLiveness)
	probe("/api/health/live", "live", "Check liveness", live, a.getLiveness)
	probe("/api/health/ready", "ready", "Check readiness", "Whether readings are accepted: the store works and the process is not draining.", a.getReadiness)
	probe("/api/health/startup", "startup", "Check startup", "Whether the start is complete.", a.getStartup)
	a.addResource("/ping", &route{method: get, probe: true, handler: rawHandler(a.getInfluxPing), doc: Operation{
		ID: "ping", Tag: "dialects", Summary: "Answer InfluxDB's ping",
		Responses: []Response{{204, "The server is reachable.", nil}},
	}})
	a.addResource("/health", &route{method: get, probe: true, handler: rawHandler(a.getInfluxHealth), doc: Operation{
		ID: "influxHealth", Tag: "dialects", Summary: "Check readiness in InfluxDB's form",
		Responses: []Response{{200, "Ready for writes.", JSON("InfluxHealth")}, {503, "Not ready for writes.", JSON("InfluxHealth")}},
	}})
	a.addResource("/api/openapi.json", &route{method: get, public: true, handler: a.getOpenAPI, doc: Operation{
		ID: "getOpenAPI", Tag: "documents", Summary: "Return this document",
		Responses: []Response{{200, "OpenAPI 3.1.", JSON("Object")}},
	}})
	a.addResource("/api/docs", &route{method: get, public: true, handler: a.getDocs, doc: Operation{
		ID: "getDocs", Tag: "documents", Summary: "Show this document as a page",
		Responses: []Response{{200, "A page that loads nothing from other hosts.", Content{"text/html": ""}}},
	}})
}

func (a *API) registerWrites() {
	a.addResource("/api/v1/telemetry", &route{method: post, action: access.Ingest, handler: a.postTelemetry, doc: Operation{
		ID: "postTelemetry", Tag: "telemetry", Summary: "Store readings",
		Description: "The body is an object, an array of objects, or NDJSON, and may be compressed with gzip (Content-Encoding). " +
			"It holds at most 10 000 values. Rejected values are listed and the others are stored; if all are rejected, the status is 400. " +
			"A reading replaces an earlier one of the same machine, metric and ts. Without ts, the time is now.",
		Body:      Content{"application/json": "Telemetry", "application/x-ndjson": "Observation"},
		Responses: []Response{{200, "The accepted values are committed.", JSON("IngestResult")}},
	}})
	a.addResource("/api/v2/write", &route{method: post, action: access.Ingest, handler: a.postInfluxWrite, writeError: writeInfluxError, doc: Operation{
		ID: "writeLineProtocol", Tag: "dialects", Summary: "Store line protocol, as Telegraf sends it",
		Description: "The tag machine (INFLUX_MACHINE_TAG) names the machine, or else the tag host; the metric is the key of the field (INFLUX_METRIC). " +
			"Booleans become 1 and 0, integers become doubles, and strings are skipped and counted. " +
			"Times are stored with a precision of one millisecond. The body may be compressed with gzip (Content-Encoding).",
		Query: []Parameter{
			{Name: "precision", Description: "The unit of the timestamps.", Words: []string{"ns", "us", "ms", "s"}, Default: "ns"},
			{Name: "bucket", Description: "Ignored."},
			{Name: "org", Description: "Ignored."},
		},
		Body:      Content{"text/plain": ""},
		OwnErrors: true,
		Responses: []Response{
			{204, "All numbers are committed.", nil},
			{400, "Some lines are rejected; the others are committed.", JSON("InfluxError")},
			{401, "The token is missing or wrong.", JSON("InfluxError")},
			{403, "The role of the key does not allow this.", JSON("InfluxError")},
			{413, "The body is too large; nothing was stored.", JSON("InfluxError")},
			{503, "The server is overloaded, or a rate limit is exceeded. Repeat the request after Retry-After.", JSON("InfluxError")},
		},
	}})
}

func (a *API) registerThingsBoard() {
	a.addResource("/api/v1/{token}/telemetry", &route{method: post, action: access.Ingest, keyInPath: true, handler: a.postDeviceTelemetry, doc: Operation{
		ID: "postDeviceTelemetry", Tag: "dialects", Summary: "Store what a ThingsBoard device sends",
		Description: "The token is the secret of a key with the role ingest, and the name of the key is the machine. Without configured keys, the token is the machine. " +
			"If an object has the members ts and values, its values are in values; otherwise its members are the values. " +
			"Booleans become 1 and 0, text that spells a number becomes that number, and other text and nested JSON are skipped and counted.",
		Body:      JSON("DeviceTelemetry"),
		Responses: []Response{{200, "All values are committed.", nil}},
	}})
	a.addResource("/api/v1/{token}/gateway/telemetry", &route{method: post, action: access.Ingest, keyInPath: true, handler: a.postGatewayTelemetry, doc: Operation{
		ID: "postGatewayTelemetry", Tag: "dialects", Summary: "Store what a ThingsBoard gateway sends",
		Description: "The body is the message that a gateway publishes to v1/gateway/telemetry over MQTT. It has a member for each machine, in the form that a device sends.",
		Body:        JSON("GatewayTelemetry"),
		Responses:   []Response{{200, "All values are committed.", nil}},
	}})
}

func (a *API) registerQueries() {
	a.addResource("/api/v1/latest", &route{method: get, action: access.Read, query: latestQuery, handler: a.getLatest, doc: Operation{
		ID: "getLatest", Tag: "history", Summary: "Return the newest reading of each series",
		Description: "The newest by the machine's clock, ordered by machine and metric.",
		Responses:   []Response{{200, "A page of readings.", JSON("LatestPage")}},
	}})
	a.addResource("/api/v1/machines/{id}/history", &route{method: get, action: access.Read, query: historyQuery, handler: a.getHistory, doc: Operation{
		ID: "getHistory", Tag: "history", Summary: "Return the history of a machine",
		Description: "Returns raw points, or buckets of interval, or each metric downsampled to points. " +
			"JSON has pages; CSV and NDJSON stream the whole range. Raw points as NDJSON have the form that POST /api/v1/telemetry accepts.",
		Responses: []Response{{200, "The history.", Content{"application/json": "History", "text/csv": "", "application/x-ndjson": "HistoryRow"}}, {Status: 404}},
	}})
}

func (a *API) registerRegistry() {
	a.addResource("/api/v1/machines", &route{method: get, action: access.Read, query: machinesQuery, handler: a.listMachines, doc: Operation{
		ID: "listMachines", Tag: "machines", Summary: "List the machines", Description: "Ordered by id.",
		Responses: []Response{{200, "A page of machines.", JSON("MachinePage")}},
	}})
	const unchanged = "A PUT that changes nothing keeps the version. The body may hold the members that only a GET returns; they are ignored."
	a.addResource("/api/v1/machines/{id}",
		&route{method: get, action: access.Read, query: none, handler: a.getMachine, doc: Operation{
			ID: "getMachine", Tag: "machines", Summary: "Return a machine", Conditional: true,
			Responses: []Response{{200, "The machine.", JSON("Machine")}, {Status: 404}},
		}},
		&route{method: put, action: access.Administer, query: none, handler: a.putMachine, doc: Operation{
			ID: "putMachine", Tag: "machines", Summary: "Create a machine or replace its description", Conditional: true,
			Description: unchanged + " path is used if site, area and line are all missing.",
			Body:        JSON("MachinePut"),
			Responses:   []Response{{200, "The machine is replaced or unchanged.", JSON("Machine")}, {201, "The machine is created.", JSON("Machine")}},
		}},
		&route{method: fasthttp.MethodDelete, action: access.Administer, query: []Parameter{purgeParameter}, handler: a.deleteMachine, doc: Operation{
			ID: "deleteMachine", Tag: "machines", Summary: "Delete a machine", Conditional: true,
			Description: "Unless purge is true, its history stays, and its next reading registers it again.",
			Responses:   []Response{{204, "The machine is deleted.", nil}, {Status: 404}},
		}})
	a.addResource("/api/v1/machines/{id}/metrics", &route{method: get, action: access.Read, query: none, handler: a.listMetrics, doc: Operation{
		ID: "listMetrics", Tag: "machines", Summary: "List the metrics of a machine", Description: "All of them, ordered by name.",
		Responses: []Response{{200, "The metrics.", JSON("MetricPage")}, {Status: 404}},
	}})
	a.addResource("/api/v1/machines/{id}/metrics/{metric}",
		&route{method: get, action: access.Read, query: none, handler: a.getMetric, doc: Operation{
			ID: "getMetric", Tag: "machines", Summary: "Return a metric of a machine", Conditional: true,
			Responses: []Response{{200, "The metric.", JSON("Metric")}, {Status: 404}},
		}},
		&route{method: put, action: access.Administer, query: none, handler: a.putMetric, doc: Operation{
			ID: "putMetric", Tag: "machines", Summary: "Create a metric or replace its description", Conditional: true,
			Description: unchanged, Body: JSON("MetricPut"),
			Responses: []Response{
				{200, "The metric is replaced or unchanged.", JSON("Metric")}, {201, "The metric is created.", JSON("Metric")}, {Status: 404},
			},
		}})
}
