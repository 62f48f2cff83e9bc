package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"smart-factory-backend/app/factory"

	"github.com/valyala/fasthttp"
)

// maxErrors is how many errors an answer lists; it counts them all.
const maxErrors = 100

// postTelemetry is POST /api/v1/telemetry. A 200 says that what it counts as
// accepted is committed. If every point was refused, it is a 400 with the same
// errors.
func (a *API) postTelemetry(ctx *fasthttp.RequestCtx, _ request) error {
	body, err := a.readBody(ctx)
	defer body.release()
	if err != nil {
		return err
	}
	b := acquireBatch()
	defer b.release()
	now := time.Now()
	if err := b.decode(body.data, isNDJSON(ctx.Request.Header.ContentType()), now.UnixMilli(), a.options.MaxPoints); err != nil {
		return err
	}
	accepted, err := a.store(b)
	if err != nil {
		return err
	}
	a.countPoints(accepted, b)
	if accepted == 0 && b.rejected > 0 {
		return &httpError{
			status: fasthttp.StatusBadRequest, detail: "every point was refused",
			rejected: b.rejected, errors: b.errs,
		}
	}
	ctx.Response.Header.SetContentType("application/json")
	ctx.SetBody(appendIngestResult(ctx.Response.Body()[:0], accepted, b))
	return nil
}

// countPoints counts what became of a batch.
func (a *API) countPoints(accepted int, b *batch) {
	a.points.accepted.Add(accepted)
	a.points.rejected.Add(b.rejected)
	a.points.skipped.Add(b.skipped)
}

// store commits the batch and adds to it what the store refused.
func (a *API) store(b *batch) (accepted int, err error) { return a.commit(context.Background(), b) }

func (a *API) commit(ctx context.Context, b *batch) (accepted int, err error) {
	if len(b.readings) == 0 {
		return 0, nil
	}
	wait, cancel := context.WithTimeout(ctx, a.options.IngestTimeout)
	defer cancel()
	result, err := a.options.Store.Append(wait, b.readings)
	if err != nil {
		return 0, err
	}
	for _, r := range result.Rejected {
		b.reject(b.pointer(r.Index), detailOf(r.Err))
	}
	return result.Accepted, nil
}

func appendIngestResult(dst []byte, accepted int, b *batch) []byte {
	dst = append(dst, `{"accepted":`...)
	dst = appendInt(dst, int64(accepted))
	dst = append(dst, `,"rejected":`...)
	dst = appendInt(dst, int64(b.rejected))
	dst = append(dst, `,"errors":`...)
	if len(b.errs) == 0 {
		return append(dst, `[]}`...)
	}
	errs, _ := json.Marshal(b.errs) // strings only
	return append(append(dst, errs...), '}')
}

func isNDJSON(contentType []byte) bool {
	media, _, _ := bytes.Cut(contentType, []byte(";"))
	switch string(bytes.ToLower(bytes.TrimSpace(media))) {
	case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines":
		return true
	}
	return false
}

// IngestResult is what became of readings that did not come as a request.
type IngestResult struct {
	Accepted, Rejected int
	// Errors is a JSON array of what was refused; nil for nothing.
	Errors json.RawMessage
	// Err says that nothing was taken: one of the domain's kinds. Detail is
	// what the sender may be told of it, "" where its kind says enough.
	Err    error
	Detail string
}

// Ingest does with body what POST /api/v1/telemetry does, and returns once the
// accepted readings are committed. It keeps nothing of body.
func (a *API) Ingest(ctx context.Context, body []byte) IngestResult {
	b := acquireBatch()
	defer b.release()
	if err := b.decode(body, false, time.Now().UnixMilli(), a.options.MaxPoints); err != nil {
		o := IngestResult{Err: factory.ErrInvalid, Detail: err.Error()}
		if known, ok := errors.AsType[*bodyError](err); ok && known.pointer != "" {
			o.Rejected = 1
			o.Errors, _ = json.Marshal([]fieldError{{Pointer: known.pointer, Detail: known.detail}})
		}
		return o
	}
	accepted, err := a.commit(ctx, b)
	if err != nil {
		return IngestResult{Err: err}
	}
	a.countPoints(accepted, b)
	o := IngestResult{Accepted: accepted, Rejected: b.rejected}
	if len(b.errs) > 0 {
		o.Errors, _ = json.Marshal(b.errs) // strings only
	}
	if accepted == 0 && b.rejected > 0 {
		o.Err, o.Detail = factory.ErrInvalid, "every point was refused"
	}
	return o
}
