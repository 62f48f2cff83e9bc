package redisadapter

import (
	"encoding/json"
	"strings"
)

// withoutSecrets returns a handshake without what the client proves itself with.
func redactHandshake(handshake json.RawMessage) json.RawMessage {
	nothing := json.RawMessage("{}")
	var all, headers map[string]json.RawMessage
	if json.Unmarshal(handshake, &all) != nil || json.Unmarshal(all["headers"], &headers) != nil {
		return nothing
	}
	for name := range headers {
		switch strings.ToLower(name) {
		case "authorization", "proxy-authorization", "cookie", "x-api-key":
			delete(headers, name)
		}
	}
	kept, err := json.Marshal(headers)
	if err != nil {
		return nothing
	}
	all["headers"], all["auth"] = kept, nothing
	if kept, err = json.Marshal(all); err != nil {
		return nothing
	}
	return kept
}
