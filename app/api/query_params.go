package api

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

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
			return nil, invalidParam(clip(name), "is not known here; "+listKnown(known))
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

// clip keeps a message short that repeats what the client sent.
func clip(s string) string {
	if len(s) <= 64 {
		return s
	}
	return strings.ToValidUTF8(s[:64], "") + "…"
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
		if from, err = parseMomentIn(text, loc); err != nil {
			return 0, 0, invalidParam("from", err.Error())
		}
	}
	if text, given := q["to"]; given {
		if to, err = parseMomentIn(text, loc); err != nil {
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
		return "", invalidParam(name, fmt.Sprintf("%q is none of %s", clip(text), strings.Join(words, ", ")))
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
		return 0, true, invalidParam(name, fmt.Sprintf("%q is not a number from %d to %d", clip(text), least, most))
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

// parseMoment is parseMomentIn with UTC.
func parseMoment(text string) (int64, error) { return parseMomentIn(text, time.UTC) }

// parseMomentIn reads Unix milliseconds or ISO 8601; without a zone it is in
// loc.
func parseMomentIn(text string, loc *time.Location) (int64, error) {
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		return ms, nil
	}
	// A plus sign for the zone arrives as a space unless it was encoded.
	iso := strings.Replace(text, " ", "+", 1)
	if t, err := time.Parse(time.RFC3339Nano, iso); err == nil {
		return t.UnixMilli(), nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05.999999999", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, iso, loc); err == nil {
			return earliest(t).UnixMilli(), nil
		}
	}
	return 0, fmt.Errorf("%q is neither Unix milliseconds nor an ISO 8601 time", clip(text))
}

// earliest is t, or where its zone's clock showed the same before it was put
// back, that time.
func earliest(t time.Time) time.Time {
	change, _ := t.ZoneBounds()
	if change.IsZero() {
		return t
	}
	_, offset := t.Zone()
	_, before := change.Add(-time.Nanosecond).Zone()
	if same := t.Add(time.Duration(offset-before) * time.Second); same.Before(change) && before > offset {
		return same
	}
	return t
}
