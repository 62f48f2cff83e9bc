package metrics

import (
	"bytes"
	"slices"
	"strings"
)

const (
	durationName = "smartfactory_http_request_duration_seconds"
	requestsName = "smartfactory_http_requests_total"
)

// Route counts the requests of one route.
type Route struct{ recorder }

// Route returns the instrument of a method and a route, the pattern and not the
// path: each pair is a set of series for good. The same pair gives the same
// instrument. Resolve it at wiring, and keep it.
func (s *Set) Route(method, route string) *Route {
	labels := []string{"method", method, "route", route}
	r := instrument(s, durationName, kindHistogram, labels, func() *Route { return &Route{} })
	for class := range classes {
		code := string(rune('1'+class)) + "xx"
		pairs := append(slices.Clip(labels), "code", code)
		instrument(s, requestsName, kindCounter, pairs, func() *classCount { return &classCount{&r.recorder, class} })
	}
	return r
}

// Observe counts a request that was answered with status after seconds.
func (r *Route) Observe(status int, seconds float64) {
	r.record(classOf(status), seconds)
}

// classOf returns the index of a status class. A status that HTTP does not have
// is an error of the server.
func classOf(status int) int {
	if class := status/100 - 1; class >= 0 && class < classes {
		return class
	}
	return classes - 1
}

func (r *Route) sample(b *bytes.Buffer, name, labels string) {
	counts, sum := r.read()
	within := strings.TrimSuffix(labels, "}") + `,le="`
	total := uint64(0)
	for i, n := range counts {
		total += n
		writeCount(b, name+"_bucket", within+boundTexts[i]+`"}`, total)
	}
	writeSample(b, name+"_sum", labels, sum)
	writeCount(b, name+"_count", labels, total)
}

// classCount is the count of one status class of a route.
type classCount struct {
	of    *recorder
	class int
}

func (c *classCount) sample(b *bytes.Buffer, name, labels string) {
	writeCount(b, name, labels, c.of.class(c.class))
}
