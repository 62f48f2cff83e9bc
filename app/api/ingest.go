package api

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"smart-factory-backend/app/factory"
)

// Outcome is what became of readings that did not come as a request.
type Outcome struct {
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
func (a *API) Ingest(ctx context.Context, body []byte) Outcome {
	b := acquireBatch()
	defer b.release()
	if err := b.decode(body, false, time.Now().UnixMilli(), a.options.MaxPoints); err != nil {
		o := Outcome{Err: factory.ErrInvalid, Detail: err.Error()}
		if known, ok := errors.AsType[*bodyError](err); ok && known.pointer != "" {
			o.Rejected = 1
			o.Errors, _ = json.Marshal([]fieldError{{Pointer: known.pointer, Detail: known.detail}})
		}
		return o
	}
	accepted, err := a.commit(ctx, b)
	if err != nil {
		return Outcome{Err: err}
	}
	a.count(accepted, b)
	o := Outcome{Accepted: accepted, Rejected: b.rejected}
	if len(b.errs) > 0 {
		o.Errors, _ = json.Marshal(b.errs) // strings only
	}
	if accepted == 0 && b.rejected > 0 {
		o.Err, o.Detail = factory.ErrInvalid, "every point was refused"
	}
	return o
}
