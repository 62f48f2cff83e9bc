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

// queryParams maps the names of query parameters to their values.
type queryParams map[string]string

// parseQuery returns the query parameters. All of them must be known, and only
// "metric" may be repeated; see metricParams.
func parseQuery(ctx *fasthttp.RequestCtx, known ...string) (queryParams, error) {
	q := queryParams{}
	for key, value := range ctx.QueryArgs().All() {
		name := string(key)
		_, repeated := q[name]
		switch {
		case !slices.Contains(known, name):
			return nil, invalidParam(jsonscan.Excerpt(name), "is unknown; "+listKnown(known))
		case repeated && name != paramMetric:
			return nil, invalidParam(name, ingest.Repeated)
		case !utf8.Valid(value):
			return nil, invalidParam(name, "is not valid UTF-8")
		}
		q[name] = string(value)
	}
	return q, nil
}

func listKnown(known []string) string {
	if len(known) == 0 {
		return "there are no parameters here"
	}
	return "the parameters are " + strings.Join(known, ", ")
}

// paramMetric is the parameter that selects metrics of a machine. It may be
// repeated.
const paramMetric = "metric"

// metricParams returns the selected metrics, sorted. A single parameter is a list
// separated by commas; each of several is one name, which may contain commas.
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

// limit returns the parameter "limit", from 1 to most; most is the default.
func (q queryParams) limit(most int) (int, error) {
	n, given, err := q.integer("limit", 1, most)
	if !given {
		n = most
	}
	return n, err
}

// timeRange returns the parameters "from" and "to" in Unix milliseconds. loc is the
// zone of times without one. The default is all of time.
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

// oneOf returns a parameter that must be one of words; the first is the default.
func (q queryParams) oneOf(name string, words ...string) (string, error) {
	text, given := q[name]
	if !given {
		return words[0], nil
	}
	if !slices.Contains(words, text) {
		return "", invalidParam(name, fmt.Sprintf("%q is not one of %s", jsonscan.Excerpt(text), strings.Join(words, ", ")))
	}
	return text, nil
}

// integer returns a parameter from least to most, and whether it is present.
func (q queryParams) integer(name string, least, most int) (n int, given bool, err error) {
	text, given := q[name]
	if !given {
		return 0, false, nil
	}
	n, err = strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, true, invalidParam(name, fmt.Sprintf("%q is not an integer from %d to %d", jsonscan.Excerpt(text), least, most))
	}
	return n, true, nil
}

// forbid returns an error if one of the parameters is present; why is its detail.
func (q queryParams) forbid(why string, names ...string) error {
	for _, name := range names {
		if _, given := q[name]; given {
			return invalidParam(name, why)
		}
	}
	return nil
}
