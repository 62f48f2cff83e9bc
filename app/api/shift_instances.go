package api

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/shift"

	"github.com/valyala/fasthttp"
)

// maxInstanceRange is the longest range of a list of instances.
const maxInstanceRange = 3660 * 24 * time.Hour

var (
	instancesPageSize = limitParameter("instances", 1000)
	instancesQuery    = []Parameter{
		{Name: "from", Required: true, Description: "The start, inclusive: Unix milliseconds or ISO 8601. A time without an offset is in the zone tz."},
		{Name: "to", Required: true, Description: "The end, exclusive; in the format of from. The range has at most 3660 days."},
		{Name: "site", Description: "Only the shifts of this site."},
		{Name: "area", Description: "Only the shifts of this area."},
		{Name: "line", Description: "Only the shifts of this line: its name, or site/area/line."},
		{Name: "machine", Description: "Only the shifts of this machine."},
		{Name: "shift", Description: "Only the instances of the shift with this id."},
		{Name: "tz", Default: "UTC", Example: "Europe/Berlin", Description: "An IANA time zone."},
		instancesPageSize, cursorParameter,
	}
)

// instanceJSON is a concrete shift in a response.
type instanceJSON struct {
	Shift string `json:"shift"`
	// Day is the day on which the shift begins, as YYYY-MM-DD.
	Day     string     `json:"day"`
	From    int64      `json:"from"`
	To      int64      `json:"to"`
	Seconds float64    `json:"seconds"`
	Breaks  []spanJSON `json:"breaks"`
}

type spanJSON struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// listInstances is GET /api/v1/shifts/instances.
func (a *API) listInstances(ctx *fasthttp.RequestCtx, r request) error {
	q := r.query
	span, err := instanceRange(q)
	if err != nil {
		return err
	}
	limit, err := q.integer(instancesPageSize)
	if err != nil {
		return err
	}
	after, err := parseInstanceCursor(q["cursor"])
	if err != nil {
		return err
	}
	storeCtx, cancel := context.WithTimeout(context.Background(), queryTimeout)
	defer cancel()
	schedule, err := a.schedule(storeCtx, q)
	if err != nil {
		return err
	}
	rest := span
	if after != nil {
		rest.From = max(rest.From, after.From)
	}
	list, next := []instanceJSON{}, ""
	for i := range schedule.Instances(rest) {
		switch {
		case i.To <= span.From, after != nil && !isAfter(i, *after), q["shift"] != "" && i.Shift != q["shift"]:
			continue
		case len(list) == limit:
			last := list[limit-1]
			next = instanceCursor(last.From, last.Shift)
		}
		if next != "" {
			break
		}
		list = append(list, toInstanceJSON(i))
	}
	return writeList(ctx, "instances", list, next)
}

func toInstanceJSON(i shift.Instance) instanceJSON {
	out := instanceJSON{Shift: i.Shift, Day: i.Day, From: i.From, To: i.To, Seconds: float64(i.To-i.From) / 1000, Breaks: []spanJSON{}}
	for _, b := range i.Breaks {
		out.Breaks = append(out.Breaks, spanJSON(b))
	}
	return out
}

// instanceRange returns the range of a list.
func instanceRange(q queryParams) (span factory.Span, err error) {
	loc, err := loadZone(q["tz"])
	if err != nil {
		return span, err
	}
	for _, name := range []string{"from", "to"} {
		if _, given := q[name]; !given {
			return span, invalidParam(name, "is missing")
		}
	}
	if span.From, span.To, err = q.timeRange(loc); err != nil {
		return span, err
	}
	if span.To-span.From > maxInstanceRange.Milliseconds() || span.To-span.From < 0 {
		return span, invalidParam("to", fmt.Sprintf("is more than %d days after from", maxInstanceRange/(24*time.Hour)))
	}
	return span, nil
}

// schedule returns the shifts that the parameters site, area, line and machine select.
func (a *API) schedule(ctx context.Context, q queryParams) (shift.Schedule, error) {
	plan, err := a.planWith(ctx, "", documentChange{})
	if err != nil {
		return shift.Schedule{}, err
	}
	scope := factory.Scope{Site: q["site"], Area: q["area"], Line: q["line"], Machine: q["machine"]}
	if parts := strings.Split(scope.Line, "/"); len(parts) == 3 {
		scope.Site, scope.Area, scope.Line = parts[0], parts[1], parts[2]
	}
	if at, known := a.options.Store.Placement(scope.Machine); known && scope.Machine != "" {
		if !scope.Covers(factory.ScopeOf(scope.Machine, at)) {
			return shift.Schedule{}, nil
		}
		return plan.Machine(scope.Machine, at), nil
	}
	if scope.Line != "" && (scope.Site == "" || scope.Area == "") {
		if scope, err = a.completeLine(ctx, scope); err != nil {
			return shift.Schedule{}, err
		}
	}
	return plan.Select(scope), nil
}

// completeLine adds the site and the area to the scope of a line, if all machines of a
// line of this name are in the same ones.
func (a *API) completeLine(ctx context.Context, scope factory.Scope) (factory.Scope, error) {
	page, err := a.options.Store.Machines(ctx, factory.MachineQuery{
		Placement: factory.Placement{Site: scope.Site, Area: scope.Area, Line: scope.Line}, Limit: 1000,
	})
	if err != nil || len(page.Machines) == 0 || page.NextCursor != "" {
		return scope, err
	}
	at := page.Machines[0].Placement
	for _, m := range page.Machines {
		if m.Placement != at {
			return scope, nil
		}
	}
	scope.Site, scope.Area = at.Site, at.Area
	return scope, nil
}

// A cursor is the beginning and the shift of the last instance of a page.

func instanceCursor(from int64, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(from, 10) + " " + id))
}

// parseInstanceCursor returns the instance that a cursor names, nil for "".
func parseInstanceCursor(cursor string) (*shift.Instance, error) {
	if cursor == "" {
		return nil, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	from, id, found := strings.Cut(string(text), " ")
	at, numberErr := strconv.ParseInt(from, 10, 64)
	if err != nil || numberErr != nil || !found {
		return nil, invalidParam("cursor", "is not a next_cursor of this list")
	}
	return &shift.Instance{Shift: id, From: at}, nil
}

func isAfter(i, last shift.Instance) bool {
	return i.From > last.From || i.From == last.From && i.Shift > last.Shift
}
