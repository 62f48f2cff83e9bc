package api

import (
	"context"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/ingest"

	"github.com/valyala/fasthttp"
)

const (
	// maxPageSize is the most entries in a page of a list.
	maxPageSize = 1000
	// queryTimeout is how long a query of the store may take.
	queryTimeout = 15 * time.Second
)

// getLatest is GET /api/v1/latest.
func (a *API) getLatest(ctx *fasthttp.RequestCtx, _ request) error {
	q, err := parseQuery(ctx, "machine", "metric", "limit", "cursor")
	if err != nil {
		return err
	}
	if len(ctx.QueryArgs().PeekMulti(paramMetric)) > 1 {
		return invalidParam(paramMetric, ingest.Repeated)
	}
	limit, err := q.limit(maxPageSize)
	if err != nil {
		return err
	}
	storeCtx, cancel := context.WithTimeout(context.Background(), queryTimeout)
	defer cancel()
	page, err := a.options.Store.Latest(storeCtx, factory.LatestQuery{
		Machine: q["machine"], Metric: q["metric"], Cursor: q["cursor"], Limit: limit,
	})
	if err != nil {
		return err
	}
	dst := append(ctx.Response.Body()[:0], `{"readings":[`...)
	for i, r := range page.Readings {
		dst = appendComma(dst, i)
		dst = append(dst, `{"machine":`...)
		dst = appendString(dst, r.Machine)
		dst = append(dst, `,"metric":`...)
		dst = appendString(dst, r.Metric)
		dst = append(dst, `,"unit":`...)
		dst = appendString(dst, r.Unit)
		dst = append(dst, `,"ts":`...)
		dst = appendInt(dst, r.ObservedAt)
		dst = append(dst, `,"value":`...)
		dst = appendFloat(dst, r.Value)
		dst = append(dst, '}')
	}
	return writePage(ctx, append(dst, ']'), page.NextCursor)
}

// writePage responds with a JSON object, which lacks the cursor so far.
func writePage(ctx *fasthttp.RequestCtx, dst []byte, cursor string) error {
	ctx.Response.Header.SetContentType("application/json")
	ctx.SetBody(appendCursor(dst, cursor))
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
