package hub

import (
	"encoding/json"
	"errors"
	"strconv"
)

// message is what travels between hubs, as JSON: it can be read where it passes,
// and the data of a frame goes in as it is.
type message struct {
	// Origin names the hub that sent it, Count its messages of this room.
	Origin string          `json:"origin"`
	Count  uint64          `json:"count"`
	Event  string          `json:"event,omitempty"`
	Data   json.RawMessage `json:"data,omitempty"`
}

var errMessage = errors.New("hub: not a message of a hub")

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
	text, _ := json.Marshal(s) // strings can't fail
	return append(b, text...)
}

// decode reads what encode wrote. Its data is a copy.
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
