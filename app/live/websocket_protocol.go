package live

import (
	"bytes"
	"encoding/json"
	"strconv"

	"smart-factory-backend/app/live/hub"
)

// The forms of a frame.
const (
	formatWebSocket hub.Format = iota
	formatSocketIO
	formatSSE
)

// request is a message from a client of the plain WebSocket.
type request struct {
	Op string `json:"op"`
	// ID comes back with the answer, as it was sent.
	ID    json.RawMessage `json:"id"`
	Rooms []string        `json:"rooms"`
	// Data is the body of op telemetry. Its members may also stand in the
	// message itself.
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

// maxID bounds what comes back.
const maxIDBytes = 64

// parseRequest reads a message. The ID is nil, or a JSON string or number, even
// if there is a fault.
func parseRequest(text []byte) (request, *Fault) {
	var q request
	if err := json.Unmarshal(text, &q); err != nil {
		var id struct {
			ID json.RawMessage `json:"id"`
		}
		_ = json.Unmarshal(text, &id) // another member may have had the wrong type
		return request{ID: validID(id.ID)}, &Fault{Kind: kindInvalid, Detail: `want a JSON object like {"op":"subscribe","id":1,"rooms":["all"]}`}
	}
	id := validID(q.ID)
	if id == nil && len(q.ID) > 0 && !bytes.Equal(q.ID, []byte("null")) {
		return request{}, &Fault{Kind: kindInvalid, Detail: "id must be a number or a string of at most " + strconv.Itoa(maxIDBytes) + " bytes"}
	}
	q.ID = id
	return q, nil
}

// validID returns an id that can be sent back, else nil.
func validID(id json.RawMessage) json.RawMessage {
	if len(id) == 0 || len(id) > maxIDBytes || id[0] != '"' && id[0] != '-' && (id[0] < '0' || id[0] > '9') {
		return nil
	}
	return id
}

// body is the telemetry of a request, nil for none.
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

// appendAnswer begins an answer, up to the member "ok".
func appendResponse(dst []byte, id json.RawMessage, ok bool) []byte {
	dst = append(dst, '{')
	if len(id) > 0 {
		dst = append(append(append(dst, `"id":`...), id...), ',')
	}
	return strconv.AppendBool(append(dst, `"ok":`...), ok)
}

// answerFault is the answer to a request that failed.
func errorResponse(id json.RawMessage, f *Fault) []byte {
	text, _ := json.Marshal(f) // strings only
	return append(append(append(appendResponse(nil, id, false), `,"error":`...), text...), '}')
}

// appendEvent writes a frame as the plain WebSocket and Server-Sent Events have
// it.
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
