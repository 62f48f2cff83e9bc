package engineio

import (
	"smart-factory-backend/app/websocket"
	"smart-factory-backend/app/websocket/eventloop"
)

// prove takes a WebSocket that the session may move to ("Upgrade"). A second
// one is closed ("Transports", "WebSocket"), and so is one that comes late;
// both after a handshake, since browsers show nothing of a refused one.
func (s *Session) prove(c *websocket.Conn) websocket.Handler {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.socket != nil || s.probe != nil || s.state > closing {
		c.Close(websocket.NormalClosure, "")
		return deaf{}
	}
	k := &socket{s: s, conn: c, timer: &eventloop.Timer{}}
	s.probe = k
	s.Loop().After(k.timer, s.server.o.UpgradeTimeout, k.giveUp)
	return k
}

// giveUp is called when the probe's time is over.
func (k *socket) giveUp() {
	k.s.mu.Lock()
	defer k.s.mu.Unlock()
	if k.s.probe == k {
		k.abandonLocked()
	}
}

// abandonLocked ends a probe. The session goes on polling, if it goes on.
func (k *socket) abandonLocked() {
	k.s.probe = nil
	k.s.Loop().Stop(k.timer)
	k.timer = nil
	k.conn.Close(websocket.NormalClosure, "")
}

// probing acts on a packet from a WebSocket that the session is not on, and
// reports false if it is.
func (k *socket) probing(p packet, bad error) bool {
	taken, moved := k.probingStep(p, bad)
	if moved {
		k.s.server.o.Upgraded(k.s)
	}
	return taken
}

func (k *socket) probingStep(p packet, bad error) (taken, moved bool) {
	s := k.s
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.socket == k:
		return false, false
	case s.probe != k: // it was turned away, and the client does not know yet
	case bad == nil && p.kind == typePing && string(p.data) == "probe":
		k.proved = true
		_ = k.conn.Send(probePong.frame)
		s.poll.awake() // it ends with what waits, or a noop
	case bad == nil && p.kind == typeUpgrade && !p.binary:
		k.upgradeLocked()
		return true, true
	default:
		k.abandonLocked()
	}
	return true, false
}

// upgradeLocked moves the session to the WebSocket. What waits goes ahead of
// whatever is sent from now on.
func (k *socket) upgradeLocked() {
	s := k.s
	s.Loop().Stop(k.timer)
	k.timer, s.probe = nil, nil
	s.socket = k
	s.server.upgraded.Add(1)
	if s.poll != nil { // a client has none at this point
		s.poll.refused = true
		s.poll.awake()
		s.poll = nil
	}
	for _, it := range s.queue.items {
		if it.key != 0 {
			_ = k.conn.SendLatest(it.key, it.m.frame)
		} else {
			_ = k.conn.Send(it.m.frame)
		}
	}
	s.queue.drop()
	if s.state == closing {
		k.conn.Close(closeCode(s.reason), string(s.reason))
		s.overLocked()
	}
}
