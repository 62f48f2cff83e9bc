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
// match a path, the first one is used. operations_test.go describes the routes for
// the OpenAPI document.
func (a *API) registerRoutes() {
	a.registerProbes()
	a.addResource("/api/v1/session",
		&route{method: get, anyRole: true, query: none, handler: a.getSession},
		&route{method: post, public: true, query: none, handler: a.postSession},
		&route{method: fasthttp.MethodDelete, public: true, query: none, handler: a.deleteSession})
	a.addResource("/api/v1/telemetry", &route{method: post, action: access.Ingest, handler: a.postTelemetry})
	a.addResource("/api/v2/write", &route{method: post, action: access.Ingest, handler: a.postInfluxWrite, writeError: writeInfluxError})
	a.addResource("/api/v2/buckets", &route{method: get, action: access.Read, orAction: access.Ingest, handler: a.getInfluxBuckets, writeError: writeInfluxError})
	a.addResource("/write", &route{method: post, action: access.Ingest, keyInQuery: true, handler: a.postInfluxV1Write, writeError: writeInfluxV1Error})
	a.addResource("/query",
		&route{method: get, action: access.Read, orAction: access.Ingest, keyInQuery: true, handler: a.influxV1Query, writeError: writeInfluxV1Error},
		&route{method: post, action: access.Read, orAction: access.Ingest, keyInQuery: true, handler: a.influxV1Query, writeError: writeInfluxV1Error})
	a.addResource("/api/v1/latest", &route{method: get, action: access.Read, query: latestQuery, handler: a.getLatest})
	a.addResource("/api/v1/machines", &route{method: get, action: access.Read, query: machinesQuery, handler: a.listMachines})
	a.addResource("/api/v1/machines/{id}",
		&route{method: get, action: access.Read, query: none, handler: a.getMachine},
		&route{method: put, action: access.Administer, query: none, handler: a.putMachine},
		&route{method: fasthttp.MethodDelete, action: access.Administer, query: []Parameter{purgeParameter}, handler: a.deleteMachine})
	a.addResource("/api/v1/machines/{id}/history", &route{method: get, action: access.Read, query: historyQuery, handler: a.getHistory})
	a.addResource("/api/v1/machines/{id}/metrics", &route{method: get, action: access.Read, query: none, handler: a.listMetrics})
	a.addResource("/api/v1/machines/{id}/metrics/{metric}",
		&route{method: get, action: access.Read, query: none, handler: a.getMetric},
		&route{method: put, action: access.Administer, query: none, handler: a.putMetric})
	a.addResource("/api/v1/shifts/instances", &route{method: get, action: access.Read, query: instancesQuery, handler: a.listInstances})
	a.addResource("/api/v1/events", &route{method: get, action: access.Read, query: eventsQuery, handler: a.getEvents})
	a.addResource("/api/v1/oee", &route{method: get, action: access.Read, query: oeeQuery, handler: a.getOEE})
	a.addResource("/api/v1/oee/reasons", &route{method: get, action: access.Read, query: reasonsQuery, handler: a.getOEEReasons})
	a.addResource("/api/v1/alarms", &route{method: get, action: access.Read, query: alarmsQuery, handler: a.listAlarms})
	a.addResource("/api/v1/alarms/performance", &route{method: get, action: access.Read, query: alarmPerformanceQuery, handler: a.getAlarmPerformance})
	a.addResource("/api/v1/alarms/{id}",
		&route{method: get, action: access.Read, query: none, handler: a.getAlarm},
		&route{method: post, action: access.Operate, query: none, handler: a.postAlarmActions})
	a.addResource("/api/v1/alarms/{id}/{action}", &route{method: post, action: access.Operate, query: none, handler: a.postAlarmAction})
	a.addResource("/api/v1/machines/{id}/events", &route{method: post, action: access.Ingest, orAction: access.Operate, query: none, handler: a.postEvents})
	a.addResource("/api/v1/machines/{id}/timeline", &route{method: get, action: access.Read, query: timelineQuery, handler: a.getTimeline})
	a.registerCollections()
	a.addResource("/api/v1/schemas", &route{method: get, action: access.Read, query: none, handler: a.listSchemas})
	a.addResource("/api/v1/schemas/{kind}", &route{method: get, action: access.Read, query: none, handler: a.getSchema})
	// The patterns above have a fixed segment where these have a token.
	a.addResource("/api/v1/{token}/telemetry", &route{method: post, action: access.Ingest, keyInPath: true, handler: a.postDeviceTelemetry})
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
	for path, handle := range map[string]func(*fasthttp.RequestCtx){
		"/api/health": a.getLiveness, "/api/health/live": a.getLiveness, "/api/health/ready": a.getReadiness,
		"/api/health/startup": a.getStartup, "/ping": a.getInfluxPing, "/health": a.getInfluxHealth, "/ready": a.getInfluxReady,
	} {
		a.addResource(path, &route{method: get, probe: true, handler: rawHandler(handle)})
	}
	// Load balancers probe it.
	a.addResource("*", &route{method: fasthttp.MethodOptions, probe: true, handler: rawHandler(func(ctx *fasthttp.RequestCtx) { ctx.SetStatusCode(fasthttp.StatusNoContent) })})
	a.addResource("/favicon.ico", &route{method: get, public: true, handler: rawHandler(getFavicon)})
	a.addResource("/api/openapi.json", &route{method: get, public: true, handler: a.getOpenAPI})
	a.addResource("/api/docs", &route{method: get, public: true, handler: a.getDocs})
}
