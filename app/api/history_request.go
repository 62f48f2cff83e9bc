package api

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // zones, where the system has none

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/ingest/jsonscan"

	"github.com/valyala/fasthttp"
)

// historyRequest is what a request asks of a machine's history.
type historyRequest struct {
	machine  string
	metrics  []string // empty: all
	from, to int64
	cursor   string
	limit    int

	// points asks for a picture of so many points of each metric; aggregates,
	// where they are not nil, ask for buckets of interval. Otherwise it is the
	// raw points.
	points     int
	aggregates []aggregate
	interval   factory.Interval
	location   *time.Location

	format format
	// isoTimes asks for times as text.
	isoTimes bool
}

// format is the form of an answer.
type format string

const (
	formatJSON   format = "json"
	formatCSV    format = "csv"
	formatNDJSON format = "ndjson"
)

func parseHistoryRequest(ctx *fasthttp.RequestCtx, machine string) (*historyRequest, error) {
	q, err := parseQuery(ctx, paramMetric, "from", "to", "interval", "agg", "points", "tz", "limit", "cursor", "format", "time_format")
	if err != nil {
		return nil, err
	}
	r := &historyRequest{machine: machine, metrics: metricParams(ctx), cursor: q["cursor"]}
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

// parseFormat reads the format, by parameter or else by the Accept header.
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
			word, err := q.oneOf("format", string(formatJSON), string(formatCSV), string(formatNDJSON))
			if err != nil {
				return err
			}
			r.format = format(word)
		}
		if r.format == formatJSON {
			return q.forbid("goes with CSV and NDJSON", "time_format")
		}
		times, err := q.oneOf("time_format", "ms", "iso")
		r.isoTimes = times == "iso"
		return err
	}
}

// parseReduction reads whether buckets or a picture are asked for.
func (r *historyRequest) parseReduction(q queryParams) (err error) {
	var picture bool
	if r.points, picture, err = q.integer("points", 2, maxHistoryPoints); err != nil {
		return err
	}
	text, given := q["interval"]
	switch {
	case picture && given:
		return invalidParam("points", "does not go with interval: one is a picture of the points, the other sums them up")
	case !given:
		return q.forbid("goes with interval", "agg")
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
		return q.forbid("does not go with points, which come in one answer", "limit", "cursor")
	case r.format != formatJSON:
		r.limit = streamPageSize
		return q.forbid("does not go with CSV or NDJSON, which are the whole range", "limit", "cursor")
	}
	r.limit, err = q.limit(maxHistoryPoints)
	return err
}

// isoDuration is a duration of ISO 8601 in hours, minutes and seconds.
var isoDuration = regexp.MustCompile(`^PT(\d{1,9}H)?(\d{1,9}M)?(\d{1,9}(\.\d{1,3})?S)?$`)

// isoCalendarIntervals are the durations whose length the calendar decides.
var isoCalendarIntervals = map[string]string{"P1D": "day", "P1W": "week", "P1M": "month"}

// parseInterval reads the length of buckets. Where a zone is given, an hour is
// one of its clock.
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
		return interval, invalidParam("interval", jsonscan.Excerpt(text)+" is neither a length such as 10s, 15m, 1h or PT15M, nor 1d, 1w or 1mo")
	}
	if zone && interval == factory.Every(time.Hour) {
		interval = factory.Interval{Calendar: factory.Hour}
	}
	return interval, nil
}

// zoneCache are those that were asked for, as reading one takes a while. There
// are some six hundred names.
var zoneCache sync.Map

// zoneNamePattern keeps other spellings of a file's path out of zones.
var zoneNamePattern = regexp.MustCompile(`^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$`)

// loadZone returns the zone of an IANA name; "" is UTC.
func loadZone(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	if known, ok := zoneCache.Load(name); ok {
		return known.(*time.Location), nil
	}
	// A plus sign arrives as a space unless it was encoded.
	plain := strings.Replace(name, " ", "+", 1)
	loc, err := time.LoadLocation(plain)
	if err != nil || !zoneNamePattern.MatchString(plain) || name == "Local" {
		return nil, invalidParam("tz", jsonscan.Excerpt(name)+" is not the name of a time zone such as Europe/Berlin")
	}
	zoneCache.Store(name, loc)
	return loc, nil
}
