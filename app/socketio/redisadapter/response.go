package redisadapter

import (
	"encoding/json"
	"fmt"
)

// remoteSocket is a socket of another server, as it describes it.
type remoteSocket struct {
	ID        string          `json:"id"`
	Handshake json.RawMessage `json:"handshake"`
	Rooms     roomList        `json:"rooms"`
	Data      json.RawMessage `json:"data"`
}

// response is a message on a namespace's response channel. What is missing
// in it is nil.
type response struct {
	Type        *messageType     `json:"type"`
	RequestID   string           `json:"requestId"`
	Sockets     *json.RawMessage `json:"sockets"`
	Rooms       *roomList        `json:"rooms"`
	Data        *json.RawMessage `json:"data"`
	ClientCount *int             `json:"clientCount"`

	// of respBroadcastAck only: the client's answer as JSON, nil if there is none
	answer      []byte
	attachments [][]byte
}

// decodeResponse reads a message from a response channel, in JSON or MessagePack.
func decodeResponse(b []byte) (response, error) {
	var resp response
	if len(b) > 0 && b[0] == jsonStart {
		if err := json.Unmarshal(b, &resp); err != nil {
			return resp, fmt.Errorf("%w: %w", errMalformed, err)
		}
	} else if err := resp.fromMsgpack(b); err != nil {
		return resp, err
	}
	if resp.ClientCount != nil && (*resp.ClientCount < 0 || *resp.ClientCount > maxClientCountValue) {
		return resp, fmt.Errorf("%w: %d clients", errMalformed, *resp.ClientCount)
	}
	return resp, nil
}

// fromMsgpack reads a client's acknowledgement of a broadcast.
func (resp *response) fromMsgpack(b []byte) error {
	r := reader{b: b}
	err := r.each(func(key string) (err error) {
		switch key {
		case "type":
			var k messageType
			k, err = r.messageType()
			resp.Type = &k
		case "requestId":
			resp.RequestID, err = r.text()
		case "packet":
			var raw []byte
			if raw, err = r.raw(); err == nil {
				resp.answer, resp.attachments, err = toJSON(raw)
			}
		default:
			err = r.skip()
		}
		return err
	})
	if err != nil {
		return err
	}
	if len(r.b) > 0 || resp.Type == nil || *resp.Type != typeBroadcastAck {
		return fmt.Errorf("%w: MessagePack that is no acknowledgement", errMalformed)
	}
	if resp.answer == nil {
		resp.answer = []byte("null") // a client that acknowledged without an argument
	}
	return nil
}

// encodeAck returns a client's acknowledgement as MessagePack.
func encodeAck(requestID string, answer []byte, attachments [][]byte) ([]byte, error) {
	b := appendMapHeader(make([]byte, 0, 48+len(answer)), 3)
	b = appendInt(appendText(b, "type"), int64(typeBroadcastAck))
	b = appendText(appendText(b, "requestId"), requestID)
	return appendJSON(appendText(b, "packet"), answer, attachments)
}
