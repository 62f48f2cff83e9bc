package api

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"smart-factory-backend/app/ingest"
	"smart-factory-backend/app/ingest/lineprotocol"

	"github.com/valyala/fasthttp"
)

// The part of InfluxDB's v2 API that Telegraf and other writers need. Telegraf drops a batch after
// any 4xx except 401, 403, 413 and 429, so every error that may pass is a 503.

// LineNaming says how line protocol names metrics.
type LineNaming = lineprotocol.Naming

// EarlierLineNaming says which metrics of line protocol keep an earlier name.
type EarlierLineNaming = lineprotocol.Earlier

// postInfluxWrite is POST /api/v2/write. A 204 means that every number in the body
// is committed; a 400 lists the rejected lines, and the others are committed.
func (a *API) postInfluxWrite(ctx *fasthttp.RequestCtx, req request) error {
	precision, ok := lineprotocol.ParsePrecision(string(ctx.QueryArgs().Peek("precision")))
	if !ok {
		return invalidParam("precision", "must be one of ns, us, ms, s")
	}
	return a.ingestLines(ctx, req, precision)
}

// ingestLines commits the lines of the request's body and responds with 204.
func (a *API) ingestLines(ctx *fasthttp.RequestCtx, req request, precision lineprotocol.Precision) error {
	lines, err := a.lineDecoder()
	if err != nil {
		return err
	}
	decode := func(b *ingest.Batch, body []byte) error { return lines.Decode(b, body, precision) }
	err = a.ingestBody(ctx, req, decode, checkAllAccepted)
	if err == nil {
		ctx.SetStatusCode(fasthttp.StatusNoContent)
	}
	return err
}

// lineDecoder returns the decoder of all requests.
func (a *API) lineDecoder() (*lineprotocol.Decoder, error) {
	if d := a.lines.Load(); d != nil {
		return d, nil
	}
	m := lineprotocol.Mapping{MachineTag: a.options.InfluxMachineTag, Naming: lineprotocol.Naming{Measurement: true, Tags: true}}
	if a.options.InfluxNaming != nil {
		ctx, cancel := context.WithTimeout(context.Background(), a.options.IngestTimeout)
		defer cancel()
		var err error
		if m.Naming, m.Earlier, err = a.options.InfluxNaming(ctx); err != nil {
			return nil, err
		}
	}
	a.lines.CompareAndSwap(nil, lineprotocol.NewDecoder(m))
	return a.lines.Load(), nil
}

// checkAllAccepted returns an error that lists the rejected points, if any. The
// others are stored.
func checkAllAccepted(accepted int, b *ingest.Batch) error {
	if b.Rejected == 0 {
		return nil
	}
	return rejectedError("partial write: "+strconv.Itoa(b.Rejected)+" rejected, "+strconv.Itoa(accepted)+" values stored", b)
}

// influxErrorBody is the body of an error response in InfluxDB's form.
type influxErrorBody struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	// Line is the first rejected line.
	Line int `json:"line,omitempty"`
}

// maxInfluxErrors is the most errors in a message, which Telegraf logs.
const maxInfluxErrors = 20

// writeInfluxError writes the response to an error in InfluxDB's form.
func writeInfluxError(ctx *fasthttp.RequestCtx, err error) {
	e, response := influxError(err)
	body, _ := json.Marshal(response) // strings and numbers only
	e.writeTo(ctx, "application/json; charset=utf-8", body)
}

// influxError returns what InfluxDB's clients are told of an error.
func influxError(err error) (e httpError, response influxErrorBody) {
	e = *toHTTPError(err)
	code := "internal error"
	switch e.status {
	case fasthttp.StatusTooManyRequests, fasthttp.StatusRequestTimeout, fasthttp.StatusServiceUnavailable:
		e.status, code = fasthttp.StatusServiceUnavailable, "unavailable"
		e.retryAfter = max(e.retryAfter, 1)
	case fasthttp.StatusUnauthorized:
		code = "unauthorized"
	case fasthttp.StatusForbidden:
		code = "forbidden"
	case fasthttp.StatusRequestEntityTooLarge:
		code = "request too large"
	case fasthttp.StatusBadRequest, fasthttp.StatusUnsupportedMediaType:
		e.status, code = fasthttp.StatusBadRequest, "invalid"
	}
	response = influxErrorBody{Code: code, Message: e.detail}
	if len(e.errors) > 0 {
		if number, ok := strings.CutPrefix(e.errors[0].Pointer, ingest.LinePrefix); ok {
			response.Line, _ = strconv.Atoi(number)
			response.Message += ": " + joinErrors(e.errors)
		}
	}
	return e, response
}

// joinErrors returns the first errors as one line of text.
func joinErrors(errs []fieldError) string {
	var list strings.Builder
	for i, e := range errs[:min(len(errs), maxInfluxErrors)] {
		if i > 0 {
			list.WriteString("; ")
		}
		list.WriteString(e.Pointer + ": " + e.Detail)
	}
	if len(errs) > maxInfluxErrors {
		list.WriteString("; …")
	}
	return list.String()
}
