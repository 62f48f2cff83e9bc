package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/oee"

	"github.com/valyala/fasthttp"
)

// OEE computes figures; the errors of its methods are *oee.QueryError if the query is
// wrong.
type OEE interface {
	Report(ctx context.Context, q oee.Query) (oee.Answer, error)
	Reasons(ctx context.Context, q oee.Query) (oee.ReasonsAnswer, error)
}

const (
	// oeeTimeout is how long figures may take.
	oeeTimeout = 30 * time.Second
	// maxOEERange is the longest range of figures.
	maxOEERange = 400 * 24 * time.Hour
	// figuresMemory is the most memory of the figures of a group and their JSON.
	figuresMemory = 8 << 10
)

var (
	groupParameter = Parameter{Name: "by", Words: groupings(), Description: "What to group by. Days and hours are those of the zone tz."}
	reasonsQuery   = []Parameter{
		{Name: "machine", Description: "Only this machine."},
		{Name: "line", Description: "Only the machines of this line: its name, or site/area/line."},
		{Name: "area", Description: "Only the machines of this area."},
		{Name: "site", Description: "Only the machines of this site."},
		{Name: "from", Description: "The start, inclusive: Unix milliseconds or ISO 8601. A time without an offset is in the zone tz. Required without shift."},
		{Name: "to", Description: "The end, exclusive; in the format of from. By default now; at most 400 days after from."},
		{Name: "shift", Description: "The id of a shift, in place of from and to. Machines that do not have it on that day are left out."},
		{Name: "day", Example: "2024-12-31", Description: "The day on which the shift begins. Required with shift."},
		{Name: "tz", Default: "UTC", Example: "Europe/Berlin", Description: "An IANA time zone."},
	}
	oeeQuery = append([]Parameter{groupParameter}, reasonsQuery...)
)

func groupings() []string {
	words := make([]string, len(oee.Groupings))
	for i, by := range oee.Groupings {
		words[i] = string(by)
	}
	return words
}

// oeeReport is the figures of machines in a response.
type oeeReport struct {
	From  int64         `json:"from"`
	To    int64         `json:"to"`
	Scope factory.Scope `json:"scope"`
	Shift string        `json:"shift,omitempty"`
	Day   string        `json:"day,omitempty"`
	Total oee.Figures   `json:"total"`
	By    []oee.Group   `json:"by"`
}

// oeeReasons is the downtimes of machines in a response.
type oeeReasons struct {
	From     int64         `json:"from"`
	To       int64         `json:"to"`
	Scope    factory.Scope `json:"scope"`
	Shift    string        `json:"shift,omitempty"`
	Day      string        `json:"day,omitempty"`
	Downtime float64       `json:"downtime_s"`
	Reasons  []oee.Reason  `json:"reasons"`
}

// getOEE is GET /api/v1/oee.
func (a *API) getOEE(ctx *fasthttp.RequestCtx, r request) error {
	q, err := parseOEE(r.query)
	if err != nil {
		return err
	}
	timeout, cancel := context.WithTimeout(context.Background(), oeeTimeout)
	defer cancel()
	answer, err := a.options.OEE.Report(timeout, q)
	if err != nil {
		return oeeError(err)
	}
	return a.writeFigures(ctx, r, len(answer.Groups), oeeReport{
		From: answer.Span.From, To: answer.Span.To, Scope: q.Scope, Shift: q.Shift, Day: q.Day, Total: answer.Total, By: answer.Groups,
	})
}

// getOEEReasons is GET /api/v1/oee/reasons.
func (a *API) getOEEReasons(ctx *fasthttp.RequestCtx, r request) error {
	q, err := parseOEE(r.query)
	if err != nil {
		return err
	}
	timeout, cancel := context.WithTimeout(context.Background(), oeeTimeout)
	defer cancel()
	answer, err := a.options.OEE.Reasons(timeout, q)
	if err != nil {
		return oeeError(err)
	}
	return a.writeFigures(ctx, r, 0, oeeReasons{
		From: answer.Span.From, To: answer.Span.To, Scope: q.Scope, Shift: q.Shift, Day: q.Day, Downtime: answer.Downtime, Reasons: answer.Reasons,
	})
}

// writeFigures responds with a body of so many groups.
func (a *API) writeFigures(ctx *fasthttp.RequestCtx, r request, groups int, value any) error {
	memory, err := a.historyBudget.reserve(int64(1+groups)*figuresMemory, a.clientAddr(ctx), r.principal.Name)
	if err != nil {
		return err
	}
	body, err := json.Marshal(value)
	if err != nil {
		memory.shrink(0)
		return err
	}
	memory.writeJSON(ctx, body)
	return nil
}

// oeeError adds the response to an error of an OEE.
func oeeError(err error) error {
	var wrong *oee.QueryError
	switch {
	case errors.As(err, &wrong):
		status := fasthttp.StatusBadRequest
		if errors.Is(wrong.Kind, factory.ErrNotFound) {
			status = fasthttp.StatusNotFound
		}
		return invalidParamStatus(status, wrong.Parameter, wrong.Detail)
	case errors.Is(err, context.DeadlineExceeded):
		return &httpError{status: fasthttp.StatusServiceUnavailable, retryAfter: 5, detail: fmt.Sprintf("the figures took longer than %v; ask for a shorter range or fewer machines", oeeTimeout)}
	}
	return err
}

// parseOEE returns the query that the parameters describe.
func parseOEE(p queryParams) (oee.Query, error) {
	q := oee.Query{
		Scope: factory.Scope{Site: p["site"], Area: p["area"], Line: p["line"], Machine: p["machine"]},
		Shift: p["shift"], Day: p["day"],
	}
	for _, name := range []string{"machine", "line", "area", "site", "shift", "from"} {
		if text, given := p[name]; given && text == "" {
			return q, invalidParam(name, "is empty")
		}
	}
	if parts := strings.Split(q.Scope.Line, "/"); len(parts) == 3 {
		if err := p.forbid("is part of line already", "site", "area"); err != nil {
			return q, err
		}
		q.Scope.Site, q.Scope.Area, q.Scope.Line = parts[0], parts[1], parts[2]
	}
	by, err := p.word(groupParameter)
	if err != nil {
		return q, err
	}
	q.By = oee.By(by)
	if q.Zone, err = loadZone(p["tz"]); err != nil {
		return q, err
	}
	if q.Shift == "" {
		q.Span, err = p.oeeRange(q.Zone)
		return q, err
	}
	if err := p.forbid("cannot be combined with shift", "from", "to"); err != nil {
		return q, err
	}
	if day, err := time.Parse(time.DateOnly, q.Day); err != nil || day.Year() < 1 {
		return q, invalidParam("day", "is the day on which the shift begins, such as 2024-12-31")
	}
	return q, nil
}

// oeeRange returns the range of time of figures without a shift.
func (p queryParams) oeeRange(zone *time.Location) (span factory.Span, err error) {
	if err := p.forbid("is only for a shift", "day"); err != nil {
		return span, err
	}
	if _, given := p["from"]; !given {
		return span, invalidParam("from", "is missing; give from and to, or shift and day")
	}
	if span.From, span.To, err = p.timeRange(zone); err != nil {
		return span, err
	}
	if now := time.Now().UnixMilli(); span.To == math.MaxInt64 {
		if span.To = now; span.From > now {
			return span, invalidParam("from", "is after to, which is now by default")
		}
	}
	if length := span.To - span.From; length > maxOEERange.Milliseconds() || length < 0 {
		return span, invalidParam("to", fmt.Sprintf("is more than %d days after from", maxOEERange/(24*time.Hour)))
	}
	return span, nil
}
