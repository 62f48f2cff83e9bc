package api

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // zones, where the system has none

	"smart-factory-backend/app/factory"

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
	// iso asks for times as text.
	iso bool
}

// format is the form of an answer.
type format string

const (
	formatJSON   format = "json"
	formatCSV    format = "csv"
	formatNDJSON format = "ndjson"
)

func historyRequestOf(ctx *fasthttp.RequestCtx, machine string) (*historyRequest, error) {
	q, err := queryOf(ctx, paramMetrics, "from", "to", "interval", "agg", "points", "tz", "limit", "cursor", "format", "time_format")
	if err != nil {
		return nil, err
	}
	r := &historyRequest{machine: machine, metrics: metricsOf(ctx), cursor: q["cursor"]}
	if r.location, err = zoneOf(q["tz"]); err != nil {
		return nil, err
	}
	if r.from, r.to, err = q.moments(r.location); err != nil {
		return nil, err
	}
	for _, read := range []func(query) error{r.readFormat(ctx), r.readReduction, r.readPaging} {
		if err := read(q); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// readFormat reads the format, by parameter or else by the Accept header.
func (r *historyRequest) readFormat(ctx *fasthttp.RequestCtx) func(query) error {
	return func(q query) error {
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
			word, err := q.word("format", string(formatJSON), string(formatCSV), string(formatNDJSON))
			if err != nil {
				return err
			}
			r.format = format(word)
		}
		if r.format == formatJSON {
			return q.without("goes with CSV and NDJSON", "time_format")
		}
		times, err := q.word("time_format", "ms", "iso")
		r.iso = times == "iso"
		return err
	}
}

// readReduction reads whether buckets or a picture are asked for.
func (r *historyRequest) readReduction(q query) (err error) {
	var picture bool
	if r.points, picture, err = q.number("points", 2, maxHistory); err != nil {
		return err
	}
	text, given := q["interval"]
	switch {
	case picture && given:
		return badParameter("points", "does not go with interval: one is a picture of the points, the other sums them up")
	case !given:
		return q.without("goes with interval", "agg")
	}
	_, zone := q["tz"]
	if r.interval, err = intervalOf(text, zone); err != nil {
		return err
	}
	r.aggregates, err = aggregatesOf(q["agg"])
	return err
}

func (r *historyRequest) readPaging(q query) (err error) {
	switch {
	case r.points > 0:
		return q.without("does not go with points, which come in one answer", "limit", "cursor")
	case r.format != formatJSON:
		r.limit = streamPage
		return q.without("does not go with CSV or NDJSON, which are the whole range", "limit", "cursor")
	}
	r.limit, err = q.limit(maxHistory)
	return err
}

// isoPeriod is a duration of ISO 8601 in hours, minutes and seconds.
var isoPeriod = regexp.MustCompile(`^PT(\d{1,9}H)?(\d{1,9}M)?(\d{1,9}(\.\d{1,3})?S)?$`)

// isoCalendar are the durations whose length the calendar decides.
var isoCalendar = map[string]string{"P1D": "day", "P1W": "week", "P1M": "month"}

// intervalOf reads the length of buckets. Where a zone is given, an hour is
// one of its clock.
func intervalOf(text string, zone bool) (factory.Interval, error) {
	plain := text
	if unit := isoCalendar[text]; unit != "" {
		plain = unit
	} else if len(text) > len("PT") && isoPeriod.MatchString(text) {
		plain = strings.ToLower(text[len("PT"):])
	}
	interval, err := factory.ParseInterval(plain)
	if err == nil {
		err = interval.Validate()
	}
	if err != nil {
		return interval, badParameter("interval", clip(text)+" is neither a length such as 10s, 15m, 1h or PT15M, nor 1d, 1w or 1mo")
	}
	if zone && interval == factory.Every(time.Hour) {
		interval = factory.Interval{Calendar: factory.Hour}
	}
	return interval, nil
}

// zones are those that were asked for, as reading one takes a while. There
// are some six hundred names.
var zones sync.Map

// zoneName keeps other spellings of a file's path out of zones.
var zoneName = regexp.MustCompile(`^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$`)

// zoneOf returns the zone of an IANA name; "" is UTC.
func zoneOf(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	if known, ok := zones.Load(name); ok {
		return known.(*time.Location), nil
	}
	// A plus sign arrives as a space unless it was encoded.
	plain := strings.Replace(name, " ", "+", 1)
	loc, err := time.LoadLocation(plain)
	if err != nil || !zoneName.MatchString(plain) || name == "Local" {
		return nil, badParameter("tz", clip(name)+" is not the name of a time zone such as Europe/Berlin")
	}
	zones.Store(name, loc)
	return loc, nil
}
