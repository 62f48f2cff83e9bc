package api

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/ingest"
	"smart-factory-backend/app/ingest/jsonpoints"

	"github.com/valyala/fasthttp"
)

// errAllRejected is the detail of a body whose points were all rejected.
const errAllRejected = "every point was rejected"

// newBatch returns an empty batch with the limit of a request.
func (a *API) newBatch() *ingest.Batch {
	return ingest.NewBatch(time.Now().UnixMilli(), a.options.MaxPoints)
}

// ingestResultJSON is the outcome of a write.
type ingestResultJSON struct {
	Accepted int `json:"accepted"`
	Rejected int `json:"rejected"`
	// Errors describes the first ingest.MaxErrors of the rejected points.
	Errors []fieldError `json:"errors"`
}

// postTelemetry is POST /api/v1/telemetry. A 200 means that the points it counts
// as accepted are committed. If every point was rejected, it is a 400 with the
// same list of errors.
func (a *API) postTelemetry(ctx *fasthttp.RequestCtx, req request) error {
	decode := jsonpoints.Decode
	if isNDJSON(ctx.Request.Header.ContentType()) {
		decode = jsonpoints.DecodeLines
	}
	return a.ingestBody(ctx, req, decode, func(accepted int, b *ingest.Batch) error {
		if accepted == 0 && b.Rejected > 0 {
			return rejectedError(errAllRejected, b)
		}
		return writeEntry(ctx, fasthttp.StatusOK, ingestResultJSON{Accepted: accepted, Rejected: b.Rejected, Errors: fieldErrors(b.Errors)})
	})
}

// ingestBody decodes the request's body and commits its readings. Then respond
// responds, or returns an error; it must not retain the batch.
func (a *API) ingestBody(ctx *fasthttp.RequestCtx, req request, decode func(*ingest.Batch, []byte) error, respond func(accepted int, b *ingest.Batch) error) error {
	body, err := a.readBody(ctx)
	defer body.release()
	if err != nil {
		return err
	}
	b := a.newBatch()
	defer b.Release()
	if err := decode(b, body.data); err != nil {
		return err
	}
	accepted, err := a.commit(factory.WithSender(context.Background(), req.principal.Name), b)
	if err != nil {
		return err
	}
	return respond(accepted, b)
}

// rejectedError lists the rejected points of a batch.
func rejectedError(detail string, b *ingest.Batch) error {
	return &httpError{status: fasthttp.StatusBadRequest, detail: detail, rejected: b.Rejected, errors: fieldErrors(b.Errors)}
}

// commit stores the readings of b and counts its points. It adds to b what the
// store rejected.
func (a *API) commit(ctx context.Context, b *ingest.Batch) (accepted int, err error) {
	if len(b.Readings) > 0 {
		ctx, cancel := context.WithTimeout(ctx, a.options.IngestTimeout)
		defer cancel()
		result, err := a.options.Store.Append(ctx, b.Readings)
		if err != nil {
			return 0, err
		}
		for _, r := range result.Rejected {
			b.RejectReading(r.Index, r.Err)
		}
		accepted = result.Accepted
	}
	a.points.accepted.Add(accepted)
	a.points.rejected.Add(b.Rejected)
	a.points.skipped.Add(b.Skipped)
	return accepted, nil
}

func isNDJSON(contentType []byte) bool {
	media, _, _ := bytes.Cut(contentType, []byte(";"))
	switch string(bytes.ToLower(bytes.TrimSpace(media))) {
	case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines":
		return true
	}
	return false
}

// IngestResult is the outcome of API.Ingest.
type IngestResult struct {
	Accepted, Rejected int
	// Errors is a JSON array of {pointer, detail} for the rejected points; nil if
	// there are none.
	Errors json.RawMessage
	// Err is set if nothing was stored; it wraps one of the domain's error kinds.
	Err error
	// Detail may be shown to the sender. It is empty where the kind of Err says
	// enough.
	Detail string
}

// Ingest does what POST /api/v1/telemetry does, for a body that arrived as a
// message on an open connection. It returns once the accepted readings are
// committed, and does not retain body.
func (a *API) Ingest(ctx context.Context, body []byte) IngestResult {
	b := a.newBatch()
	defer b.Release()
	if err := jsonpoints.Decode(b, body); err != nil {
		return IngestResult{Err: factory.ErrInvalid, Detail: err.Error()}
	}
	accepted, err := a.commit(ctx, b)
	if err != nil {
		return IngestResult{Err: err}
	}
	r := IngestResult{Accepted: accepted, Rejected: b.Rejected}
	if len(b.Errors) > 0 {
		r.Errors, _ = json.Marshal(fieldErrors(b.Errors)) // strings only
	}
	if accepted == 0 && b.Rejected > 0 {
		r.Err, r.Detail = factory.ErrInvalid, errAllRejected
	}
	return r
}
