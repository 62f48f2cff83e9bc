package httpapi

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

// query is the parameters of a request, each at most once and all known.
type query map[string]string

// later are parameters that the API will have; saying so beats "unknown".
var later = []string{"interval", "agg", "points", "time_zone"}

func queryOf(ctx *fasthttp.RequestCtx, known ...string) (query, error) {
	q := query{}
	for key, value := range ctx.QueryArgs().All() {
		name := string(key)
		_, twice := q[name]
		switch {
		case slices.Contains(later, name) && !slices.Contains(known, name):
			return nil, badParameter(name, "is not available in this version")
		case !slices.Contains(known, name):
			return nil, badParameter(clip(name), "is not known here; known are "+strings.Join(known, ", "))
		case twice:
			return nil, badParameter(name, "stands there twice")
		case !utf8.Valid(value):
			return nil, badParameter(name, "is not valid UTF-8")
		}
		q[name] = string(value)
	}
	return q, nil
}

// clip keeps a message short that repeats what the client sent.
func clip(s string) string {
	if len(s) <= 64 {
		return s
	}
	return strings.ToValidUTF8(s[:64], "") + "…"
}

// limit returns the parameter "limit", from 1 to most; without it, most.
func (q query) limit(most int) (int, error) {
	text, given := q["limit"]
	if !given {
		return most, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, badParameter("limit", fmt.Sprintf("%q is not a number from 1 to %d", clip(text), most))
	}
	return n, nil
}

// moments returns the parameters "from" and "to" in Unix milliseconds.
func (q query) moments() (from, to int64, err error) {
	from, to = math.MinInt64, math.MaxInt64
	if text, given := q["from"]; given {
		if from, err = parseMoment(text); err != nil {
			return 0, 0, badParameter("from", err.Error())
		}
	}
	if text, given := q["to"]; given {
		if to, err = parseMoment(text); err != nil {
			return 0, 0, badParameter("to", err.Error())
		}
	}
	if from > to {
		return 0, 0, badParameter("from", "is after to")
	}
	return from, to, nil
}

// word returns a parameter that is one of a few words, the first by default.
func (q query) word(name string, words ...string) (string, error) {
	text, given := q[name]
	if !given {
		return words[0], nil
	}
	if !slices.Contains(words, text) {
		return "", badParameter(name, fmt.Sprintf("%q is none of %s", clip(text), strings.Join(words, ", ")))
	}
	return text, nil
}

// parseMoment reads Unix milliseconds or ISO 8601; without a zone it is UTC.
func parseMoment(text string) (int64, error) {
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		return ms, nil
	}
	// A plus sign for the zone arrives as a space unless it was encoded.
	iso := strings.Replace(text, " ", "+", 1)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, iso); err == nil {
			return t.UnixMilli(), nil
		}
	}
	return 0, fmt.Errorf("%q is neither Unix milliseconds nor an ISO 8601 time", clip(text))
}
