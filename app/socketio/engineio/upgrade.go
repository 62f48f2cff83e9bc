package engineio

import (
	"smart-factory-backend/app/websocket"
	"smart-factory-backend/app/websocket/eventloop"
)

// prove takes a WebSocket that the session may move to ("Upgrade"). A second
// one is closed ("Transports", "WebSocket"), and so is one that comes late;
// both after a handshake, since browsers show nothing of a refused one.
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

// giveUp is called when the probe's time is over.
func (k *socket) probeTimedOut() {
	k.session.mu.Lock()
	defer k.session.mu.Unlock()
	if k.session.probe == k {
		k.closeProbeLocked()
	}
}

// abandonLocked ends a probe. The session goes on polling, if it goes on.
func (k *socket) closeProbeLocked() {
	k.session.probe = nil
	k.session.Loop().StopTimer(k.timer)
	k.timer = nil
	k.conn.Close(websocket.NormalClosure, "")
}

// probing acts on a packet from a WebSocket that the session is not on, and
// reports false if it is.
func (k *socket) handleProbe(p packet, bad error) bool {
	taken, moved := k.probeStep(p, bad)
	if moved {
		k.session.server.options.Upgraded(k.session)
	}
	return taken
}

func (k *socket) probeStep(p packet, bad error) (taken, moved bool) {
	s := k.session
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.socket == k:
		return false, false
	case s.probe != k: // it was turned away, and the client does not know yet
	case bad == nil && p.typ == typePing && string(p.data) == "probe":
		k.probed = true
		_ = k.conn.Send(probePong.frame)
		s.poll.wake() // it ends with what waits, or a noop
	case bad == nil && p.typ == typeUpgrade && !p.binary:
		k.upgradeLocked()
		return true, true
	default:
		k.closeProbeLocked()
	}
	return true, false
}

// upgradeLocked moves the session to the WebSocket. What waits goes ahead of
// whatever is sent from now on.
func (k *socket) upgradeLocked() {
	s := k.session
	s.Loop().StopTimer(k.timer)
	k.timer, s.probe = nil, nil
	s.socket = k
	s.server.upgraded.Add(1)
	if s.poll != nil { // a client has none at this point
		s.poll.refused = true
		s.poll.wake()
		s.poll = nil
	}
	for _, it := range s.queue.items {
		if it.key != 0 {
			_ = k.conn.SendLatest(it.key, it.m.frame)
		} else {
			_ = k.conn.Send(it.m.frame)
		}
	}
	s.queue.clear()
	if s.state == stateClosing {
		k.conn.Close(closeCode(s.reason), string(s.reason))
		s.removeLocked()
	}
}
