package redisadapter

import (
	"encoding/json"

	"smart-factory-backend/app/socketio"
)

// format is how the messages of an adapter look on Redis, and which channels they
// use.
type format interface {
	// subscribe sets up the subscriptions of the adapter; close ends those that the
	// adapter does not list.
	subscribe()
	close()
	// countChannel is the channel whose subscribers are the servers.
	countChannel() string

	broadcast(p *socketio.Packet, t target, f socketio.Flags) (channel string, message []byte, err error)
	request(req *request) (channel string, message []byte, err error)
	respond(req *request, resp *response) (channel string, message []byte, err error)
}

// classic is the format of createAdapter.
type classic struct {
	a        *Adapter
	channels channels
	specific bool // Options.SpecificResponses
}

func (c *classic) subscribe() {
	link, handler := c.a.connector.link, c.a.connector.handler
	c.a.subscriptions = append(c.a.subscriptions,
		link.SubscribePattern(c.channels.pattern, handler(c.onBroadcast)),
		link.Subscribe(c.channels.response, handler(c.onResponse)),
		link.Subscribe(c.channels.privateResponse, handler(c.onResponse)),
		link.Subscribe(c.channels.request, handler(c.onRequest)),
	)
}

func (c *classic) close() {}

func (c *classic) countChannel() string { return c.channels.request }

// onBroadcast handles a message of the broadcast channels.
func (c *classic) onBroadcast(channel, message string) {
	room, ok := c.channels.roomOf(channel)
	if !ok || room != "" && !c.a.Wants(room) {
		return
	}
	m, err := decodeBroadcast([]byte(message))
	if err != nil {
		c.a.connector.drop(channel, err)
		return
	}
	c.a.deliver(&m)
}

// onRequest handles a message of the request channel.
func (c *classic) onRequest(channel, message string) {
	req, err := decodeRequest([]byte(message))
	if err != nil {
		c.a.connector.drop(channel, err)
		return
	}
	if req.UID != c.a.uid { // this adapter acted on its own before publishing them
		c.a.handleRequest(&req)
	}
}

// onResponse handles a message of the response channels.
func (c *classic) onResponse(channel, message string) {
	resp, err := decodeResponse([]byte(message))
	if err == nil {
		err = c.a.requests.handle(&resp)
	}
	if err != nil {
		c.a.connector.drop(channel, err)
	}
}

func (c *classic) broadcast(p *socketio.Packet, t target, f socketio.Flags) (channel string, message []byte, err error) {
	m := broadcast{uid: c.a.uid, packet: *p, target: t, flags: f}
	message, err = m.encode()
	return c.channels.broadcastTo(t.Rooms), message, err
}

// request encodes in JSON, in which binaries are base64; broadcasts that want
// acknowledgements are MessagePack.
func (c *classic) request(req *request) (channel string, message []byte, err error) {
	switch {
	case req.Type == typeBroadcast:
		message, err = encodeBroadcastRequest(req.UID, req.RequestID, &req.packet, *req.Opts, req.flags)
		return c.channels.request, message, err
	case len(req.attachments) > 0:
		event, err := socketio.NewArgs(req.Data, req.attachments)
		if err != nil {
			return "", nil, err
		}
		if req.Data, err = event.MarshalJSON(); err != nil {
			return "", nil, err
		}
	}
	message, err = json.Marshal(req)
	return c.channels.request, message, err
}

func (c *classic) respond(req *request, resp *response) (channel string, message []byte, err error) {
	channel = c.channels.response
	if c.specific && req.UID != "" && resp.Data == nil { // Node servers expect type 6 on the general channel
		channel += req.UID + "#"
	}
	if resp.ack != nil {
		message, err = encodeAck(req.RequestID, resp.ack, resp.attachments)
		return channel, message, err
	}
	resp.RequestID = req.RequestID
	if resp.Data != nil && len(resp.attachments) > 0 {
		value, err := singleArg(*resp.Data, resp.attachments)
		if err != nil {
			return "", nil, err
		}
		plain, err := value.MarshalJSON()
		if err != nil {
			return "", nil, err
		}
		data := json.RawMessage(plain[1 : len(plain)-1])
		resp.Data = &data
	}
	message, err = json.Marshal(resp)
	return channel, message, err
}
