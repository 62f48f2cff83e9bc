package live

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"smart-factory-backend/app/live/hub"
)

// request is a message of a client on a plain WebSocket.
type request struct {
	Op string `json:"op"`
	// ID is repeated in the response, byte for byte.
	ID    json.RawMessage `json:"id"`
	Rooms []string        `json:"rooms"`
	// Data is the telemetry. Its members may also be those of the message itself.
	Data    json.RawMessage `json:"data"`
	Machine json.RawMessage `json:"machine"`
	TS      json.RawMessage `json:"ts"`
	Values  json.RawMessage `json:"values"`
}

// The operations.
const (
	opSubscribe   = "subscribe"
	opUnsubscribe = "unsubscribe"
	opTelemetry   = "telemetry"
	opPing        = "ping"
)

// maxIDBytes is the largest size of a request's id.
const maxIDBytes = 64

// parseRequest parses a message. The ID of the result is nil, or a JSON string or
// number, even if it returns a fault.
func parseRequest(text []byte) (request, *Fault) {
	var q request
	if err := json.Unmarshal(text, &q); err != nil {
		var id struct {
			ID json.RawMessage `json:"id"`
		}
		_ = json.Unmarshal(text, &id) // perhaps only another member has the wrong type
		return request{ID: validID(id.ID)}, &Fault{Kind: kindInvalid, Detail: `want a JSON object like {"op":"subscribe","id":1,"rooms":["all"]}`}
	}
	id := validID(q.ID)
	if id == nil && len(q.ID) > 0 && !bytes.Equal(q.ID, []byte("null")) {
		return request{}, &Fault{Kind: kindInvalid, Detail: "id must be a number or a string of at most " + strconv.Itoa(maxIDBytes) + " bytes"}
	}
	q.ID = id
	if q.Op != opPing { // which is frequent and has no members that could be misspelt
		if fault := checkRequestMembers(text); fault != nil {
			return request{ID: id}, fault
		}
	}
	if len(q.Data) > 0 && len(q.Machine)+len(q.TS)+len(q.Values) > 0 {
		return request{ID: id}, &Fault{Kind: kindInvalid, Detail: "want either data, or machine, ts and values"}
	}
	return q, nil
}

// checkRequestMembers returns a fault if a message has a member that a request does not
// have, or has one twice. Unlike encoding/json it does not take TS for ts: who sends
// that must not be told that the message is fine.
func checkRequestMembers(text []byte) *Fault {
	d := json.NewDecoder(bytes.NewReader(text))
	if _, err := d.Token(); err != nil {
		return &Fault{Kind: kindInvalid, Detail: "want a JSON object"}
	}
	const members = "op id rooms data machine ts values"
	var seen []string
	for d.More() {
		key, err := d.Token()
		name, ok := key.(string)
		if err != nil || !ok {
			return &Fault{Kind: kindInvalid, Detail: "want a JSON object"}
		}
		switch {
		case !slices.Contains(strings.Fields(members), name):
			return &Fault{Kind: kindInvalid, Detail: "unknown member " + strconv.Quote(name) + "; the members are " + strings.ReplaceAll(members, " ", ", ")}
		case slices.Contains(seen, name):
			return &Fault{Kind: kindInvalid, Detail: "member " + strconv.Quote(name) + " appears more than once"}
		}
		seen = append(seen, name)
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return &Fault{Kind: kindInvalid, Detail: "want a JSON object"}
		}
	}
	return nil
}

// checkMembers returns a fault if an object has a member that the struct at v, into
// which it can be decoded, does not have.
func checkMembers(object []byte, v any) *Fault {
	d := json.NewDecoder(bytes.NewReader(object))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return &Fault{Kind: kindInvalid, Detail: "unknown member" + strings.TrimPrefix(err.Error(), "json: unknown field")}
	}
	return nil
}

// validID returns id if it may be repeated in a response, otherwise nil.
func validID(id json.RawMessage) json.RawMessage {
	if len(id) == 0 || len(id) > maxIDBytes || id[0] != '"' && id[0] != '-' && (id[0] < '0' || id[0] > '9') {
		return nil
	}
	return id
}

// telemetry returns the telemetry of a request as JSON; nil without any.
func (q *request) telemetry() []byte {
	if len(q.Data) > 0 {
		return q.Data
	}
	if len(q.Machine) == 0 && len(q.Values) == 0 {
		return nil
	}
	body := []byte{'{'}
	for _, member := range []struct {
		name  string
		value json.RawMessage
	}{{"machine", q.Machine}, {"ts", q.TS}, {"values", q.Values}} {
		if len(member.value) == 0 {
			continue
		}
		if len(body) > 1 {
			body = append(body, ',')
		}
		body = appendString(body, member.name)
		body = append(append(body, ':'), member.value...)
	}
	return append(body, '}')
}

// appendResponse appends the start of a response, up to the member "ok". A nil id
// is omitted.
func appendResponse(dst []byte, id json.RawMessage, ok bool) []byte {
	dst = append(dst, '{')
	if len(id) > 0 {
		dst = append(append(append(dst, `"id":`...), id...), ',')
	}
	return strconv.AppendBool(append(dst, `"ok":`...), ok)
}

// errorResponse is the response to a request that failed.
func errorResponse(id json.RawMessage, f *Fault) []byte {
	text, _ := json.Marshal(f) // never fails: it has only strings
	return append(append(append(appendResponse(nil, id, false), `,"error":`...), text...), '}')
}

// appendFrame appends a frame in the form that plain WebSockets and Server-Sent
// Events share.
func appendFrame(dst []byte, f *hub.Frame) []byte {
	dst = append(dst, `{"event":`...)
	dst = appendString(dst, f.Event)
	dst = append(dst, `,"room":`...)
	dst = appendString(dst, f.Room)
	dst = append(dst, `,"seq":`...)
	dst = strconv.AppendUint(dst, f.Seq, 10)
	dst = append(dst, `,"data":`...)
	dst = append(dst, f.Data...)
	return append(dst, '}')
}
