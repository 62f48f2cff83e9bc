package redisadapter

import (
	"encoding/json"
	"fmt"

	"smart-factory-backend/app/socketio"

	"github.com/tinylib/msgp/msgp"
)

// shardedType is the type of a message of the sharded adapter (MessageType of the
// npm package socket.io-adapter). Heartbeats belong to other adapters.
type shardedType int

const (
	shardedBroadcast              shardedType = 3
	shardedSocketsJoin            shardedType = 4
	shardedSocketsLeave           shardedType = 5
	shardedDisconnectSockets      shardedType = 6
	shardedFetchSockets           shardedType = 7
	shardedFetchSocketsResponse   shardedType = 8
	shardedServerSideEmit         shardedType = 9
	shardedServerSideEmitResponse shardedType = 10
	shardedBroadcastClientCount   shardedType = 11
	shardedBroadcastAck           shardedType = 12
)

// shardedEnvelope is a message as it is encoded: in JSON, or in MessagePack if it
// has binaries.
type shardedEnvelope struct {
	Type shardedType  `json:"type"`
	Data *shardedData `json:"data"`
	UID  string       `json:"uid"`
	NSP  string       `json:"nsp"`
}

type shardedData struct {
	Packet      any              `json:"packet,omitempty"`
	RequestID   string           `json:"requestId,omitempty"`
	Opts        *shardedOptions  `json:"opts,omitempty"`
	Rooms       roomList         `json:"rooms,omitzero"`
	Close       *bool            `json:"close,omitempty"`
	Sockets     *json.RawMessage `json:"sockets,omitempty"`
	ClientCount *int             `json:"clientCount,omitempty"`
}

type shardedPacket struct {
	Type int             `json:"type"`
	Data json.RawMessage `json:"data"`
	NSP  string          `json:"nsp"`
}

type shardedOptions struct {
	target

	Flags shardedFlags `json:"flags"`
}

type shardedFlags struct {
	Volatile bool  `json:"volatile,omitempty"`
	Compress *bool `json:"compress,omitempty"`
	Timeout  int64 `json:"timeout,omitempty"` // milliseconds
}

func shardedPacketOf(p *socketio.Packet) shardedPacket {
	return shardedPacket{Type: packetEvent, Data: p.Data, NSP: p.Namespace}
}

func shardedOptionsOf(t target, f socketio.Flags) *shardedOptions {
	o := &shardedOptions{target: t, Flags: shardedFlags{Volatile: f.Volatile, Timeout: f.Timeout.Milliseconds()}}
	if f.NoCompress {
		o.Flags.Compress = new(bool)
	}
	return o
}

// encode returns a message. Placeholders in d refer to attachments.
func (s *sharded) encode(kind shardedType, d *shardedData, attachments [][]byte) ([]byte, error) {
	text, err := json.Marshal(shardedEnvelope{Type: kind, Data: d, UID: s.a.uid, NSP: s.a.nsp})
	if err != nil || len(attachments) == 0 {
		return text, err
	}
	return appendJSON(make([]byte, 0, len(text)), text, attachments)
}

// shardedMessage is a decoded message: one of broadcast, request and response, or
// none if the type is unknown.
type shardedMessage struct {
	uid, nsp  string
	broadcast *broadcast
	request   *request
	response  *response
}

// decodeSharded decodes a message in JSON or MessagePack. JSON is converted, so
// that one decoder has all limits.
func decodeSharded(b []byte) (m shardedMessage, err error) {
	if len(b) > 0 && b[0] == jsonStart {
		if b, err = appendJSON(make([]byte, 0, len(b)), b, nil); err != nil {
			return m, fmt.Errorf("%w: %w", errMalformed, err)
		}
	}
	var kind float64
	var data []byte
	r := reader{b: b}
	err = r.each(func(key string) (err error) {
		switch key {
		case "uid":
			m.uid, err = r.text()
		case "nsp":
			m.nsp, err = r.text()
		case "type":
			kind, _, err = r.number()
		case "data":
			data, err = r.raw()
		default:
			err = r.skip()
		}
		return err
	})
	if err == nil {
		err = r.end()
	}
	if err != nil || kind != float64(shardedType(kind)) {
		return m, err
	}
	if len(m.uid) > maxRequestIDLength {
		return m, fmt.Errorf("%w: a uid of %d bytes", errMalformed, len(m.uid))
	}
	return m, m.decodeData(shardedType(kind), data)
}

// shardedFields are the members of data, of any type of message.
type shardedFields struct {
	requestID       string
	target          *target
	flags           socketio.Flags
	rooms           roomList
	close           bool
	packet, sockets []byte // MessagePack
	clients         *int
}

func decodeFields(data []byte) (f shardedFields, err error) {
	r := reader{b: data}
	err = r.each(func(key string) (err error) {
		if r.next() == msgp.NilType && key != "packet" {
			return r.skip() // undefined in JavaScript
		}
		switch key {
		case "requestId":
			f.requestID, err = r.text()
		case "opts":
			f.target = &target{}
			*f.target, f.flags, err = r.options()
		case "rooms":
			f.rooms, err = r.rooms()
		case "close":
			f.close, err = read(&r, msgp.ReadBoolBytes)
		case "packet":
			f.packet, err = r.raw()
		case "sockets":
			f.sockets, err = r.raw()
		case "clientCount":
			f.clients, err = r.count()
		default:
			err = r.skip()
		}
		return err
	})
	return f, err
}

// count decodes a number of clients.
func (r *reader) count() (*int, error) {
	n, ok, err := r.number()
	if err == nil && !(ok && n >= 0 && n <= maxClientCount) {
		err = fmt.Errorf("%w: invalid number of clients", errMalformed)
	}
	if err != nil {
		return nil, err
	}
	clients := int(n)
	return &clients, nil
}

func (m *shardedMessage) decodeData(kind shardedType, data []byte) error {
	if kind < shardedBroadcast || kind > shardedBroadcastAck {
		return nil // a heartbeat, or of a later version
	}
	f, err := decodeFields(data)
	if err != nil {
		return err
	}
	switch kind {
	case shardedFetchSocketsResponse, shardedServerSideEmitResponse, shardedBroadcastClientCount, shardedBroadcastAck:
		m.response, err = f.response(kind)
	case shardedBroadcast:
		err = m.decodeBroadcast(&f)
	default:
		m.request, err = f.request(kind)
	}
	if m.request != nil {
		m.request.UID = m.uid
	}
	return err
}

func (m *shardedMessage) decodeBroadcast(f *shardedFields) error {
	r := reader{b: f.packet}
	packet, err := r.packet()
	if err != nil {
		return err
	}
	packet.Namespace = m.nsp // Node servers leave it out of the packet
	if f.target == nil {
		return fmt.Errorf("%w: a broadcast without options", errMalformed)
	}
	if f.requestID == "" {
		m.broadcast = &broadcast{uid: m.uid, packet: packet, target: *f.target, flags: f.flags}
		return nil
	}
	m.request = &request{Type: typeBroadcast, RequestID: f.requestID, Opts: f.target, packet: packet, flags: f.flags}
	return m.request.validate()
}

// request returns a request in the terms of the classic format.
func (f *shardedFields) request(kind shardedType) (*request, error) {
	req := &request{RequestID: f.requestID, Opts: f.target, Rooms: f.rooms, Close: &f.close}
	switch kind {
	case shardedSocketsJoin:
		req.Type = typeRemoteJoin
	case shardedSocketsLeave:
		req.Type = typeRemoteLeave
	case shardedDisconnectSockets:
		req.Type = typeRemoteDisconnect
	case shardedFetchSockets:
		req.Type = typeRemoteFetch
	case shardedServerSideEmit:
		req.Type = typeServerSideEmit
		var err error
		if req.Data, req.attachments, err = toJSON(f.packet); err != nil {
			return nil, err
		}
	}
	return req, req.validate()
}

// response returns a response in the terms of the classic format.
func (f *shardedFields) response(kind shardedType) (*response, error) {
	resp := &response{RequestID: f.requestID, ClientCount: f.clients, Type: new(messageType)}
	value := f.packet
	if kind == shardedFetchSocketsResponse {
		value = f.sockets
	}
	text := json.RawMessage("null") // a client may acknowledge without an argument
	if value != nil {
		var err error
		if text, resp.attachments, err = toJSON(value); err != nil {
			return nil, err
		}
	}
	switch kind {
	case shardedFetchSocketsResponse:
		*resp.Type, resp.Sockets = typeRemoteFetch, &text
	case shardedServerSideEmitResponse:
		*resp.Type, resp.Data = typeServerSideEmit, &text
	case shardedBroadcastClientCount:
		*resp.Type = typeBroadcastClientCount
	case shardedBroadcastAck:
		*resp.Type, resp.ack = typeBroadcastAck, text
	}
	return resp, nil
}
