package factory

import (
	"encoding/json"
	"slices"
	"strconv"
)

// AuditEvent returns the event that records the change of a document: its content
// before and after it. A nil content stands for a document that does not exist.
func AuditEvent(kind DocumentKind, id string, before, after []byte, by string, at int64) Event {
	orNull := func(content []byte) []byte {
		if content == nil {
			return []byte("null")
		}
		return content
	}
	name, _ := json.Marshal(id) // a text
	data := slices.Concat([]byte(`{"kind":`+strconv.Quote(string(kind))+`,"id":`), name,
		[]byte(`,"from":`), orNull(before), []byte(`,"to":`), orNull(after), []byte{'}'})
	return Event{Kind: EventAudit, Subject: string(kind) + "/" + id, ObservedAt: at, By: by, Data: data}
}
