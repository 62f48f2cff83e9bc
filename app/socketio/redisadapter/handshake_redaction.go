package redisadapter

import (
	"encoding/json"
	"strings"
)

// redactHandshake returns a handshake without the credentials of the client: the
// auth payload and the headers that carry keys, tokens and cookies. It returns an
// empty object for a handshake that it cannot parse.
func redactHandshake(handshake json.RawMessage) json.RawMessage {
	empty := json.RawMessage("{}")
	var fields, headers map[string]json.RawMessage
	if json.Unmarshal(handshake, &fields) != nil || json.Unmarshal(fields["headers"], &headers) != nil {
		return empty
	}
	for name := range headers {
		switch strings.ToLower(name) {
		case "authorization", "proxy-authorization", "cookie", "x-api-key":
			delete(headers, name)
		}
	}
	redacted, err := json.Marshal(headers)
	if err != nil {
		return empty
	}
	fields["headers"], fields["auth"] = redacted, empty
	if redacted, err = json.Marshal(fields); err != nil {
		return empty
	}
	return redacted
}
