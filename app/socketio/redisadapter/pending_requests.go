package redisadapter

import (
	"sync"

	"smart-factory-backend/app/socketio"
)

// responseHandler processes a response. The mutex of pendingRequests is held.
type responseHandler func(resp *response) error

// pendingRequests are the requests of a namespace that wait for responses.
type pendingRequests struct {
	mu       sync.Mutex
	handlers map[string]responseHandler // by requestId
}

func (p *pendingRequests) add(id string, h responseHandler) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.handlers == nil {
		p.handlers = map[string]responseHandler{}
	}
	p.handlers[id] = h
}

// remove ends a request: its handler is not called after remove has returned.
func (p *pendingRequests) remove(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.handlers, id)
}

// handle passes a response to its request. Responses with an unknown id are for
// other servers, which share the channel.
func (p *pendingRequests) handle(resp *response) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h := p.handlers[resp.RequestID]; h != nil {
		return h(resp)
	}
	return nil
}

// serverRequest waits for one response from each other server.
type serverRequest struct {
	each    func(*response) error
	missing int           // responses
	done    chan struct{} // closed with the last response
}

func (r *serverRequest) handle(resp *response) error {
	if r.missing == 0 {
		return nil
	}
	if err := r.each(resp); err != nil {
		return err
	}
	if r.missing--; r.missing == 0 {
		close(r.done)
	}
	return nil
}

// ackRequest waits for the acknowledgements of clients. A server reports the
// number of its clients before their acknowledgements, so any acknowledgement
// beyond that number is invalid and ignored.
type ackRequest struct {
	counted  func(clients int)
	answered func(socketio.Args)
	done     <-chan struct{} // closed when nobody waits any longer
	missing  int             // acknowledgements of the clients reported so far
}

func (r *ackRequest) handle(resp *response) error {
	select {
	case <-r.done:
		return nil
	default:
	}
	switch {
	case resp.Type == nil:
	case *resp.Type == typeBroadcastClientCount && resp.ClientCount != nil:
		r.missing += *resp.ClientCount
		r.counted(*resp.ClientCount)
	case *resp.Type == typeBroadcastAck && resp.ack != nil && r.missing > 0:
		r.missing--
		args, err := singleArg(resp.ack, resp.attachments)
		if err != nil {
			return err
		}
		r.answered(args)
	}
	return nil
}

// singleArg returns arguments that consist of one JSON value.
func singleArg(value []byte, attachments [][]byte) (socketio.Args, error) {
	return socketio.NewArgs(append(append([]byte{'['}, value...), ']'), attachments)
}
