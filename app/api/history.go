package api

import (
	"context"
	"time"

	"smart-factory-backend/app/factory"

	"github.com/valyala/fasthttp"
)

const (
	// maxHistoryPoints is the most points or buckets in one answer.
	maxHistoryPoints = 50_000
	// streamPageSize is how many of a stream are held at one moment.
	streamPageSize = 10_000
)

// historyPage is a page of history in one of its forms: points or buckets.
type historyPage struct {
	points  []factory.Series
	buckets []factory.BucketSeries
	next    string
}

// getHistory is GET /api/v1/machines/{id}/history.
func (a *API) getHistory(ctx *fasthttp.RequestCtx, c request) error {
	r, err := parseHistoryRequest(ctx, c.params[0])
	if err != nil {
		return err
	}
	if r.points > 0 {
		if err := a.checkDownsampleSize(r); err != nil {
			return err
		}
	}
	held, err := a.historyBudget.reserve(r.memoryBytes())
	if err != nil {
		return err
	}
	sent := false
	defer func() {
		if !sent {
			held.shrink(0)
		}
	}()
	page, err := a.readHistoryPage(r) // what is wrong with the request shows before the body begins
	if err != nil {
		return err
	}
	if r.format != formatJSON {
		a.streamHistory(ctx, r, page, held)
	} else {
		held.writeJSON(ctx, appendCursor(r.appendPage(make([]byte, 0, page.estimateJSONSize()), page), page.next))
	}
	sent = true
	return nil
}

// estimateJSONSize is about what a page takes as JSON, so that it need not be copied
// while it is written.
func (p *historyPage) estimateJSONSize() int {
	n := 1 << 10
	for _, s := range p.points {
		n += 128 + len(s.Points)*40
	}
	for _, s := range p.buckets {
		n += 128 + len(s.Buckets)*128
	}
	return n
}

// readHistoryPage asks the store for the page that r is at.
func (a *API) readHistoryPage(r *historyRequest) (page historyPage, err error) {
	wait, cancel := context.WithTimeout(context.Background(), queryTimeout)
	defer cancel()
	store := a.options.Store
	switch {
	case r.points > 0:
		page.points, err = store.Downsample(wait, factory.DownsampleQuery{
			Machine: r.machine, Metrics: r.metrics, From: r.from, To: r.to, Points: r.points,
		})
	case r.aggregates != nil:
		var buckets factory.BucketPage
		buckets, err = store.Buckets(wait, factory.BucketQuery{
			Machine: r.machine, Metrics: r.metrics, From: r.from, To: r.to,
			Interval: r.interval, Location: r.location, Cursor: r.cursor, Limit: r.limit,
		})
		page.buckets, page.next = buckets.Series, buckets.NextCursor
	default:
		var raw factory.HistoryPage
		raw, err = store.History(wait, factory.HistoryQuery{
			Machine: r.machine, Metrics: r.metrics, From: r.from, To: r.to, Cursor: r.cursor, Limit: r.limit,
		})
		page.points, page.next = raw.Series, raw.NextCursor
	}
	return page, err
}

// checkDownsampleSize sees to it that a picture of all metrics that are asked for
// fits into one answer.
func (a *API) checkDownsampleSize(r *historyRequest) error {
	metrics := len(r.metrics)
	if metrics == 0 {
		wait, cancel := context.WithTimeout(context.Background(), queryTimeout)
		defer cancel()
		all, err := a.options.Store.Metrics(wait, r.machine)
		if err != nil && !isNotFound(err) { // the history of a deleted machine is still there
			return err
		}
		metrics = len(all)
	}
	if metrics*r.points > maxHistoryPoints {
		return invalidParam("points", "of that many metrics comes to more than 50000 points; ask for fewer points, or for some of the metrics")
	}
	return nil
}

// appendPage writes the answer but for its end; see sendPage.
func (r *historyRequest) appendPage(dst []byte, page historyPage) []byte {
	dst = append(dst, `{"machine":`...)
	dst = appendString(dst, r.machine)
	dst = append(dst, `,"series":[`...)
	for i, s := range page.points {
		dst = appendSeriesHead(dst, i, s.Metric, s.Unit)
		for j, p := range s.Points {
			dst = appendComma(dst, j)
			dst = append(dst, '[')
			dst = appendInt(dst, p.ObservedAt)
			dst = append(dst, ',')
			dst = append(appendFloat(dst, p.Value), ']')
		}
		dst = append(dst, ']', '}')
	}
	for i, s := range page.buckets {
		dst = appendSeriesHead(dst, i, s.Metric, s.Unit)
		for j := range s.Buckets {
			dst = appendComma(dst, j)
			dst = append(dst, '[')
			dst = appendInt(dst, s.Buckets[j].Start)
			dst = append(dst, ',', '{')
			for k, g := range r.aggregates {
				dst = appendComma(dst, k)
				dst = append(dst, g.key...)
				dst = g.append(dst, &s.Buckets[j], s.Kind, jsonNull)
			}
			dst = append(dst, '}', ']')
		}
		dst = append(dst, ']', '}')
	}
	return append(dst, ']')
}

func appendSeriesHead(dst []byte, i int, metric, unit string) []byte {
	dst = appendComma(dst, i)
	dst = append(dst, `{"metric":`...)
	dst = appendString(dst, metric)
	dst = append(dst, `,"unit":`...)
	dst = appendString(dst, unit)
	return append(dst, `,"points":[`...)
}

// appendTime writes a time as text, with the zone's offset. Before zones were
// introduced offsets had seconds, which the form has no room for (RFC 3339,
// section 4.2); such a time is shown in UTC.
func appendTime(dst []byte, at int64, loc *time.Location) []byte {
	t := time.UnixMilli(at).In(loc)
	if _, offset := t.Zone(); offset%60 != 0 {
		t = t.UTC()
	}
	return t.AppendFormat(dst, "2006-01-02T15:04:05.000Z07:00")
}
