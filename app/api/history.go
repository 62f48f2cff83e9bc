package api

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"smart-factory-backend/app/factory"

	"github.com/valyala/fasthttp"
)

const (
	// maxHistoryPoints is the most points or buckets in a JSON response.
	maxHistoryPoints = 50_000
	// streamPageSize is how many points or buckets of a response are in memory at a
	// time.
	streamPageSize = 5_000
)

// historyPage is a page of history; it has either points or buckets.
type historyPage struct {
	points  []factory.Series
	buckets []factory.BucketSeries
	read    int // how many of them the store has found; some may be left out
	next    string
}

// getHistory is GET /api/v1/machines/{id}/history.
func (a *API) getHistory(ctx *fasthttp.RequestCtx, req request) error {
	r, err := parseHistoryRequest(ctx, req.params[0], req.query)
	if err != nil {
		return err
	}
	if r.points > 0 {
		if err := a.checkDownsampleSize(r); err != nil {
			return err
		}
	}
	reserved, err := a.historyBudget.reserve(r.memoryBytes(), a.clientAddr(ctx), req.principal.Name)
	if err != nil {
		return err
	}
	sent := false
	defer func() {
		if !sent {
			reserved.shrink(0)
		}
	}()
	page, err := a.readHistoryPage(r) // before the response begins, so that an error has its status
	if err != nil {
		return err
	}
	last := page.next == "" || page.read == r.limit
	if size := page.jsonSize(); r.format == formatJSON && last && int64(size) <= max(smallResponse, r.memoryBytes()) {
		reserved.writeJSON(ctx, r.appendJSON(&page, size))
	} else {
		a.streamHistory(ctx, r, page, reserved)
	}
	sent = true
	return nil
}

// jsonSize returns about how many bytes the page has as JSON.
func (p *historyPage) jsonSize() int {
	n := 1 << 10
	for _, s := range p.points {
		n += 128 + (len(s.Points)+len(s.Texts))*40
		for _, t := range s.Texts {
			n += len(t.Value)
		}
	}
	for _, s := range p.buckets {
		n += 128 + len(s.Buckets)*128
	}
	return n
}

// readHistoryPage reads the page at the cursor of r from the store.
func (a *API) readHistoryPage(r *historyRequest) (page historyPage, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), queryTimeout)
	defer cancel()
	store := a.options.Store
	switch {
	case r.points > 0:
		page.points, err = store.Downsample(ctx, factory.DownsampleQuery{
			Machine: r.machine, Metrics: r.metrics, From: r.from, To: r.to, Points: r.points,
		})
	case r.aggregates != nil:
		var buckets factory.BucketPage
		buckets, err = store.Buckets(ctx, factory.BucketQuery{
			Machine: r.machine, Metrics: r.metrics, From: r.from, To: r.to,
			Interval: r.interval, Location: r.location, Cursor: r.cursor, Limit: min(r.limit, r.pageSize),
		})
		for _, s := range buckets.Series {
			page.read += len(s.Buckets)
		}
		page.buckets, page.next = buckets.Series, buckets.NextCursor
	default:
		var raw factory.HistoryPage
		raw, err = store.History(ctx, factory.HistoryQuery{
			Machine: r.machine, Metrics: r.metrics, From: r.from, To: r.to, Cursor: r.cursor,
			Limit: min(r.limit, r.pageSize),
		})
		for _, s := range raw.Series {
			page.read += len(s.Points) + len(s.Texts)
		}
		page.points, page.next = changesOnly(raw.Series), raw.NextCursor
	}
	// A text has no minimum and no average.
	page.buckets = slices.DeleteFunc(page.buckets, func(s factory.BucketSeries) bool { return s.Kind == factory.Text })
	return page, err
}

// changesOnly leaves out texts that are like the one before, and then series without
// points. A series with numbers and texts becomes several, which follow each other in
// order of time.
func changesOnly(series []factory.Series) []factory.Series {
	list := make([]factory.Series, 0, len(series))
	for _, s := range series {
		texts := slices.DeleteFunc(s.Texts, func(p factory.TextPoint) bool { return p.Repeated })
		points := s.Points
		for len(points) > 0 || len(texts) > 0 {
			part := factory.Series{Metric: s.Metric, Unit: s.Unit, Points: points}
			if len(texts) > 0 {
				n, _ := slices.BinarySearchFunc(points, texts[0].ObservedAt, func(p factory.Point, at int64) int { return cmp.Compare(p.ObservedAt, at) })
				part.Points = points[:n]
			}
			points = points[len(part.Points):]
			n := len(texts)
			if len(points) > 0 {
				n, _ = slices.BinarySearchFunc(texts, points[0].ObservedAt+1, func(p factory.TextPoint, at int64) int { return cmp.Compare(p.ObservedAt, at) })
			}
			part.Texts, texts = texts[:n], texts[n:]
			list = append(list, part)
		}
	}
	return list
}

// checkDownsampleSize returns an error if the points of all selected metrics do not
// fit into one response.
func (a *API) checkDownsampleSize(r *historyRequest) error {
	metrics := len(r.metrics)
	if metrics == 0 {
		ctx, cancel := context.WithTimeout(context.Background(), queryTimeout)
		defer cancel()
		all, err := a.options.Store.Metrics(ctx, r.machine)
		if err != nil && !isNotFound(err) { // a deleted machine has no metrics, but history
			return err
		}
		metrics = len(all)
	}
	if metrics*r.points > maxHistoryPoints {
		return invalidParam("points", fmt.Sprintf("times the number of metrics is more than %d; request fewer points or fewer metrics", maxHistoryPoints))
	}
	return nil
}

// appendTime appends a time in RFC 3339 format, with the offset of loc. Offsets
// before standard time may have seconds, which the format cannot express (section
// 4.2); such a time is in UTC.
func appendTime(dst []byte, at int64, loc *time.Location) []byte {
	t := time.UnixMilli(at).In(loc)
	if _, offset := t.Zone(); offset%60 != 0 {
		t = t.UTC()
	}
	return t.AppendFormat(dst, "2006-01-02T15:04:05.000Z07:00")
}
