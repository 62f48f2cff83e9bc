package api

import (
	"bufio"
	"bytes"
	"strings"

	"smart-factory-backend/app/factory"

	"github.com/valyala/fasthttp"
)

// historyEncoder writes the pages of a response one after another.
type historyEncoder interface {
	writeHeader() error
	writePage(page *historyPage) error
	// writeEnd is called after the last page. next is the cursor of what the limit
	// has left out, "" for nothing.
	writeEnd(next string) error
}

// streamHistory sends the points or buckets up to the limit of r, page by page. It
// takes over the reservation, which is for one page at a time.
func (a *API) streamHistory(ctx *fasthttp.RequestCtx, r *historyRequest, page historyPage, reserved *reservation) {
	ctx.Response.Header.SetContentType(r.format.contentType())
	if r.format != formatJSON {
		ctx.Response.Header.Set(fasthttp.HeaderContentDisposition, `attachment; filename="`+fileName(r.machine)+"."+string(r.format)+`"`)
	}
	a.options.Runtime.StreamBody(ctx, func(w *bufio.Writer) error {
		defer reserved.shrink(0)
		out := r.encoder(w)
		if err := out.writeHeader(); err != nil {
			return err
		}
		for {
			if err := out.writePage(&page); err != nil {
				return err
			}
			if r.limit -= page.read; page.next == "" || r.limit == 0 {
				return out.writeEnd(page.next)
			}
			var err error
			r.cursor = page.next
			if page, err = a.readHistoryPage(r); err != nil {
				return err
			}
		}
	})
}

// fileName returns a machine's id as the name of a file that every system takes.
func fileName(machine string) string {
	name := strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		}
		return '_'
	}, machine), ".")
	if name == "" {
		return "history"
	}
	return name
}

func (f format) contentType() string {
	switch f {
	case formatCSV:
		return "text/csv; charset=utf-8; header=present"
	case formatNDJSON:
		return "application/x-ndjson"
	}
	return "application/json"
}

func (r *historyRequest) encoder(w *bufio.Writer) historyEncoder {
	if r.format == formatJSON {
		return &historyObject{w: w, r: r}
	}
	return &historyWriter{w: w, r: r}
}

// historyWriter writes history as rows: of CSV (RFC 4180), or of NDJSON in the format
// of POST /api/v1/telemetry.
type historyWriter struct {
	w   *bufio.Writer
	r   *historyRequest
	row []byte
}

// writeHeader writes the header line of CSV.
func (o *historyWriter) writeHeader() error {
	if o.r.format != formatCSV {
		return nil
	}
	columns := []string{"ts", "machine", "metric"}
	if o.r.aggregates == nil {
		columns = append(columns, "value")
	}
	for _, g := range o.r.aggregates {
		columns = append(columns, g.name)
	}
	row := append(o.row[:0], strings.Join(columns, string(rune(o.r.separator)))...)
	_, err := o.w.Write(append(row, '\r', '\n'))
	return err
}

// writeEnd writes nothing: rows have no end, and no limit.
func (o *historyWriter) writeEnd(string) error { return nil }

func (o *historyWriter) writePage(page *historyPage) error {
	for _, s := range page.points {
		names := o.seriesColumns(s.Metric)
		for _, p := range s.Points {
			row := append(o.beginRow(p.ObservedAt), names...)
			if err := o.endRow(o.withDecimals(appendFloat(row, p.Value), len(row))); err != nil {
				return err
			}
		}
		for _, p := range s.Texts {
			row := append(o.beginRow(p.ObservedAt), names...)
			if o.r.format == formatCSV {
				row = appendCSV(row, p.Value)
			} else {
				row = appendString(row, p.Value)
			}
			if err := o.endRow(row); err != nil {
				return err
			}
		}
	}
	for _, s := range page.buckets {
		names := o.seriesColumns(s.Metric)
		for i := range s.Buckets {
			row := append(o.beginRow(s.Buckets[i].Start), names...)
			if err := o.endRow(o.appendAggregates(row, &s.Buckets[i], s.Kind)); err != nil {
				return err
			}
		}
	}
	return nil
}

// seriesColumns returns the part of each row between the time and the values.
func (o *historyWriter) seriesColumns(metric string) []byte {
	var names []byte
	switch {
	case o.r.format == formatCSV:
		names = appendCSV(append(names, o.r.separator), o.r.machine)
		names = appendCSV(append(names, o.r.separator), metric)
		if o.r.aggregates == nil {
			names = append(names, o.r.separator)
		}
	case o.r.aggregates == nil:
		names = appendString(append(names, `,"machine":`...), o.r.machine)
		names = appendString(append(names, `,"values":{`...), metric)
		names = append(names, ':')
	default:
		names = appendString(append(names, `,"machine":`...), o.r.machine)
		names = appendString(append(names, `,"metric":`...), metric)
	}
	return names
}

// beginRow returns the beginning of a row, up to the time.
func (o *historyWriter) beginRow(at int64) []byte {
	row := o.row[:0]
	if o.r.format == formatNDJSON {
		row = append(row, `{"ts":`...)
	}
	switch {
	case !o.r.isoTimes:
		return appendInt(row, at)
	case o.r.format == formatCSV:
		return appendTime(row, at, o.r.location)
	}
	return append(appendTime(append(row, '"'), at, o.r.location), '"')
}

// withDecimals writes the number that begins at an index of a row of CSV with the
// decimal sign of the request.
func (o *historyWriter) withDecimals(row []byte, begin int) []byte {
	if o.r.decimalComma {
		if i := bytes.IndexByte(row[begin:], '.'); i >= 0 {
			row[begin+i] = ','
		}
	}
	return row
}

func (o *historyWriter) appendAggregates(row []byte, b *factory.Bucket, kind factory.MetricKind) []byte {
	for i := range o.r.aggregates {
		g := &o.r.aggregates[i]
		if o.r.format == formatCSV {
			row = append(row, o.r.separator)
			row = o.withDecimals(g.append(row, b, kind, ""), len(row))
		} else {
			row = g.appendMember(append(row, ','), b, kind)
		}
	}
	return row
}

// endRow completes a row and writes it.
func (o *historyWriter) endRow(row []byte) error {
	switch {
	case o.r.format == formatCSV:
		row = append(row, '\r', '\n')
	case o.r.aggregates == nil:
		row = append(row, "}}\n"...)
	default:
		row = append(row, "}\n"...)
	}
	o.row = row
	_, err := o.w.Write(row)
	return err
}
