package api

import (
	"context"
	"time"

	"smart-factory-backend/app/factory"

	"github.com/valyala/fasthttp"
)

const (
	// maxPage is the most entries of a list in one answer.
	maxPage = 1000
	// queryTime is how long the store may take for one page.
	queryTime = 15 * time.Second
)

// latest is GET /api/v1/latest.
func (a *API) latest(ctx *fasthttp.RequestCtx, _ call) error {
	q, err := queryOf(ctx, "machine", "metric", "limit", "cursor")
	if err != nil {
		return err
	}
	if len(ctx.QueryArgs().PeekMulti(paramMetrics)) > 1 {
		return badParameter(paramMetrics, "stands there twice")
	}
	limit, err := q.limit(maxPage)
	if err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(context.Background(), queryTime)
	defer cancel()
	page, err := a.options.Store.Latest(wait, factory.LatestQuery{
		Machine: q["machine"], Metric: q["metric"], Cursor: q["cursor"], Limit: limit,
	})
	if err != nil {
		return err
	}
	dst := append(ctx.Response.Body()[:0], `{"readings":[`...)
	for i, r := range page.Readings {
		if i > 0 {
			dst = append(dst, ',')
		}
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
	return sendPage(ctx, append(dst, ']'), page.NextCursor)
}

// sendPage ends a JSON object with its cursor, and sends it.
func sendPage(ctx *fasthttp.RequestCtx, dst []byte, cursor string) error {
	ctx.Response.Header.SetContentType("application/json")
	ctx.SetBody(appendCursor(dst, cursor))
	return nil
}

// appendCursor ends a JSON object with its cursor, null at the end.
func appendCursor(dst []byte, cursor string) []byte {
	dst = append(dst, `,"next_cursor":`...)
	if cursor == "" {
		return append(dst, `null}`...)
	}
	return append(appendString(dst, cursor), '}')
}
