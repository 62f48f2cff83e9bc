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

// parseQuery returns the query parameters. All of them must be known.
func parseQuery(ctx *fasthttp.RequestCtx, known []Parameter) (queryParams, error) {
	q := queryParams{}
	for key, value := range ctx.QueryArgs().All() {
		name := string(key)
		i := slices.IndexFunc(known, func(p Parameter) bool { return p.Name == name })
		_, repeated := q[name]
		switch {
		case i < 0:
			return nil, invalidParam(jsonscan.Excerpt(name), "is unknown; "+listKnown(known))
		case repeated && !known[i].Repeatable:
			return nil, invalidParam(name, ingest.Repeated)
		case !utf8.Valid(value):
			return nil, invalidParam(name, "is not valid UTF-8")
		}
		q[name] = string(value)
	}
	return q, nil
}

func listKnown(known []Parameter) string {
	if len(known) == 0 {
		return "there are no parameters here"
	}
	names := make([]string, len(known))
	for i, p := range known {
		names[i] = p.Name
	}
	return "the parameters are " + strings.Join(names, ", ")
}

// metricParams returns the selected metrics, sorted. A single parameter is a list
// separated by commas, apart from those in braces; each of several is one name, which
// may contain commas.
func metricParams(ctx *fasthttp.RequestCtx) []string {
	var names []string
	given := ctx.QueryArgs().PeekMulti(metricParameter.Name)
	for _, value := range given {
		if name := string(value); len(given) > 1 {
			names = append(names, name)
		} else if name != "" {
			names = splitMetrics(name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// splitMetrics splits a list of metrics at its commas. Labels in braces, as in
// used{device="sda1",path="/"}, belong to one name; braces that are not closed are
// part of a name.
func splitMetrics(list string) (names []string) {
	begin := 0
	for i := 0; i < len(list); i++ {
		switch list[i] {
		case '\\':
			i++
		case '{':
			i += max(labelsLength(list[i:])-1, 0)
		case ',':
			names, begin = append(names, list[begin:i]), i+1
		}
	}
	return append(names, list[begin:])
}

// labelsLength returns the length of the labels at the beginning of text, whose first
// byte is the opening brace; 0 if they are not closed.
func labelsLength(text string) int {
	quoted := false
	for i := 1; i < len(text); i++ {
		switch {
		case quoted && text[i] == '\\':
			i++
		case text[i] == '"':
			quoted = !quoted
		case text[i] == '}' && !quoted:
			return i + 1
		}
	}
	return 0
}

// timeRange returns the parameters "from" and "to" in Unix milliseconds. loc is the
// zone of times without one, and of days in relative ones. The default is all of time.
func (q queryParams) timeRange(loc *time.Location) (from, to int64, err error) {
	from, to = math.MinInt64, math.MaxInt64
	if text, given := q["from"]; given {
		if from, err = parseQueryTime(text, loc, time.Now()); err != nil {
			return 0, 0, invalidParam("from", err.Error())
		}
	}
	if text, given := q["to"]; given {
		if to, err = parseQueryTime(text, loc, time.Now()); err != nil {
			return 0, 0, invalidParam("to", err.Error())
		}
	}
	if from > to {
		return 0, 0, invalidParam("from", "is after to")
	}
	return from, to, nil
}

// word returns the value of a parameter with Words, or its default.
func (q queryParams) word(p Parameter) (string, error) {
	text, given := q[p.Name]
	if !given {
		return p.Default, nil
	}
	if !slices.Contains(p.Words, text) {
		return "", invalidParam(p.Name, fmt.Sprintf("%q is not one of %s", jsonscan.Excerpt(text), strings.Join(p.Words, ", ")))
	}
	return text, nil
}

// integer returns the value of a parameter from Min to Max, or its default; without
// a default, 0.
func (q queryParams) integer(p Parameter) (int, error) {
	text, given := q[p.Name]
	if !given {
		n, _ := strconv.Atoi(p.Default)
		return n, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < p.Min || n > p.Max {
		return 0, invalidParam(p.Name, fmt.Sprintf("%q is not an integer from %d to %d", jsonscan.Excerpt(text), p.Min, p.Max))
	}
	return n, nil
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

// Parameter describes a query parameter: an integer if Max is set, otherwise text.
type Parameter struct {
	Name, Description string
	Default, Example  string
	Words             []string // the values of an enumeration
	Min, Max          int
	// List parameters hold several values, separated by commas. Repeatable ones
	// may also appear several times.
	List, Repeatable bool
	Required         bool
}

func limitParameter(of string, most int) Parameter {
	return Parameter{Name: "limit", Description: "The most " + of + " in a page.", Min: 1, Max: most, Default: strconv.Itoa(most)}
}

var cursorParameter = Parameter{Name: "cursor", Description: "The next_cursor of the previous page."}
