package api

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"smart-factory-backend/app/ingest"
	"smart-factory-backend/app/ingest/jsonscan"

	"github.com/valyala/fasthttp"
)

// queryParams is the parameters of a request, each at most once and all known.
type queryParams map[string]string

// parseQuery reads the parameters. Metrics may be named in several ones; they are
// read by metricsOf.
func parseQuery(ctx *fasthttp.RequestCtx, known ...string) (queryParams, error) {
	q := queryParams{}
	for key, value := range ctx.QueryArgs().All() {
		name := string(key)
		_, twice := q[name]
		switch {
		case !slices.Contains(known, name):
			return nil, invalidParam(jsonscan.Excerpt(name), "is not known here; "+listKnown(known))
		case twice && name != paramMetric:
			return nil, invalidParam(name, "stands there twice")
		case !utf8.Valid(value):
			return nil, invalidParam(name, "is not valid UTF-8")
		}
		q[name] = string(value)
	}
	return q, nil
}

func listKnown(known []string) string {
	if len(known) == 0 {
		return "there are no parameters"
	}
	return "known are " + strings.Join(known, ", ")
}

// paramMetric is the parameter that may stand there several times, where a
// request is about metrics of one machine.
const paramMetric = "metric"

// metricParams returns the metrics that are asked for: a list with commas, or a
// parameter for each, whose names may have commas.
func metricParams(ctx *fasthttp.RequestCtx) []string {
	var names []string
	given := ctx.QueryArgs().PeekMulti(paramMetric)
	for _, value := range given {
		if name := string(value); len(given) > 1 {
			names = append(names, name)
		} else if name != "" {
			names = strings.Split(name, ",")
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// limit returns the parameter "limit", from 1 to most; without it, most.
func (q queryParams) limit(most int) (int, error) {
	n, given, err := q.integer("limit", 1, most)
	if !given {
		n = most
	}
	return n, err
}

// timeRange returns the parameters "from" and "to" in Unix milliseconds; loc is
// the zone of times that name none.
func (q queryParams) timeRange(loc *time.Location) (from, to int64, err error) {
	from, to = math.MinInt64, math.MaxInt64
	if text, given := q["from"]; given {
		if from, err = ingest.ParseTime(text, loc); err != nil {
			return 0, 0, invalidParam("from", err.Error())
		}
	}
	if text, given := q["to"]; given {
		if to, err = ingest.ParseTime(text, loc); err != nil {
			return 0, 0, invalidParam("to", err.Error())
		}
	}
	if from > to {
		return 0, 0, invalidParam("from", "is after to")
	}
	return from, to, nil
}

// oneOf returns a parameter that is one of a few words, the first by default.
func (q queryParams) oneOf(name string, words ...string) (string, error) {
	text, given := q[name]
	if !given {
		return words[0], nil
	}
	if !slices.Contains(words, text) {
		return "", invalidParam(name, fmt.Sprintf("%q is none of %s", jsonscan.Excerpt(text), strings.Join(words, ", ")))
	}
	return text, nil
}

// integer returns a parameter from least to most, and whether it was given.
func (q queryParams) integer(name string, least, most int) (n int, given bool, err error) {
	text, given := q[name]
	if !given {
		return 0, false, nil
	}
	n, err = strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, true, invalidParam(name, fmt.Sprintf("%q is not a number from %d to %d", jsonscan.Excerpt(text), least, most))
	}
	return n, true, nil
}

// forbid refuses parameters that do not go with what else is asked for.
func (q queryParams) forbid(why string, names ...string) error {
	for _, name := range names {
		if _, given := q[name]; given {
			return invalidParam(name, why)
		}
	}
	return nil
}
