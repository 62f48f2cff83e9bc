package hub

import (
	"encoding/json"
	"errors"
	"strconv"
)

// message is what hubs publish to each other. It is JSON, so an operator can watch
// it with redis-cli, and the data of a frame is embedded without conversion.
type message struct {
	// Origin identifies the hub that sent it. Count numbers its messages of this
	// room, from 1.
	Origin string          `json:"origin"`
	Count  uint64          `json:"count"`
	Event  string          `json:"event,omitempty"`
	Data   json.RawMessage `json:"data,omitempty"`
}

var errMessage = errors.New("hub: invalid message")

const (
	maxMessage = 64 << 20
	maxOrigin  = 64
)

func (m message) encode() []byte {
	b := make([]byte, 0, len(m.Data)+len(m.Event)+80)
	b = append(b, `{"origin":`...)
	b = appendText(b, m.Origin)
	b = append(b, `,"count":`...)
	b = strconv.AppendUint(b, m.Count, 10)
	if m.Event != "" {
		b = append(b, `,"event":`...)
		b = appendText(b, m.Event)
	}
	if len(m.Data) > 0 {
		b = append(b, `,"data":`...)
		b = append(b, m.Data...)
	}
	return append(b, '}')
}

func appendText(b []byte, s string) []byte {
	text, _ := json.Marshal(s) // never fails for a string
	return append(b, text...)
}

// decode parses a message. The result does not alias text.
func decode(text []byte) (message, error) {
	var m message
	if len(text) > maxMessage {
		return m, errMessage
	}
	if err := json.Unmarshal(text, &m); err != nil || m.Origin == "" || len(m.Origin) > maxOrigin || m.Count == 0 {
		return message{}, errMessage
	}
	return m, nil
}
