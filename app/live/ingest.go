package live

import (
	"context"
	"encoding/json"
	"strconv"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/factory"
)

// IngestResult is the outcome of telemetry that a session has sent.
type IngestResult struct {
	Accepted, Rejected int
	// Errors is a JSON array that describes the rejected points; nil if there are
	// none.
	Errors json.RawMessage
	// Err is set if nothing was stored.
	Err error
	// Detail replaces the text that the client gets for the kind of Err, unless it
	// is empty.
	Detail string
}

// ingest commits telemetry. A fault means that Options.Ingest was not called.
func (c *session) ingest(body []byte) (IngestResult, *Fault) {
	if fault := c.authorize(access.Ingest); fault != nil {
		return IngestResult{}, fault
	}
	if c.srv.options.Ingest == nil {
		return IngestResult{}, &Fault{Kind: kindForbidden, Detail: "this server does not accept telemetry"}
	}
	return c.srv.options.Ingest(factory.WithSender(context.Background(), c.principal.Name), body), nil
}

// appendResponse appends the response to the client as a JSON object. id is that
// of the request; nil is none.
func (r IngestResult) appendResponse(dst []byte, id json.RawMessage) []byte {
	dst = appendResponse(dst, id, r.Err == nil)
	if r.Err != nil {
		fault := faultOf(r.Err)
		if r.Detail != "" {
			fault.Detail = r.Detail
		}
		text, _ := json.Marshal(fault) // never fails: it has only strings
		dst = append(append(dst, `,"error":`...), text...)
		if r.Rejected == 0 {
			return append(dst, '}')
		}
	}
	dst = append(dst, `,"accepted":`...)
	dst = strconv.AppendInt(dst, int64(r.Accepted), 10)
	dst = append(dst, `,"rejected":`...)
	dst = strconv.AppendInt(dst, int64(r.Rejected), 10)
	dst = append(dst, `,"errors":`...)
	if len(r.Errors) == 0 {
		return append(dst, "[]}"...)
	}
	return append(append(dst, r.Errors...), '}')
}
