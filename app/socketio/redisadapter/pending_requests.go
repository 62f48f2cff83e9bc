package redisadapter

import (
	"sync"

	"smart-factory-backend/app/socketio"
)

// call is a request of ours that waits for answers.
type responseHandler interface {
	// answer takes an answer, with pending's mutex held.
	handle(resp *response) error
}

// pending are the requests of a namespace that wait for answers.
type pendingRequests struct {
	mu       sync.Mutex
	handlers map[string]responseHandler
}

func (p *pendingRequests) add(id string, c responseHandler) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.handlers == nil {
		p.handlers = map[string]responseHandler{}
	}
	p.handlers[id] = c
}

// remove forgets a request: once it has returned, the call gets no answer
// any more.
func (p *pendingRequests) remove(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.handlers, id)
}

// answer passes a response on. One to nobody here is for another server: they
// share the channel.
func (p *pendingRequests) handle(resp *response) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.handlers[resp.RequestID]; c != nil {
		return c.handle(resp)
	}
	return nil
}

// serverCall waits for one answer of each other server.
type serverRequest struct {
	each    func(*response) error
	missing int
	done    chan struct{} // closed with the last answer
}

func (c *serverRequest) handle(resp *response) error {
	if c.missing == 0 {
		return nil
	}
	if err := c.each(resp); err != nil {
		return err
	}
	if c.missing--; c.missing == 0 {
		close(c.done)
	}
	return nil
}

// ackCall passes the clients' acknowledgements on. A server says how many
// clients it has asked before it passes on what they answer, so whatever is
// more than that is nobody's answer.
type ackRequest struct {
	counted  func(clients int)
	answered func(socketio.Args)
	done     <-chan struct{} // closed when nobody waits any more
	missing  int
}

func (c *ackRequest) handle(resp *response) error {
	select {
	case <-c.done:
		return nil
	default:
	}
	switch {
	case resp.Type == nil:
	case *resp.Type == typeBroadcastClientCount && resp.ClientCount != nil:
		c.missing += *resp.ClientCount
		c.counted(*resp.ClientCount)
	case *resp.Type == typeBroadcastAck && resp.ack != nil && c.missing > 0:
		c.missing--
		args, err := socketio.NewArgs(append(append([]byte{'['}, resp.ack...), ']'), resp.attachments)
		if err != nil {
			return err
		}
		c.answered(args)
	}
	return nil
}
