package redisadapter

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"smart-factory-backend/app/socketio"

	"github.com/tinylib/msgp/msgp"
)

// messageType is the type of a request or response.
type messageType int

const (
	typeMissing              messageType = -1
	typeSockets              messageType = 0
	typeAllRooms             messageType = 1
	typeRemoteJoin           messageType = 2
	typeRemoteLeave          messageType = 3
	typeRemoteDisconnect     messageType = 4
	typeRemoteFetch          messageType = 5
	typeServerSideEmit       messageType = 6
	typeBroadcast            messageType = 7 // with acknowledgements; in MessagePack
	typeBroadcastClientCount messageType = 8 // response only
	typeBroadcastAck         messageType = 9 // response only, in MessagePack
)

const (
	// jsonStart is the first byte of a request or response in JSON.
	jsonStart          = '{'
	maxRequestIDLength = 64
)

// request is a message on a request channel. In JSON it has the members of its
// type only.
type request struct {
	UID       string          `json:"uid"`
	RequestID string          `json:"requestId,omitempty"`
	Type      messageType     `json:"type"`
	Opts      *target         `json:"opts,omitempty"`
	Rooms     roomList        `json:"rooms,omitzero"`
	Close     *bool           `json:"close,omitempty"`
	Data      json.RawMessage `json:"data,omitempty"` // an array: the event and its arguments

	// The old form, which selects one socket.
	SID  string `json:"sid,omitempty"`
	Room string `json:"room,omitempty"`

	attachments [][]byte // of Data; in JSON they are part of it

	// Of typeBroadcast only.
	packet socketio.Packet
	flags  socketio.Flags
}

// decodeRequest decodes a message of the request channel, in JSON or MessagePack.
func decodeRequest(b []byte) (request, error) {
	req := request{Type: typeMissing}
	if len(b) > 0 && b[0] == jsonStart {
		if err := json.Unmarshal(b, &req); err != nil {
			return req, fmt.Errorf("%w: %w", errMalformed, err)
		}
	} else if err := req.decodeMsgpack(b); err != nil {
		return req, err
	}
	return req, req.validate()
}

// validate checks the members that the type of the request requires.
func (req *request) validate() error {
	if len(req.RequestID) > maxRequestIDLength {
		return fmt.Errorf("%w: a requestId of %d bytes", errMalformed, len(req.RequestID))
	}
	var ok bool
	switch req.Type {
	case typeSockets, typeAllRooms:
		ok = req.RequestID != ""
	case typeRemoteFetch:
		ok = req.RequestID != "" && req.Opts != nil
	case typeRemoteJoin, typeRemoteLeave, typeRemoteDisconnect:
		ok = req.Opts != nil || req.SID != ""
	case typeServerSideEmit:
		args, err := socketio.NewArgs(req.Data, req.attachments)
		ok = err == nil && args.Len() > 0
	case typeBroadcast:
		ok = req.RequestID != "" && req.packet.Data != nil
	}
	if !ok {
		return fmt.Errorf("%w: incomplete request of type %d", errMalformed, req.Type)
	}
	return nil
}

// decodeMsgpack decodes a broadcast that wants acknowledgements.
func (req *request) decodeMsgpack(b []byte) error {
	r := reader{b: b}
	err := r.each(func(key string) (err error) {
		switch key {
		case "type":
			req.Type, err = r.messageType()
		case "uid":
			if r.next() != msgp.StrType {
				return r.skip() // the emitter may send none
			}
			req.UID, err = r.text()
		case "requestId":
			req.RequestID, err = r.text()
		case "packet":
			req.packet, err = r.packet()
		case "opts":
			req.Opts = &target{}
			*req.Opts, req.flags, err = r.options()
		default:
			err = r.skip()
		}
		return err
	})
	if err != nil {
		return err
	}
	if req.Type != typeBroadcast {
		return fmt.Errorf("%w: MessagePack request of type %d", errMalformed, req.Type)
	}
	if req.Opts == nil {
		req.Opts = &target{}
	}
	return r.end()
}

func (r *reader) messageType() (messageType, error) {
	n, ok, err := r.number()
	if err != nil {
		return typeMissing, err
	}
	if !ok || n < 0 || n > float64(typeBroadcastAck) || n != math.Trunc(n) {
		return typeMissing, fmt.Errorf("%w: invalid type", errMalformed)
	}
	return messageType(n), nil
}

// encodeBroadcastRequest returns a broadcast that wants acknowledgements as
// MessagePack.
func encodeBroadcastRequest(uid, requestID string, p *socketio.Packet, t target, f socketio.Flags) ([]byte, error) {
	b := msgp.AppendMapHeader(make([]byte, 0, 128+len(p.Data)), 5)
	b = msgp.AppendString(msgp.AppendString(b, "uid"), uid)
	b = msgp.AppendString(msgp.AppendString(b, "requestId"), requestID)
	b = appendInt(msgp.AppendString(b, "type"), int64(typeBroadcast))
	b, err := appendPacket(msgp.AppendString(b, "packet"), p)
	if err != nil {
		return nil, err
	}
	return appendOptions(msgp.AppendString(b, "opts"), t, f), nil
}

// roomList is a list of rooms in JSON. In JavaScript a room may also be a number.
type roomList []string

// MarshalJSON encodes nil as []: other servers iterate over the list.
func (l roomList) MarshalJSON() ([]byte, error) {
	if l == nil {
		return []byte("[]"), nil
	}
	return json.Marshal([]string(l))
}

// UnmarshalJSON accepts strings and numbers.
func (l *roomList) UnmarshalJSON(b []byte) error {
	var raw []json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	list := make(roomList, len(raw))
	for i, v := range raw {
		if len(v) > 0 && v[0] != '"' {
			if _, err := strconv.ParseFloat(string(v), 64); err != nil {
				return fmt.Errorf("%w: a room that is not a string", errMalformed)
			}
			list[i] = strings.TrimSpace(string(v))
			continue
		}
		if err := json.Unmarshal(v, &list[i]); err != nil {
			return err
		}
	}
	*l = list
	return nil
}
