package api

import (
	"bytes"
	"math"
	"regexp"
	"strings"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/ingest/jsonscan"

	"github.com/valyala/fasthttp"
)

// historyRequest is the parameters of GET /api/v1/machines/{id}/history.
type historyRequest struct {
	machine  string
	metrics  []string // empty for all
	from, to int64
	cursor   string
	limit    int // of the response, in points or buckets
	pageSize int // how many of them are read at a time

	// With points above 0, each metric is downsampled to that many points. With
	// aggregates, the result is buckets of the length interval. Otherwise it is
	// the raw points.
	points     int
	aggregates []aggregate
	interval   factory.Interval
	location   *time.Location

	format format
	// isoTimes requests times in RFC 3339 format.
	isoTimes bool
	// separator is between the columns of CSV; decimalComma writes 1,5 for 1.5.
	separator    byte
	decimalComma bool
}

// format is the format of a response.
type format string

const (
	formatJSON   format = "json"
	formatCSV    format = "csv"
	formatNDJSON format = "ndjson"
)

// The query parameters of history. Those with rules of their own have names.
var (
	metricParameter = Parameter{
		Name: "metric", List: true, Repeatable: true,
		Description: "The metrics to return; all by default. Separate several by commas, or repeat the parameter. Commas in the braces of a name do not separate.",
	}
	aggregatesParameter = Parameter{
		Name: "agg", List: true, Words: aggregateNames(),
		Description: "The aggregates of each bucket; min,max,avg,count,sum by default. increase is for counters and handles resets.",
	}
	pointsParameter = Parameter{
		Name: "points", Min: 2, Max: maxHistoryPoints,
		Description: "Downsample each metric to at most this many points (LTTB). All metrics together may have 50 000.",
	}
	formatParameter = Parameter{
		Name: "format", Words: []string{string(formatJSON), string(formatCSV), string(formatNDJSON)}, Default: string(formatJSON),
		Description: "The format of the response. It overrides the Accept header.",
	}
	timeFormatParameter = Parameter{
		Name: "time_format", Words: []string{"ms", "iso"}, Default: "ms",
		Description: "The format of times in CSV and NDJSON: Unix milliseconds or ISO 8601 in the zone tz.",
	}
	separatorParameter = Parameter{
		Name: "sep", Words: []string{"comma", "semicolon", "tab"}, Default: "comma",
		Description: "What separates the columns of CSV; semicolon by default with decimal=comma.",
	}
	decimalParameter = Parameter{
		Name: "decimal", Words: []string{"point", "comma"}, Default: "point",
		Description: "The decimal sign in CSV.",
	}
	historyLimitParameter = limitParameter("points or buckets", maxHistoryPoints)
	historyQuery          = []Parameter{
		metricParameter,
		{Name: "from", Description: "The start, inclusive: Unix milliseconds or ISO 8601. A time without an offset is in the zone tz."},
		{Name: "to", Description: "The end, exclusive; in the format of from."},
		{
			Name: "interval", Example: "15m",
			Description: "The length of buckets. 500ms, 10s, 15m, 6h and PT15M are aligned at the Unix epoch; 1d, 1w, 1mo (or P1D, P1W, P1M, day, week, month) follow the calendar in the zone tz. hour, or 1h with tz, is an hour of that zone's clock.",
		},
		aggregatesParameter, pointsParameter,
		{Name: "tz", Default: "UTC", Example: "Europe/Berlin", Description: "An IANA time zone."},
		historyLimitParameter, cursorParameter, formatParameter, timeFormatParameter,
		separatorParameter, decimalParameter,
	}
)

func parseHistoryRequest(ctx *fasthttp.RequestCtx, machine string, q queryParams) (_ *historyRequest, err error) {
	r := &historyRequest{machine: machine, metrics: metricParams(ctx), cursor: q["cursor"], pageSize: streamPageSize}
	if !ctx.Request.Header.IsHTTP11() {
		r.pageSize = maxHistoryPoints // there is no chunked encoding
	}
	if r.location, err = loadZone(q["tz"]); err != nil {
		return nil, err
	}
	if r.from, r.to, err = q.timeRange(r.location); err != nil {
		return nil, err
	}
	for _, read := range []func(queryParams) error{r.parseFormat(ctx), r.parseReduction, r.parsePaging} {
		if err := read(q); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// parseFormat parses the format: the parameter, or else the Accept header.
func (r *historyRequest) parseFormat(ctx *fasthttp.RequestCtx) func(queryParams) error {
	return func(q queryParams) error {
		accept := ctx.Request.Header.Peek(fasthttp.HeaderAccept)
		_, given := q["format"]
		switch {
		case given:
		case bytes.Contains(accept, []byte("text/csv")):
			r.format = formatCSV
		case bytes.Contains(accept, []byte("ndjson")), bytes.Contains(accept, []byte("jsonl")):
			r.format = formatNDJSON
		}
		if r.format == "" {
			word, err := q.word(formatParameter)
			if err != nil {
				return err
			}
			r.format = format(word)
		}
		if r.format != formatCSV {
			if err := q.forbid("requires the format csv", "sep", "decimal"); err != nil {
				return err
			}
		}
		if r.format == formatJSON {
			return q.forbid("requires the format csv or ndjson", "time_format")
		}
		times, err := q.word(timeFormatParameter)
		if err != nil {
			return err
		}
		r.isoTimes = times == "iso"
		return r.parseColumns(q)
	}
}

// parseColumns parses what separates the columns and the decimals of CSV.
func (r *historyRequest) parseColumns(q queryParams) error {
	decimal, err := q.word(decimalParameter)
	if err != nil {
		return err
	}
	separator, err := q.word(separatorParameter)
	if err != nil {
		return err
	}
	r.decimalComma = decimal == "comma"
	if _, given := q["sep"]; !given && r.decimalComma {
		separator = "semicolon"
	}
	r.separator = map[string]byte{"comma": ',', "semicolon": ';', "tab": '\t'}[separator]
	if r.decimalComma && r.separator == ',' {
		return invalidParam("sep", "comma cannot be combined with decimal=comma")
	}
	return nil
}

// parseReduction parses whether the points are downsampled or put into buckets.
func (r *historyRequest) parseReduction(q queryParams) (err error) {
	if r.points, err = q.integer(pointsParameter); err != nil {
		return err
	}
	text, given := q["interval"]
	switch {
	case r.points > 0 && given:
		return invalidParam("points", "cannot be combined with interval")
	case !given:
		return q.forbid("requires interval", "agg")
	}
	_, zone := q["tz"]
	if r.interval, err = parseInterval(text, zone); err != nil {
		return err
	}
	r.aggregates, err = parseAggregates(q["agg"])
	return err
}

func (r *historyRequest) parsePaging(q queryParams) (err error) {
	switch {
	case r.points > 0:
		return q.forbid("cannot be combined with points, whose response has one page", "limit", "cursor")
	case r.format != formatJSON:
		r.limit = math.MaxInt
		return q.forbid("cannot be combined with the formats csv and ndjson, which have one page", "limit", "cursor")
	}
	r.limit, err = q.integer(historyLimitParameter)
	return err
}

// isoDuration matches an ISO 8601 duration of hours, minutes and seconds.
var isoDuration = regexp.MustCompile(`^PT(\d{1,9}H)?(\d{1,9}M)?(\d{1,9}(\.\d{1,3})?S)?$`)

// isoCalendarIntervals are the ISO 8601 durations whose length depends on the
// calendar.
var isoCalendarIntervals = map[string]string{"P1D": "day", "P1W": "week", "P1M": "month"}

// parseInterval parses the length of buckets. With a zone, an hour is an hour of
// the zone's clock.
func parseInterval(text string, zone bool) (factory.Interval, error) {
	plain := text
	if unit := isoCalendarIntervals[text]; unit != "" {
		plain = unit
	} else if len(text) > len("PT") && isoDuration.MatchString(text) {
		plain = strings.ToLower(text[len("PT"):])
	}
	interval, err := factory.ParseInterval(plain)
	if err == nil {
		err = interval.Validate()
	}
	if err != nil {
		return interval, invalidParam("interval", jsonscan.Excerpt(text)+" is not a duration such as 10s, 15m, 1h or PT15M, nor 1d, 1w or 1mo")
	}
	if zone && interval == factory.Every(time.Hour) {
		interval = factory.Interval{Calendar: factory.Hour}
	}
	return interval, nil
}

// loadZone returns the time zone with an IANA name; "" is UTC.
func loadZone(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	// A plus sign arrives as a space if the URL does not encode it.
	loc, err := factory.LoadZone(strings.Replace(name, " ", "+", 1))
	if err != nil {
		return nil, invalidParam("tz", jsonscan.Excerpt(name)+" is not the name of a time zone such as Europe/Berlin")
	}
	return loc, nil
}
