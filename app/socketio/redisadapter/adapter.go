package redisadapter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"smart-factory-backend/app/socketio"
	"smart-factory-backend/app/socketio/redislink"
)

// Adapter is the adapter of a namespace. MemoryAdapter serves the sockets of this
// server; Redis reaches the other servers. Connector.Adapter makes one.
type Adapter struct {
	*socketio.MemoryAdapter

	connector     *Connector
	nsp           string
	uid           string
	subscriptions []*redislink.Subscription
	format        format
	requests      pendingRequests
	events        eventQueue
	ackBroadcasts atomic.Int64 // limited to maxAckBroadcasts
}

var _ socketio.Adapter = (*Adapter)(nil)

func newAdapter(local *socketio.MemoryAdapter, connector *Connector) *Adapter {
	a := &Adapter{
		MemoryAdapter: local, connector: connector, nsp: local.Namespace().Name(), uid: randomID(),
		events: eventQueue{limit: maxServerEvents},
	}
	o := &connector.options
	if o.Mode == Classic {
		a.format = &classic{a: a, channels: channelsOf(o.Key, a.nsp, a.uid), specific: o.SpecificResponses}
	} else {
		a.format = newSharded(a, o.Key, o.Mode)
	}
	a.format.subscribe()
	return a
}

// Broadcast delivers to the sockets of this server and queues the message for the
// other servers.
func (a *Adapter) Broadcast(p *socketio.Packet, o *socketio.BroadcastOptions) error {
	if err := a.MemoryAdapter.Broadcast(p, o); err != nil || o.Flags.Local {
		return err
	}
	channel, b, err := a.format.broadcast(p, targetOf(o), o.Flags)
	if err != nil {
		return fmt.Errorf("encode for other servers: %w", err)
	}
	a.connector.link.Publish(channel, b)
	return nil
}

// BroadcastWithAck is described at socketio.Adapter.
func (a *Adapter) BroadcastWithAck(
	ctx context.Context, p *socketio.Packet, o *socketio.BroadcastOptions, counted func(int), answered func(socketio.Args),
) error {
	if !o.Flags.Local {
		id := randomID()
		channel, b, err := a.format.request(&request{
			UID: a.uid, RequestID: id, Type: typeBroadcast, Opts: new(targetOf(o)), packet: *p, flags: o.Flags,
		})
		if err != nil {
			return fmt.Errorf("encode for other servers: %w", err)
		}
		pending := ackRequest{counted: counted, answered: answered, done: ctx.Done()}
		a.requests.add(id, pending.handle)
		context.AfterFunc(ctx, func() { a.requests.remove(id) })
		a.connector.link.Publish(channel, b)
	}
	return a.MemoryAdapter.BroadcastWithAck(ctx, p, o, counted, answered)
}

// ServerCount returns the number of servers that have the namespace. It is an
// error without a connection to Redis.
func (a *Adapter) ServerCount(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, a.connector.options.RequestsTimeout)
	defer cancel()
	channel := a.format.countChannel()
	subscribers, err := a.connector.link.Subscribers(ctx, channel)
	if err != nil {
		return 0, fmt.Errorf("count servers: %w", err)
	}
	return max(int(subscribers[channel]), 1), nil
}

// FetchSockets is described at socketio.Adapter.
func (a *Adapter) FetchSockets(ctx context.Context, o *socketio.BroadcastOptions) ([]socketio.SocketDetails, error) {
	list, err := a.MemoryAdapter.FetchSockets(ctx, o)
	if err != nil || o.Flags.Local {
		return list, err
	}
	err = a.request(ctx, &request{Type: typeRemoteFetch, Opts: new(targetOf(o))}, func(resp *response) error {
		if resp.Sockets == nil {
			return fmt.Errorf("%w: a response without sockets", errMalformed)
		}
		var remote []remoteSocket
		if err := json.Unmarshal(*resp.Sockets, &remote); err != nil {
			return fmt.Errorf("%w: %w", errMalformed, err)
		}
		for _, s := range remote {
			list = append(list, socketio.SocketDetails{ID: s.ID, Handshake: s.Handshake, Rooms: s.Rooms, Data: s.Data})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("fetch sockets: %w", err)
	}
	return list, nil
}

// AllRooms returns the rooms of all servers, including those of single sockets, in
// no particular order. The sharded format has no such request: it is an error
// there, unless this server is alone.
func (a *Adapter) AllRooms(ctx context.Context) ([]string, error) {
	rooms := map[string]bool{}
	add := func(names []string) {
		for _, name := range names {
			rooms[name] = true
		}
	}
	add(a.LocalRooms())
	err := a.request(ctx, &request{Type: typeAllRooms}, func(resp *response) error {
		if resp.Rooms == nil {
			return fmt.Errorf("%w: a response without rooms", errMalformed)
		}
		add(*resp.Rooms)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("all rooms: %w", err)
	}
	return slices.Collect(maps.Keys(rooms)), nil
}

// request sends a request to the other servers and calls each with their
// responses, one at a time, until all have responded. It returns ErrTimeout after
// RequestsTimeout.
func (a *Adapter) request(ctx context.Context, req *request, each func(*response) error) error {
	ctx, cancel := context.WithTimeout(ctx, a.connector.options.RequestsTimeout)
	defer cancel()
	servers, err := a.ServerCount(ctx)
	if err != nil {
		return err
	}
	pending := &serverRequest{each: each, missing: servers - 1, done: make(chan struct{})}
	if pending.missing == 0 {
		return nil
	}
	req.UID, req.RequestID = a.uid, randomID()
	channel, b, err := a.format.request(req)
	if err != nil {
		return err
	}
	a.requests.add(req.RequestID, pending.handle)
	defer a.requests.remove(req.RequestID)
	a.connector.link.Publish(channel, b)
	select {
	case <-pending.done:
		return nil
	case <-ctx.Done():
	}
	a.requests.remove(req.RequestID) // no response is handled after this
	if pending.missing == 0 {
		return nil
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return fmt.Errorf("%d of %d servers did not respond: %w", pending.missing, servers-1, socketio.ErrTimeout)
}

// SocketsJoin acts on the sockets of this server at once, and on other sockets when
// their servers receive the request.
func (a *Adapter) SocketsJoin(o *socketio.BroadcastOptions, rooms []string) error {
	if err := a.MemoryAdapter.SocketsJoin(o, rooms); err != nil || o.Flags.Local {
		return err
	}
	return a.publishRequest(&request{Type: typeRemoteJoin, Opts: new(targetOf(o)), Rooms: append(roomList{}, rooms...)})
}

// SocketsLeave acts as SocketsJoin does.
func (a *Adapter) SocketsLeave(o *socketio.BroadcastOptions, rooms []string) error {
	if err := a.MemoryAdapter.SocketsLeave(o, rooms); err != nil || o.Flags.Local {
		return err
	}
	return a.publishRequest(&request{Type: typeRemoteLeave, Opts: new(targetOf(o)), Rooms: append(roomList{}, rooms...)})
}

// DisconnectSockets acts as SocketsJoin does.
func (a *Adapter) DisconnectSockets(o *socketio.BroadcastOptions, closeConnection bool) error {
	if err := a.MemoryAdapter.DisconnectSockets(o, closeConnection); err != nil || o.Flags.Local {
		return err
	}
	return a.publishRequest(&request{Type: typeRemoteDisconnect, Opts: new(targetOf(o)), Close: &closeConnection})
}

// ServerSideEmit is described at socketio.Adapter.
func (a *Adapter) ServerSideEmit(event socketio.Args) error {
	return a.publishRequest(&request{Type: typeServerSideEmit, Data: event.JSON(), attachments: event.Attachments()})
}

// ServerSideEmitWithAck is described at socketio.Adapter.
func (a *Adapter) ServerSideEmitWithAck(ctx context.Context, event socketio.Args) ([]socketio.Args, error) {
	var responses []socketio.Args
	err := a.request(ctx, &request{Type: typeServerSideEmit, Data: event.JSON(), attachments: event.Attachments()}, func(resp *response) error {
		value := json.RawMessage("null")
		if resp.Data != nil {
			value = *resp.Data
		}
		args, err := singleArg(value, resp.attachments)
		if err != nil {
			return fmt.Errorf("%w: %w", errMalformed, err)
		}
		responses = append(responses, args)
		return nil
	})
	return responses, err
}

// publishRequest sends a request that has no response.
func (a *Adapter) publishRequest(req *request) error {
	req.UID = a.uid
	channel, b, err := a.format.request(req)
	if err != nil {
		return err
	}
	a.connector.link.Publish(channel, b)
	return nil
}

// Close cancels the subscriptions of the namespace. It waits for a running handler
// of a server-side event, for five seconds at most.
func (a *Adapter) Close() error {
	for _, s := range a.subscriptions {
		s.Cancel()
	}
	a.format.close()
	return errors.Join(a.MemoryAdapter.Close(), a.events.close(closeGrace))
}

const (
	closeGrace = 5 * time.Second
	// ackTimeout is the default timeout of another server's broadcast with
	// acknowledgements.
	ackTimeout = time.Minute
	// maxAckBroadcasts bounds the broadcasts of other servers that wait for
	// acknowledgements of this server's clients; further ones are dropped.
	maxAckBroadcasts = 10_000
)
