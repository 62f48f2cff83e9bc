package api

import (
	"bytes"
	"net/netip"
	"time"

	"smart-factory-backend/app/access"

	"github.com/valyala/fasthttp"
)

// SetRateInterval sets the time between two requests of a client address, so that
// a test does not depend on the speed of the machine. The burst is unchanged.
func SetRateInterval(a *API, wait time.Duration) {
	burst := a.addressLimiter.tolerance / a.addressLimiter.interval
	a.addressLimiter.interval, a.addressLimiter.tolerance = wait, burst*wait
}

// SetHistoryWait sets how long requests for history wait for memory.
func SetHistoryWait(a *API, wait time.Duration) { a.historyBudget.maxWait = wait }

// RateLimiter is a rate limiter of addresses.
type RateLimiter struct{ *rateLimiter[netip.Addr] }

// NewRateLimiter is newRateLimiter.
func NewRateLimiter(rate, burst int) RateLimiter {
	return RateLimiter{newRateLimiter[netip.Addr](rate, burst)}
}

// Reserve is reserve.
func (l RateLimiter) Reserve(key netip.Addr, now time.Duration) time.Duration {
	return l.reserve(key, now)
}

// Routes returns the methods of every path of an API.
func Routes(a *API) map[string][]string {
	all := map[string][]string{}
	add := func(res *resource) {
		for _, rt := range res.routes {
			all[res.pattern] = append(all[res.pattern], rt.method)
		}
	}
	for _, res := range a.staticResources {
		add(res)
	}
	for _, res := range a.patternResources {
		add(res)
	}
	return all
}

// RouteInfo is a route as the OpenAPI document needs it.
type RouteInfo struct {
	Method, Path     string
	Action, OrAction access.Action
	AnyRole, Public  bool
	Probe, KeyInPath bool
	Query            []Parameter // nil for a route that parses them itself
}

// AllRoutes returns the routes of an API, without those that serve a whole prefix.
func AllRoutes(a *API) (all []RouteInfo) {
	add := func(res *resource) {
		for _, rt := range res.routes {
			all = append(all, RouteInfo{
				Method: rt.method, Path: res.pattern, Action: rt.action, OrAction: rt.orAction, AnyRole: rt.anyRole, Public: rt.public,
				Probe: rt.probe, KeyInPath: rt.keyInPath, Query: rt.query,
			})
		}
	}
	for _, res := range a.staticResources {
		add(res)
	}
	for _, res := range a.patternResources {
		add(res)
	}
	return all
}

// ResponseTypes are zero values of the types that responses encode, by the names
// of their schemas.
var ResponseTypes = map[string]any{
	"FieldError": fieldError{}, "IngestResult": ingestResultJSON{}, "InfluxError": influxErrorBody{}, "InfluxV1Error": influxV1ErrorBody{}, "InfluxReady": influxReadyJSON{}, "InfluxV1Results": influxV1ResultsJSON{}, "InfluxBuckets": influxBucketsJSON{}, "Machine": machineJSON{},
	"Metric": metricJSON{}, "Problem": problem{}, "Reading": readingJSON{}, "Session": sessionJSON{}, "CurrentSession": currentSessionJSON{},
	"ShiftInstance": instanceJSON{}, "Event": eventJSON{}, "EventPage": eventPageJSON{},
	"OEE": oeeReport{}, "OEEReasons": oeeReasons{},
}

// SplitMetrics is splitMetrics.
var SplitMetrics = splitMetrics

// AggregateNames is aggregateNames.
func AggregateNames() []string { return aggregateNames() }

// CheckProtocol reports whether the header of a request is valid.
func CheckProtocol(ctx *fasthttp.RequestCtx) bool { return checkProtocol(ctx) }

// Collections returns the names of all collections by the kinds of their documents.
func Collections() map[string]string {
	names := map[string]string{}
	for _, c := range collections {
		names[string(c.kind)] = c.name
	}
	return names
}

// EventKinds are the values of the parameter kind.
var EventKinds = eventKinds

// SplitInfluxQL is splitInfluxQL.
var SplitInfluxQL = splitInfluxQL

// Unpack returns what raw unpacks to in a content coding, nil for an unknown one.
func Unpack(coding string, raw []byte, limit int) ([]byte, error) {
	d, known := contentEncodings[coding]
	if !known {
		return nil, nil
	}
	a := API{options: Options{MaxDecompressed: limit}}
	a.bodyMemory.limit = 1 << 30
	plain := acquireBuffer(&a.bodyMemory)
	defer plain.release()
	err := a.decompress(d, raw, plain)
	return bytes.Clone(plain.data), err
}

// ParseQueryTime is parseQueryTime.
var ParseQueryTime = parseQueryTime
