package api

import (
	"context"
	"encoding/base64"
	"math"
	"strconv"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/timeline"
	"smart-factory-backend/app/ingest"

	"github.com/valyala/fasthttp"
)

// Timelines computes what machines did.
type Timelines interface {
	// Timeline returns the timeline of a machine, as far as it has happened, or
	// ErrNotFound for a machine that is not registered.
	Timeline(ctx context.Context, machine string, span factory.Span) (timeline.Timeline, error)
	// Alarms returns the alarms of a machine whose condition held at some time in span.
	Alarms(ctx context.Context, machine string, span factory.Span) ([]timeline.Alarm, error)
}

const (
	dayMillis = int64(24 * time.Hour / time.Millisecond)
	// defaultTimeline is the length of a timeline without from.
	defaultTimeline = dayMillis
	// countsPerSegment times the limit is the most counts and notes on a page.
	countsPerSegment = 10
)

var (
	segmentLimitParameter = limitParameter("segments", 1000)
	timelineQuery         = []Parameter{
		{Name: "from", Description: "The start, inclusive: Unix milliseconds or ISO 8601; 24 hours before to by default. A time without an offset is in the zone tz."},
		{Name: "to", Description: "The end, exclusive; now by default. The future is not part of a timeline."},
		{Name: "tz", Default: "UTC", Example: "Europe/Berlin", Description: "An IANA time zone."},
		{Name: "at", Description: "Return the state at this moment, in the format of from, instead of a timeline."},
		segmentLimitParameter, cursorParameter,
	}
)

type (
	segmentJSON struct {
		From   int64  `json:"from"`
		To     int64  `json:"to"`
		State  string `json:"state"`
		Reason string `json:"reason"`
		Source string `json:"source"`
	}
	timelineCountJSON struct {
		TS      int64     `json:"ts"`
		Good    jsonFloat `json:"good"`
		Scrap   jsonFloat `json:"scrap"`
		Rework  jsonFloat `json:"rework"`
		Product string    `json:"product"`
	}
	timelineProductJSON struct {
		From    int64  `json:"from"`
		To      int64  `json:"to"`
		Product string `json:"product"`
	}
	timelineAlarmJSON struct {
		ID       string `json:"id"`
		Rule     string `json:"rule"`
		From     int64  `json:"from"`
		To       *int64 `json:"to"`
		Severity string `json:"severity"`
	}
	timelineNoteJSON struct {
		TS   int64  `json:"ts"`
		Text string `json:"text"`
		By   string `json:"by"`
	}
	timelineJSON struct {
		Machine    string                `json:"machine"`
		From       int64                 `json:"from"`
		To         int64                 `json:"to"`
		Segments   []segmentJSON         `json:"segments"`
		Counts     []timelineCountJSON   `json:"counts"`
		Products   []timelineProductJSON `json:"products"`
		Alarms     []timelineAlarmJSON   `json:"alarms"`
		Notes      []timelineNoteJSON    `json:"notes"`
		NextCursor *string               `json:"next_cursor"`
	}
	momentJSON struct {
		Machine string  `json:"machine"`
		At      int64   `json:"at"`
		State   *string `json:"state"`
		Reason  string  `json:"reason"`
		Source  string  `json:"source"`
		Product string  `json:"product"`
	}
)

// getTimeline is GET /api/v1/machines/{id}/timeline.
func (a *API) getTimeline(ctx *fasthttp.RequestCtx, r request) error {
	zone, err := loadZone(r.query["tz"])
	if err != nil {
		return err
	}
	storeCtx, cancel := context.WithTimeout(context.Background(), queryTimeout)
	defer cancel()
	if _, given := r.query["at"]; given {
		return a.getMoment(storeCtx, ctx, r, zone)
	}
	span, limit, err := parseTimelineQuery(r.query, zone)
	if err != nil {
		return err
	}
	page, err := timelineCursor(r.query["cursor"], span)
	if err != nil {
		return err
	}
	t, page, err := a.timelinePage(storeCtx, r.params[0], page, limit)
	if err != nil {
		return err
	}
	alarms, err := a.options.Timelines.Alarms(storeCtx, r.params[0], t.Range)
	if err != nil {
		return err
	}
	response := timelineOf(&t)
	for _, alarm := range alarms {
		entry := timelineAlarmJSON{ID: alarm.ID, Rule: alarm.Rule, From: alarm.From, Severity: alarm.Severity}
		if alarm.To != math.MaxInt64 {
			entry.To = &alarm.To
		}
		response.Alarms = append(response.Alarms, entry)
	}
	response.Machine, response.From, response.To = r.params[0], span.From, span.To
	if page.To < span.To && page.To < time.Now().UnixMilli() {
		cursor := base64.RawURLEncoding.EncodeToString(strconv.AppendInt([]byte(cursorPrefix), page.To, 36))
		response.NextCursor = &cursor
	}
	return writeEntry(ctx, fasthttp.StatusOK, response)
}

// timelinePage returns the timeline of the longest part of span, from its beginning, that
// fits on a page. It tries longer and longer parts, so that its memory depends on the page
// and not on the span.
func (a *API) timelinePage(ctx context.Context, machine string, span factory.Span, limit int) (t timeline.Timeline, page factory.Span, err error) {
	page = span
	for length := dayMillis; ; length *= 4 {
		page.To = min(span.To, page.From+length)
		if t, err = a.options.Timelines.Timeline(ctx, machine, page); err != nil {
			return t, page, err
		}
		if end := pageEnd(&t, limit); end < t.Range.To {
			page.To = end
			t, err = a.options.Timelines.Timeline(ctx, machine, page)
			return t, page, err
		}
		if page.To == span.To || page.To >= time.Now().UnixMilli() {
			return t, page, nil
		}
	}
}

func parseTimelineQuery(q queryParams, zone *time.Location) (span factory.Span, limit int, err error) {
	if limit, err = q.integer(segmentLimitParameter); err != nil {
		return span, 0, err
	}
	if span.From, span.To, err = q.timeRange(zone); err != nil {
		return span, 0, err
	}
	if span.To == math.MaxInt64 {
		span.To = time.Now().UnixMilli()
	}
	if _, given := q["from"]; !given {
		span.From = span.To - defaultTimeline
	}
	switch {
	case span.From < factory.MinObservedAt:
		err = invalidParam("from", "is before 1971; give Unix milliseconds")
	case span.From > span.To:
		err = invalidParam("from", "is after to, which is now by default")
	}
	return span, limit, err
}

const cursorPrefix = "t"

// timelineCursor returns the part of span after the page whose cursor is given.
func timelineCursor(cursor string, span factory.Span) (factory.Span, error) {
	if cursor == "" {
		return span, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil && len(text) > 0 && string(text[:1]) == cursorPrefix {
		var from int64
		if from, err = strconv.ParseInt(string(text[1:]), 36, 64); err == nil && from > span.From && from < span.To {
			return factory.Span{From: from, To: span.To}, nil
		}
	}
	return span, invalidParam("cursor", "is not a cursor of this timeline")
}

// pageEnd returns the time up to which the entries of a timeline fit on a page. It is
// after the beginning of the timeline.
func pageEnd(t *timeline.Timeline, limit int) int64 {
	end := t.Range.To
	if len(t.Segments) > limit {
		end = t.Segments[limit].From
	}
	if most := countsPerSegment * limit; len(t.Productions) > most {
		end = min(end, t.Productions[most].From)
	}
	if most := countsPerSegment * limit; len(t.Notes) > most {
		end = min(end, t.Notes[most].At)
	}
	return min(t.Range.To, max(end, t.Range.From+1))
}

func timelineOf(t *timeline.Timeline) timelineJSON {
	r := timelineJSON{
		Segments: []segmentJSON{}, Counts: []timelineCountJSON{}, Products: []timelineProductJSON{}, Alarms: []timelineAlarmJSON{}, Notes: []timelineNoteJSON{},
	}
	for _, s := range t.Segments {
		r.Segments = append(r.Segments, segmentJSON{From: s.From, To: s.To, State: string(s.State), Reason: s.Reason, Source: string(s.Source)})
	}
	for _, p := range t.Productions {
		r.Counts = append(r.Counts, timelineCountJSON{TS: p.To, Good: jsonFloat(p.Good), Scrap: jsonFloat(p.Scrap), Rework: jsonFloat(p.Rework), Product: p.Product})
	}
	for _, p := range t.Products {
		r.Products = append(r.Products, timelineProductJSON{From: p.From, To: p.To, Product: p.Product})
	}
	for _, n := range t.Notes {
		r.Notes = append(r.Notes, timelineNoteJSON{TS: n.At, Text: n.Text, By: n.By})
	}
	return r
}

// getMoment responds with the state of one moment. The state is null if the machine did
// not exist, or if the moment is in the future.
func (a *API) getMoment(storeCtx context.Context, ctx *fasthttp.RequestCtx, r request, zone *time.Location) error {
	if err := r.query.forbid("cannot be combined with at", "from", "to", "limit", "cursor"); err != nil {
		return err
	}
	at, err := parseMoment(r.query["at"], zone)
	if err != nil {
		return err
	}
	moment := momentJSON{Machine: r.params[0], At: at}
	if now := time.Now().UnixMilli(); at == now || at == now+1 {
		at = now - 1 // the timeline ends before now
	}
	t, err := a.options.Timelines.Timeline(storeCtx, r.params[0], factory.Span{From: at, To: at + 1})
	if err != nil {
		return err
	}
	if len(t.Segments) > 0 {
		s := t.Segments[0]
		moment.State, moment.Reason, moment.Source = new(string(s.State)), s.Reason, string(s.Source)
	}
	if len(t.Products) > 0 {
		moment.Product = t.Products[0].Product
	}
	return writeEntry(ctx, fasthttp.StatusOK, moment)
}

func parseMoment(text string, zone *time.Location) (int64, error) {
	at, err := ingest.ParseTime(text, zone)
	switch {
	case err != nil:
		return 0, invalidParam("at", err.Error())
	case at < factory.MinObservedAt:
		return 0, invalidParam("at", "is before 1971; give Unix milliseconds")
	case at == math.MaxInt64:
		return 0, invalidParam("at", "is too late")
	}
	return at, nil
}
