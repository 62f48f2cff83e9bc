package live

import (
	"encoding/json"
	"strconv"
)

// Receipt is what became of readings that a session has sent.
type IngestResult struct {
	Accepted, Rejected int
	// Errors is a JSON array of what was refused, with pointers; nil is none.
	Errors json.RawMessage
	// Err says that nothing was taken; it is nil where Accepted is right.
	Err error
	// Detail is what the client is told of Err, where there is more to say
	// than its kind does.
	Detail string
}

// appendTo writes the members of the answer's JSON object that follow "ok".
func (r IngestResult) appendMembers(dst []byte) []byte {
	if fault := r.fault(); fault != nil {
		text, _ := json.Marshal(fault) // strings only
		dst = append(append(dst, `,"error":`...), text...)
		if r.Rejected == 0 {
			return dst
		}
	}
	dst = append(dst, `,"accepted":`...)
	dst = strconv.AppendInt(dst, int64(r.Accepted), 10)
	dst = append(dst, `,"rejected":`...)
	dst = strconv.AppendInt(dst, int64(r.Rejected), 10)
	dst = append(dst, `,"errors":`...)
	if len(r.Errors) == 0 {
		return append(dst, "[]"...)
	}
	return append(dst, r.Errors...)
}

// fault is what the client is told where nothing was taken; nil otherwise.
func (r IngestResult) fault() *Fault {
	if r.Err == nil {
		return nil
	}
	f := faultOf(r.Err)
	if r.Detail != "" {
		f.Detail = r.Detail
	}
	return f
}
