package engineio

import (
	"smart-factory-backend/app/websocket"
	"smart-factory-backend/app/websocket/eventloop"
)

// acceptProbe takes a WebSocket to which the session may be upgraded
// ("Upgrade"). If the session has another WebSocket or is closed, the new one
// is closed ("Transports", "WebSocket"), after its handshake, because browsers
// hide the response of a failed one.
func (s *Session) acceptProbe(c *websocket.Conn) websocket.Handler {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.socket != nil || s.probe != nil || s.state > stateClosing {
		c.Close(websocket.NormalClosure, "")
		return discardHandler{}
	}
	k := &socket{session: s, conn: c, timer: &eventloop.Timer{}}
	s.probe = k
	s.Loop().SetTimer(k.timer, s.server.options.UpgradeTimeout, k.probeTimedOut)
	return k
}

// probeTimedOut closes a probe after Options.UpgradeTimeout.
func (k *socket) probeTimedOut() {
	k.session.mu.Lock()
	defer k.session.mu.Unlock()
	if k.session.probe == k {
		k.closeProbeLocked()
	}
}

// closeProbeLocked closes the session's probe. The session stays on polling.
func (k *socket) closeProbeLocked() {
	k.session.probe = nil
	if k.session.poll == nil {
		k.session.expectPollLocked(0)
	}
	k.session.Loop().StopTimer(k.timer)
	k.timer = nil
	k.conn.Close(websocket.NormalClosure, "")
}

// handleProbe handles a packet from a WebSocket to which the session has not
// been upgraded. It returns false if the session is on this WebSocket.
func (k *socket) handleProbe(p packet, invalid error) bool {
	handled, upgraded := k.probeStep(p, invalid)
	if upgraded {
		k.session.server.options.Upgraded(k.session)
	}
	return handled
}

func (k *socket) probeStep(p packet, invalid error) (handled, upgraded bool) {
	s := k.session
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.socket == k:
		return false, false
	case s.probe != k: // it is being closed
	case invalid == nil && p.typ == typePing && string(p.data) == "probe":
		k.probed = true
		_ = k.conn.Send(probePong.frame)
		s.poll.wake() // it responds with the queue or a noop
	case invalid == nil && p.typ == typeUpgrade && !p.binary:
		k.upgradeLocked()
		return true, true
	default:
		k.closeProbeLocked()
	}
	return true, false
}

// upgradeLocked moves the session to the WebSocket. The queue goes first, ahead
// of all later sends.
func (k *socket) upgradeLocked() {
	s := k.session
	s.Loop().StopTimer(k.timer)
	k.timer, s.probe = nil, nil
	s.socket = k
	s.server.upgraded.Add(1)
	if s.poll != nil { // a correct client has none now
		s.poll.refused = true
		s.poll.wake()
		s.poll = nil
	}
	for _, it := range s.queue.items {
		_ = k.conn.SendLatest(it.key, it.m.frame)
	}
	s.queue.clear()
	if s.state == stateClosing {
		k.conn.Close(closeCode(s.reason), string(s.reason))
		s.removeLocked()
	}
}
