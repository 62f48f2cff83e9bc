package api

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"smart-factory-backend/app/ingest/lineprotocol"

	"github.com/valyala/fasthttp"
)

// The InfluxDB v2 dialect, as far as a Telegraf needs it. What Telegraf makes
// of a status decides what this API may answer: it drops a batch for any 4xx
// but 401, 403, 413 and 429, so whatever may pass is a 503 here.

// postInfluxWrite is POST /api/v2/write. A 204 says that every number in the body
// is committed; a 400 that all are but those in the lines that it names.
func (a *API) postInfluxWrite(ctx *fasthttp.RequestCtx, _ request) error {
	args := ctx.QueryArgs()
	precision, ok := lineprotocol.ParsePrecision(string(args.Peek("precision")))
	if !ok {
		return invalidParam("precision", "is none of ns, us, ms, s")
	}
	body, err := a.readBody(ctx)
	defer body.release()
	if err != nil {
		return err
	}
	b := acquireBatch()
	defer b.release()
	err = b.decodeInflux(body.data, influxMapping{
		precision: precision, machineTag: a.options.InfluxMachineTag, withMeasurement: a.options.InfluxMeasurement,
	}, time.Now().UnixMilli(), a.options.MaxPoints)
	if err != nil {
		return err
	}
	accepted, err := a.store(b)
	if err != nil {
		return err
	}
	a.countPoints(accepted, b)
	if b.rejected > 0 {
		return partialWriteError(accepted, b)
	}
	ctx.SetStatusCode(fasthttp.StatusNoContent)
	return nil
}

// partialWriteError says what was refused of a body whose rest is stored.
func partialWriteError(accepted int, b *batch) error {
	detail := "partial write: " + strconv.Itoa(b.rejected) + " refused, " + strconv.Itoa(accepted) + " values stored"
	return &httpError{status: fasthttp.StatusBadRequest, detail: detail, rejected: b.rejected, errors: b.errs}
}

// influxErrorBody is the body of an error in this dialect.
type influxErrorBody struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	// Line is the first line that was refused.
	Line int `json:"line,omitempty"`
}

// maxInfluxErrors is how many errors a message lists: Telegraf logs it.
const maxInfluxErrors = 20

// influxLine is how the place of an error begins in this dialect.
const influxLine = "line "

// writeInfluxError writes the answer to an error in the dialect.
func writeInfluxError(ctx *fasthttp.RequestCtx, err error) {
	e := *toHTTPError(err)
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
	answer := influxErrorBody{Code: code, Message: e.detail}
	if len(e.errors) > 0 && strings.HasPrefix(e.errors[0].Pointer, influxLine) {
		answer.Line, _ = strconv.Atoi(e.errors[0].Pointer[len(influxLine):])
		answer.Message += ": " + listErrors(e.errors)
	}
	body, _ := json.Marshal(answer) // strings and numbers only
	e.writeTo(ctx, "application/json; charset=utf-8", body)
}

func listErrors(errs []fieldError) string {
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

// getInfluxPing is GET /ping.
func (a *API) getInfluxPing(ctx *fasthttp.RequestCtx) { ctx.SetStatusCode(fasthttp.StatusNoContent) }

// getInfluxHealth is GET /health, readiness in the dialect.
func (a *API) getInfluxHealth(ctx *fasthttp.RequestCtx) {
	ctx.Response.Header.SetContentTypeBytes(jsonType)
	if _, ok := a.options.Health.Ready(); !ok {
		ctx.SetStatusCode(fasthttp.StatusServiceUnavailable)
		ctx.SetBodyString(`{"name":"smart-factory-backend","message":"not ready for writes","status":"fail"}`)
		return
	}
	ctx.SetBodyString(`{"name":"smart-factory-backend","message":"ready for writes","status":"pass"}`)
}
