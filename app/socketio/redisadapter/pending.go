package redisadapter

import (
	"sync"

	"smart-factory-backend/app/socketio"
)

// call is a request of ours that waits for answers.
type call interface {
	// answer takes an answer, with pending's mutex held.
	answer(resp *response) error
}

// pending are the requests of a namespace that wait for answers.
type pending struct {
	mu    sync.Mutex
	calls map[string]call
}

func (p *pending) add(id string, c call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.calls == nil {
		p.calls = map[string]call{}
	}
	p.calls[id] = c
}

// remove forgets a request: once it has returned, the call gets no answer
// any more.
func (p *pending) remove(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.calls, id)
}

// answer passes a response on. One to nobody here is for another server: they
// share the channel.
func (p *pending) answer(resp *response) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.calls[resp.RequestID]; c != nil {
		return c.answer(resp)
	}
	return nil
}

// serverCall waits for one answer of each other server.
type serverCall struct {
	each    func(*response) error
	missing int
	done    chan struct{} // closed with the last answer
}

func (c *serverCall) answer(resp *response) error {
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
type ackCall struct {
	counted  func(clients int)
	answered func(socketio.Args)
	over     <-chan struct{} // closed when nobody waits any more
	due      int
}

func (c *ackCall) answer(resp *response) error {
	select {
	case <-c.over:
		return nil
	default:
	}
	switch {
	case resp.Kind == nil:
	case *resp.Kind == respClientCount && resp.ClientCount != nil:
		c.due += *resp.ClientCount
		c.counted(*resp.ClientCount)
	case *resp.Kind == respBroadcastAck && resp.answer != nil && c.due > 0:
		c.due--
		args, err := socketio.NewArgs(append(append([]byte{'['}, resp.answer...), ']'), resp.attachments)
		if err != nil {
			return err
		}
		c.answered(args)
	}
	return nil
}
