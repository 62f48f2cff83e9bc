package api

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/ingest"
	"smart-factory-backend/app/ingest/jsonscan"

	"github.com/valyala/fasthttp"
)

// metricJSON is a metric of a machine in a response.
type metricJSON struct {
	Machine     string             `json:"machine"`
	Metric      string             `json:"metric"`
	Unit        string             `json:"unit"`
	Kind        factory.MetricKind `json:"kind"`
	ExpectedMin *float64           `json:"expected_min"`
	ExpectedMax *float64           `json:"expected_max"`
	// Retention is null for the store's default.
	Retention *string `json:"retention"`
	CreatedAt int64   `json:"created_at"`
	UpdatedAt int64   `json:"updated_at"`
}

func toMetricJSON(m factory.Metric) metricJSON {
	out := metricJSON{
		Machine: m.Machine, Metric: m.Name, Unit: m.Unit, Kind: m.Kind, ExpectedMin: m.ExpectedMin, ExpectedMax: m.ExpectedMax,
		CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt,
	}
	if m.Retention != 0 {
		text := formatRetention(m.Retention)
		out.Retention = &text
	}
	return out
}

// forever is the text of factory.KeepForever.
const forever = "forever"

const day = 24 * time.Hour

func formatRetention(d time.Duration) string {
	switch {
	case d == factory.KeepForever:
		return forever
	case d%day == 0:
		return strconv.FormatInt(int64(d/day), 10) + "d"
	case d%time.Hour == 0:
		return strconv.FormatInt(int64(d/time.Hour), 10) + "h"
	}
	return strconv.FormatInt(int64(d/time.Second), 10) + "s"
}

// isoDays matches a duration of days, weeks or years, as ISO 8601 or in short.
var isoDays = regexp.MustCompile(`^(?:P(\d{1,5})([DWY])|(\d{1,5})(d|w|y))$`)

// parseRetention parses "forever" or a duration: 30d, 8w, 1y, 36h, P30D, PT36H.
func parseRetention(text string) (time.Duration, error) {
	if text == forever {
		return factory.KeepForever, nil
	}
	plain := text
	unit := time.Duration(1)
	if parts := isoDays.FindStringSubmatch(text); parts != nil {
		plain, unit = parts[1]+parts[3]+"ns", day // one of the parts is empty
		switch strings.ToLower(parts[2] + parts[4]) {
		case "w":
			unit = 7 * day
		case "y":
			unit = 365 * day
		}
	} else if len(text) > len("PT") && isoDuration.MatchString(text) {
		plain = strings.ToLower(text[len("PT"):])
	}
	d, err := time.ParseDuration(plain)
	if d > factory.MaxRetention/unit {
		return 0, fmt.Errorf("%q is more than %d years", jsonscan.Excerpt(text), factory.MaxRetention/(365*day))
	}
	d *= unit
	if err != nil || d <= 0 || d%time.Second != 0 {
		return 0, fmt.Errorf("%q is neither %s nor a duration such as 30d, 8w, 36h or P30D", jsonscan.Excerpt(text), forever)
	}
	return d, nil
}

// listMetrics is GET /api/v1/machines/{id}/metrics.
func (a *API) listMetrics(ctx *fasthttp.RequestCtx, r request) error {
	storeCtx, cancel := context.WithTimeout(context.Background(), queryTimeout)
	defer cancel()
	all, err := a.options.Store.Metrics(storeCtx, r.params[0])
	if err != nil {
		return err
	}
	list := make([]metricJSON, len(all))
	for i, m := range all {
		list[i] = toMetricJSON(m)
	}
	return writeList(ctx, "metrics", list, "")
}

// getMetric is GET /api/v1/machines/{id}/metrics/{metric}.
func (a *API) getMetric(ctx *fasthttp.RequestCtx, r request) error {
	m, err := a.metric(r)
	if err != nil {
		return err
	}
	if done, err := checkReadConditions(ctx, versionTag(m.Version)); done || err != nil {
		return err
	}
	return writeEntry(ctx, fasthttp.StatusOK, toMetricJSON(m))
}

func (a *API) metric(r request) (factory.Metric, error) {
	storeCtx, cancel := context.WithTimeout(context.Background(), queryTimeout)
	defer cancel()
	return a.options.Store.Metric(storeCtx, r.params[0], r.params[1])
}

// putMetric is PUT /api/v1/machines/{id}/metrics/{metric}.
func (a *API) putMetric(ctx *fasthttp.RequestCtx, r request) error {
	body, err := a.readBody(ctx)
	defer body.release()
	if err != nil {
		return err
	}
	m, err := parseMetric(body.data, r.params[0], r.params[1])
	if err != nil {
		return err
	}
	match, err := writeCondition(ctx, func() (int64, error) {
		current, err := a.metric(r)
		return versionOrZero(current.Version, err)
	})
	if err != nil {
		return err
	}
	storeCtx, cancel := context.WithTimeout(factory.WithSender(context.Background(), r.principal.Name), a.options.IngestTimeout)
	defer cancel()
	stored, created, err := a.options.Store.PutMetric(storeCtx, m, match)
	if err != nil {
		return err
	}
	ctx.Response.Header.Set(fasthttp.HeaderETag, versionTag(stored.Version))
	return writePutResponse(ctx, created, "/api/v1/machines/"+url.PathEscape(m.Machine)+"/metrics/"+url.PathEscape(m.Name), toMetricJSON(stored))
}

// parseMetric parses the description of a metric. It ignores members that only a
// GET sets.
func parseMetric(body []byte, machine, name string) (factory.Metric, error) {
	m := factory.Metric{Machine: machine, Name: name, Kind: factory.Gauge}
	kind, retention := string(m.Kind), ""
	namedMachine, namedMetric := machine, name
	err := readJSONObject(body, map[string]memberReader{
		"machine": stringMember(&namedMachine), "metric": stringMember(&namedMetric),
		"unit": stringMember(&m.Unit), "kind": stringMember(&kind), "retention": stringMember(&retention),
		"expected_min": numberMember(&m.ExpectedMin), "expected_max": numberMember(&m.ExpectedMax),
		"created_at": ignoredMember, "updated_at": ignoredMember,
	})
	if err != nil {
		return m, err
	}
	m.Kind = factory.MetricKind(kind)
	var faults []fieldError
	fault := func(pointer string, err error) {
		if err != nil {
			faults = append(faults, fieldError{Pointer: pointer, Detail: ingest.DetailOf(err)})
		}
	}
	if namedMachine != machine {
		faults = append(faults, fieldError{Pointer: "/machine", Detail: "differs from the machine in the path"})
	}
	if namedMetric != name {
		faults = append(faults, fieldError{Pointer: "/metric", Detail: "differs from the metric in the path"})
	}
	if retention != "" {
		m.Retention, err = parseRetention(retention)
		fault("/retention", err)
	}
	plain := factory.Metric{Machine: machine, Name: name, Kind: factory.Gauge}
	if err := factory.ValidateMetric(plain); err != nil {
		return m, err // a name in the path is invalid
	}
	for _, part := range []struct {
		pointer string
		set     func(*factory.Metric)
	}{
		{"/unit", func(p *factory.Metric) { p.Unit = m.Unit }},
		{"/kind", func(p *factory.Metric) { p.Kind = m.Kind }},
		{"/expected_min", func(p *factory.Metric) { p.ExpectedMin, p.ExpectedMax = m.ExpectedMin, m.ExpectedMax }},
		{"/retention", func(p *factory.Metric) { p.Retention = m.Retention }},
	} {
		only := plain
		part.set(&only)
		fault(part.pointer, factory.ValidateMetric(only))
	}
	if len(faults) > 0 {
		return m, invalidMembers(faults)
	}
	return m, nil
}
