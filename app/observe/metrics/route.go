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

// Route measures the requests of one route.
type Route struct{ histogram }

// Route returns the instrument of a method and a route pattern. It must not be
// given request paths: every pair adds permanent series. The same pair returns the
// same instrument; callers look it up once and keep it.
func (s *Set) Route(method, route string) *Route {
	labels := []string{"method", method, "route", route}
	r := getOrAdd(s, durationName, kindHistogram, labels, func() *Route { return &Route{} })
	for class := range classes {
		code := string(rune('1'+class)) + "xx"
		pairs := append(slices.Clip(labels), "code", code)
		getOrAdd(s, requestsName, kindCounter, pairs, func() *classCount { return &classCount{&r.histogram, class} })
	}
	return r
}

// Observe records a request that was answered with status after seconds.
func (r *Route) Observe(status int, seconds float64) {
	r.observe(classOf(status), seconds)
}

// classOf returns the index of a status class. An invalid status counts as 5xx.
func classOf(status int) int {
	if class := status/100 - 1; class >= 0 && class < classes {
		return class
	}
	return classes - 1
}

func (r *Route) sample(b *bytes.Buffer, name, labels string) {
	counts, sum := r.snapshot()
	within := strings.TrimSuffix(labels, "}") + `,le="`
	total := uint64(0)
	for i, n := range counts {
		total += n
		writeCount(b, name+"_bucket", within+bucketLabels[i]+`"}`, total)
	}
	writeSample(b, name+"_sum", labels, sum)
	writeCount(b, name+"_count", labels, total)
}

// classCount exposes one status class of a route.
type classCount struct {
	histogram *histogram
	class     int
}

func (c *classCount) sample(b *bytes.Buffer, name, labels string) {
	writeCount(b, name, labels, c.histogram.classTotal(c.class))
}
