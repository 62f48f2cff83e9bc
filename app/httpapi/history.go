package httpapi

import (
	"bufio"
	"context"
	"strings"
	"time"

	"smart-factory-backend/app/factory"

	"github.com/valyala/fasthttp"
)

const (
	// maxHistory is the most raw points in one answer.
	maxHistory = 50_000
	// csvPage is how many points of a CSV are held at one moment.
	csvPage = 10_000
)

// history is GET /api/v1/machines/{id}/history.
func (a *API) history(ctx *fasthttp.RequestCtx, c call) error {
	machine := c.args[0]
	q, err := queryOf(ctx, "metric", "from", "to", "limit", "cursor", "format", "time_format")
	if err != nil {
		return err
	}
	hq := factory.HistoryQuery{Machine: machine, Cursor: q["cursor"]}
	if q["metric"] != "" {
		hq.Metrics = strings.Split(q["metric"], ",")
	}
	if hq.From, hq.To, err = q.moments(); err != nil {
		return err
	}
	format, err := formatOf(ctx, q)
	if err != nil {
		return err
	}
	if format == "csv" {
		return a.historyCSV(ctx, hq, q)
	}
	if _, given := q["time_format"]; given {
		return badParameter("time_format", "goes with format=csv")
	}
	if hq.Limit, err = q.limit(maxHistory); err != nil {
		return err
	}
	page, err := a.historyPage(hq)
	if err != nil {
		return err
	}
	dst := append(ctx.Response.Body()[:0], `{"machine":`...)
	dst = appendString(dst, machine)
	dst = append(dst, `,"series":[`...)
	for i, series := range page.Series {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendSeries(dst, series)
	}
	return sendPage(ctx, append(dst, ']'), page.NextCursor)
}

func (a *API) historyPage(hq factory.HistoryQuery) (factory.HistoryPage, error) {
	wait, cancel := context.WithTimeout(context.Background(), queryTime)
	defer cancel()
	return a.options.Store.History(wait, hq)
}

// formatOf is "json" or "csv", by parameter or else by the Accept header.
func formatOf(ctx *fasthttp.RequestCtx, q query) (string, error) {
	if _, given := q["format"]; !given && strings.Contains(string(ctx.Request.Header.Peek(fasthttp.HeaderAccept)), "text/csv") {
		return "csv", nil
	}
	return q.word("format", "json", "csv")
}

func appendSeries(dst []byte, s factory.Series) []byte {
	dst = append(dst, `{"metric":`...)
	dst = appendString(dst, s.Metric)
	dst = append(dst, `,"unit":`...)
	dst = appendString(dst, s.Unit)
	dst = append(dst, `,"points":[`...)
	for i, p := range s.Points {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '[')
		dst = appendInt(dst, p.ObservedAt)
		dst = append(dst, ',')
		dst = appendFloat(dst, p.Value)
		dst = append(dst, ']')
	}
	return append(dst, ']', '}')
}

// historyCSV streams the whole range (RFC 4180), page by page.
func (a *API) historyCSV(ctx *fasthttp.RequestCtx, hq factory.HistoryQuery, q query) error {
	for _, name := range []string{"limit", "cursor"} {
		if _, given := q[name]; given {
			return badParameter(name, "does not go with CSV, which is the whole range")
		}
	}
	times, err := q.word("time_format", "ms", "iso")
	if err != nil {
		return err
	}
	hq.Limit = csvPage
	page, err := a.historyPage(hq) // what is wrong with the request shows before the body begins
	if err != nil {
		return err
	}
	ctx.Response.Header.SetContentType("text/csv; charset=utf-8; header=present")
	a.options.Runtime.StreamBody(ctx, func(w *bufio.Writer) error {
		if _, err := w.WriteString("ts,machine,metric,value\r\n"); err != nil {
			return err
		}
		for {
			if err := writeRows(w, hq.Machine, page, times == "iso"); err != nil {
				return err
			}
			if page.NextCursor == "" {
				return nil
			}
			hq.Cursor = page.NextCursor
			if page, err = a.historyPage(hq); err != nil {
				return err
			}
		}
	})
	return nil
}

// writeRows writes one page of points.
func writeRows(w *bufio.Writer, machine string, page factory.HistoryPage, iso bool) error {
	var row []byte
	for _, s := range page.Series {
		names := appendCSV(append(appendCSV([]byte{','}, machine), ','), s.Metric)
		names = append(names, ',')
		for _, p := range s.Points {
			row = row[:0]
			if iso {
				row = time.UnixMilli(p.ObservedAt).UTC().AppendFormat(row, "2006-01-02T15:04:05.000Z")
			} else {
				row = appendInt(row, p.ObservedAt)
			}
			row = append(row, names...)
			row = append(appendFloat(row, p.Value), '\r', '\n')
			if _, err := w.Write(row); err != nil {
				return err
			}
		}
	}
	return nil
}
