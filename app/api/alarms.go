package api

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/alarm"
	"smart-factory-backend/app/ingest"

	"github.com/valyala/fasthttp"
)

// Alarms lists alarms and performs what people do with them.
type Alarms interface {
	// List returns the alarms that match q, and the cursor of the next page.
	List(ctx context.Context, q alarm.Query) (items []alarm.Item, next string, err error)
	// Alarm returns an alarm and all of its transitions.
	Alarm(ctx context.Context, id string) (alarm.Item, []alarm.Step, error)
	// Act performs an action; ifSeq, if not 0, is the Seq that the alarm must have.
	Act(ctx context.Context, action alarm.Action, ifSeq int64) (alarm.Item, error)
	// Performance returns the figures of the alarms of a range.
	Performance(ctx context.Context, scope factory.Scope, span factory.Span) (alarm.Performance, error)
}

// maxAlarmNote is the largest note or reason in bytes.
const maxAlarmNote = 4096

var (
	alarmScopeQuery = []Parameter{
		{Name: "site", Description: "Only alarms of machines of this site."},
		{Name: "area", Description: "Only alarms of machines of this area."},
		{Name: "line", Description: "Only alarms of machines of this line."},
		{Name: "machine", Description: "Only alarms of this machine."},
	}
	alarmRangeQuery = []Parameter{
		{Name: "from", Description: "Only alarms that were raised at this time or later: Unix milliseconds or ISO 8601."},
		{Name: "to", Description: "Only alarms that were raised before this time."},
	}
	alarmStateParameter = Parameter{
		Name: "state", Words: alarm.QueryStates, Default: alarm.StateOpen,
		Description: "`open`: visible and not normal. `unacked`, `active`: the visible ones of these. `hidden`: shelved, suppressed or out of service. `all`: those that are normal again, too. Otherwise a state, or what hides an alarm.",
	}
	alarmSeverityParameter = Parameter{Name: "severity", Description: "Only alarms of this severity.", Words: []string{"low", "medium", "high", "urgent"}}
	alarmsQuery            = slices.Concat([]Parameter{alarmStateParameter, alarmSeverityParameter, {Name: "rule", Description: "Only alarms of this rule."}},
		alarmScopeQuery, alarmRangeQuery, []Parameter{pageSizeParameter, cursorParameter})
	alarmPerformanceQuery = slices.Concat(alarmScopeQuery, []Parameter{
		{Name: "from", Description: "The begin of the range, a day before its end by default: Unix milliseconds or ISO 8601."},
		{Name: "to", Description: "The end of the range, by default the present."},
	})
)

func (q queryParams) scope() factory.Scope {
	return factory.Scope{Site: q["site"], Area: q["area"], Line: q["line"], Machine: q["machine"]}
}

// listAlarms is GET /api/v1/alarms.
func (a *API) listAlarms(ctx *fasthttp.RequestCtx, r request) error {
	state, err := r.query.word(alarmStateParameter)
	if err != nil {
		return err
	}
	severity, err := r.query.word(alarmSeverityParameter)
	if err != nil {
		return err
	}
	limit, err := r.query.integer(pageSizeParameter)
	if err != nil {
		return err
	}
	from, to, err := r.query.timeRange(time.UTC)
	if err != nil {
		return err
	}
	storeCtx, cancel := context.WithTimeout(context.Background(), queryTimeout)
	defer cancel()
	items, next, err := a.options.Alarms.List(storeCtx, alarm.Query{
		State: state, Severity: alarm.Severity(severity), Rule: r.query["rule"], Scope: r.query.scope(),
		From: from, To: to, Cursor: r.query["cursor"], Limit: limit,
	})
	if err != nil {
		return err
	}
	if items == nil {
		items = []alarm.Item{}
	}
	return writeList(ctx, "alarms", items, next)
}

// getAlarm is GET /api/v1/alarms/{id}.
func (a *API) getAlarm(ctx *fasthttp.RequestCtx, r request) error {
	storeCtx, cancel := context.WithTimeout(context.Background(), queryTimeout)
	defer cancel()
	item, steps, err := a.options.Alarms.Alarm(storeCtx, r.params[0])
	if err != nil {
		return err
	}
	return writeEntry(ctx, fasthttp.StatusOK, struct {
		alarm.Item
		Transitions []alarm.Step `json:"transitions"`
	}{item, steps})
}

// getAlarmPerformance is GET /api/v1/alarms/performance.
func (a *API) getAlarmPerformance(ctx *fasthttp.RequestCtx, r request) error {
	from, to, err := r.query.timeRange(time.UTC)
	if err != nil {
		return err
	}
	now := time.Now().UnixMilli()
	if to == math.MaxInt64 || to > now {
		to = now
	}
	if from == math.MinInt64 {
		from = to - 24*time.Hour.Milliseconds()
	}
	span := factory.Span{From: from, To: max(from, to)}
	storeCtx, cancel := context.WithTimeout(context.Background(), queryTimeout)
	defer cancel()
	p, err := a.options.Alarms.Performance(storeCtx, r.query.scope(), span)
	if err != nil {
		return err
	}
	return writeEntry(ctx, fasthttp.StatusOK, struct {
		From int64 `json:"from"`
		To   int64 `json:"to"`
		alarm.Performance
	}{span.From, span.To, p})
}

// alarmRequest is the body of an action.
type alarmRequest struct {
	IDs    []string        `json:"ids"`
	Note   string          `json:"note"`
	Reason string          `json:"reason"`
	Until  json.RawMessage `json:"until"`
	IfSeq  int64           `json:"if_seq"`
}

// postAlarmAction is POST /api/v1/alarms/{id}/{action}.
func (a *API) postAlarmAction(ctx *fasthttp.RequestCtx, r request) error {
	action, body, err := a.readAlarmAction(ctx, r, r.params[1])
	if err != nil {
		return err
	}
	if body.IDs != nil {
		return invalidMembers([]fieldError{{Pointer: "/ids", Detail: "is for the path without an alarm"}})
	}
	action.Alarm = r.params[0]
	storeCtx, cancel := context.WithTimeout(context.Background(), a.options.IngestTimeout)
	defer cancel()
	item, err := a.options.Alarms.Act(storeCtx, action, body.IfSeq)
	if err != nil {
		return err
	}
	return writeEntry(ctx, fasthttp.StatusOK, item)
}

// alarmFault is an alarm of a list on which the action was not performed.
type alarmFault struct {
	ID     string `json:"id"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// postAlarmActions is POST /api/v1/alarms/{action}. An alarm at fault does not affect
// the others.
func (a *API) postAlarmActions(ctx *fasthttp.RequestCtx, r request) error {
	action, body, err := a.readAlarmAction(ctx, r, r.params[0]) // the pattern names it id
	if err != nil {
		return err
	}
	const most = 1000
	switch {
	case len(body.IDs) == 0 || len(body.IDs) > most:
		return invalidMembers([]fieldError{{Pointer: "/ids", Detail: fmt.Sprintf("must have 1 to %d ids of alarms", most)}})
	case body.IfSeq != 0:
		return invalidMembers([]fieldError{{Pointer: "/if_seq", Detail: "is for the path of one alarm"}})
	}
	storeCtx, cancel := context.WithTimeout(context.Background(), a.options.IngestTimeout)
	defer cancel()
	answer := struct {
		Alarms []alarm.Item `json:"alarms"`
		Errors []alarmFault `json:"errors"`
	}{[]alarm.Item{}, []alarmFault{}}
	for _, id := range body.IDs {
		action.Alarm = id
		item, err := a.options.Alarms.Act(storeCtx, action, 0)
		if err != nil {
			fault := toHTTPError(err)
			answer.Errors = append(answer.Errors, alarmFault{ID: id, Status: fault.status, Detail: fault.detail})
			continue
		}
		answer.Alarms = append(answer.Alarms, item)
	}
	return writeEntry(ctx, fasthttp.StatusOK, answer)
}

// readAlarmAction reads the body of an action, which may be empty.
func (a *API) readAlarmAction(ctx *fasthttp.RequestCtx, r request, name string) (action alarm.Action, parsed alarmRequest, err error) {
	if !slices.Contains(alarm.ActionKinds, alarm.ActionKind(name)) {
		return action, parsed, &httpError{status: fasthttp.StatusNotFound, detail: "the actions are " + alarmActionNames()}
	}
	body, err := a.readBody(ctx)
	defer body.release()
	if err != nil {
		return action, parsed, err
	}
	if len(body.data) > 0 {
		if err := factory.DecodeDocument(body.data, &parsed); err != nil {
			return action, parsed, err
		}
	}
	now := time.Now().UnixMilli()
	action = alarm.Action{
		Kind: alarm.ActionKind(name), By: r.principal.Name, At: now, Note: strings.Clone(parsed.Note), Reason: strings.Clone(parsed.Reason),
	}
	var faults factory.MemberErrors
	for _, text := range []struct{ pointer, text string }{{"/note", parsed.Note}, {"/reason", parsed.Reason}} {
		if len(text.text) > maxAlarmNote || strings.ContainsFunc(text.text, func(c rune) bool { return unicode.IsControl(c) && c != '\n' && c != '\t' && c != '\r' }) {
			faults.Add(text.pointer, fmt.Sprintf("must have at most %d bytes and no control characters", maxAlarmNote))
		}
	}
	for i, id := range parsed.IDs {
		parsed.IDs[i] = strings.Clone(id)
	}
	switch {
	case parsed.IfSeq < 0:
		faults.Add("/if_seq", "must not be negative")
	case parsed.Until != nil && action.Kind != alarm.ShelveIt:
		faults.Add("/until", "is for shelve only")
	}
	if err := faults.Err(); err != nil {
		return action, parsed, err
	}
	if action.Kind == alarm.ShelveIt {
		action.Until, err = a.shelfEnd(parsed.Until, now)
	}
	return action, parsed, err
}

func alarmActionNames() string {
	names := make([]string, len(alarm.ActionKinds))
	for i, kind := range alarm.ActionKinds {
		names[i] = string(kind)
	}
	return strings.Join(names, ", ")
}

// shelfEnd returns the end of a shelf: that of the request, or the latest one.
func (a *API) shelfEnd(until json.RawMessage, now int64) (int64, error) {
	latest := now + a.options.MaxShelve.Milliseconds()
	if until == nil {
		return latest, nil
	}
	at, err := ingest.ParseTime(strings.Trim(string(until), `"`), time.UTC)
	switch {
	case err != nil:
		return 0, invalidMembers([]fieldError{{Pointer: "/until", Detail: "must be a time, in Unix milliseconds or ISO 8601"}})
	case at <= now:
		return 0, unprocessable("/until", "must be in the future")
	case at > latest:
		return 0, unprocessable("/until", fmt.Sprintf("must be at most %v from now (MAX_SHELVE)", a.options.MaxShelve))
	}
	return at, nil
}

// unprocessable is a 422 about one member.
func unprocessable(pointer, detail string) error {
	return &httpError{
		status: fasthttp.StatusUnprocessableEntity, detail: "the body is invalid at " + pointer + ": " + detail,
		errors: []fieldError{{Pointer: pointer, Detail: detail}},
	}
}
