package redisadapter

import (
	"encoding/json"
	"fmt"

	"github.com/tinylib/msgp/msgp"
)

// remoteSocket describes a socket to another server.
type remoteSocket struct {
	ID        string          `json:"id"`
	Handshake json.RawMessage `json:"handshake"`
	Rooms     roomList        `json:"rooms"`
	Data      json.RawMessage `json:"data"`
}

// response is a message on a response channel. Missing members are nil. A list is
// never null in JSON: a Node server that misses one waits for its timeout.
type response struct {
	Type        *messageType     `json:"type,omitempty"`
	RequestID   string           `json:"requestId"`
	Sockets     *json.RawMessage `json:"sockets,omitempty"`
	Rooms       *roomList        `json:"rooms,omitempty"`
	Data        *json.RawMessage `json:"data,omitempty"`
	ClientCount *int             `json:"clientCount,omitempty"`

	ack         []byte   // of typeBroadcastAck: the argument of the client's acknowledgement
	attachments [][]byte // of ack or Data
}

// maxClientCount bounds the number of clients that a server may report.
const maxClientCount = 1 << 31

// decodeResponse decodes a message of a response channel, in JSON or MessagePack.
func decodeResponse(b []byte) (response, error) {
	var resp response
	if len(b) > 0 && b[0] == jsonStart {
		if err := json.Unmarshal(b, &resp); err != nil {
			return resp, fmt.Errorf("%w: %w", errMalformed, err)
		}
	} else if err := resp.decodeMsgpack(b); err != nil {
		return resp, err
	}
	if resp.ClientCount != nil && (*resp.ClientCount < 0 || *resp.ClientCount > maxClientCount) {
		return resp, fmt.Errorf("%w: %d clients", errMalformed, *resp.ClientCount)
	}
	return resp, nil
}

// decodeMsgpack decodes the acknowledgement of a client.
func (resp *response) decodeMsgpack(b []byte) error {
	r := reader{b: b}
	err := r.each(func(key string) (err error) {
		switch key {
		case "type":
			resp.Type = new(messageType)
			*resp.Type, err = r.messageType()
		case "requestId":
			resp.RequestID, err = r.text()
		case "packet":
			var raw []byte
			if raw, err = r.raw(); err == nil {
				resp.ack, resp.attachments, err = toJSON(raw)
			}
		default:
			err = r.skip()
		}
		return err
	})
	if err != nil {
		return err
	}
	if resp.Type == nil || *resp.Type != typeBroadcastAck {
		return fmt.Errorf("%w: MessagePack response that is not an acknowledgement", errMalformed)
	}
	if resp.ack == nil {
		resp.ack = []byte("null") // the client acknowledged without an argument
	}
	return r.end()
}

// encodeAck returns the acknowledgement of a client as MessagePack.
func encodeAck(requestID string, ack []byte, attachments [][]byte) ([]byte, error) {
	b := msgp.AppendMapHeader(make([]byte, 0, 48+len(ack)), 3)
	b = appendInt(msgp.AppendString(b, "type"), int64(typeBroadcastAck))
	b = msgp.AppendString(msgp.AppendString(b, "requestId"), requestID)
	return appendJSON(msgp.AppendString(b, "packet"), ack, attachments)
}
