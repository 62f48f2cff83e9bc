package api

import (
	"context"
	"time"

	"smart-factory-backend/app/factory"

	"github.com/valyala/fasthttp"
)

// queryTimeout is how long a query of the store may take.
const queryTimeout = 15 * time.Second

var (
	pageSizeParameter = limitParameter("entries", 1000)
	latestQuery       = []Parameter{
		{Name: "machine", Description: "Only the readings of this machine."},
		{Name: "metric", Description: "Only the readings of this metric."},
		pageSizeParameter, cursorParameter,
	}
)

// readingJSON is a reading in a response.
type readingJSON struct {
	Machine string `json:"machine"`
	Metric  string `json:"metric"`
	Unit    string `json:"unit"`
	TS      int64  `json:"ts"`
	// Value or Text is set.
	Value *jsonFloat `json:"value,omitempty"`
	Text  *string    `json:"text,omitempty"`
}

// getLatest is GET /api/v1/latest.
func (a *API) getLatest(ctx *fasthttp.RequestCtx, r request) error {
	limit, err := r.query.integer(pageSizeParameter)
	if err != nil {
		return err
	}
	storeCtx, cancel := context.WithTimeout(context.Background(), queryTimeout)
	defer cancel()
	page, err := a.options.Store.Latest(storeCtx, factory.LatestQuery{
		Machine: r.query["machine"], Metric: r.query["metric"], Cursor: r.query["cursor"], Limit: limit,
	})
	if err != nil {
		return err
	}
	list := make([]readingJSON, len(page.Readings))
	for i, r := range page.Readings {
		list[i] = readingJSON{Machine: r.Machine, Metric: r.Metric, Unit: r.Unit, TS: r.ObservedAt, Text: r.Text}
		if r.Text == nil {
			list[i].Value = new(jsonFloat(r.Value))
		}
	}
	return writeList(ctx, "readings", list, page.NextCursor)
}

// writeList responds with a page of a list, which is a member of the given name.
func writeList(ctx *fasthttp.RequestCtx, name string, list any, cursor string) error {
	entries, err := encodeJSON(list)
	if err != nil {
		return err
	}
	dst := append(ctx.Response.Body()[:0], `{"`+name+`":`...)
	ctx.Response.Header.SetContentTypeBytes(jsonType)
	ctx.SetBody(appendCursor(append(dst, entries...), cursor))
	return nil
}

// appendCursor appends the member next_cursor and the end of a JSON object. The
// cursor of the last page is null.
func appendCursor(dst []byte, cursor string) []byte {
	dst = append(dst, `,"next_cursor":`...)
	if cursor == "" {
		return append(dst, `null}`...)
	}
	return append(appendString(dst, cursor), '}')
}
