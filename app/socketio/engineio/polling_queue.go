package engineio

import "smart-factory-backend/app/websocket/eventloop"

// item is a packet that waits. A message with a key is replaced by the next
// one with the same.
type queuedMessage struct {
	key eventloop.Key
	m   *Message
}

// queue is what waits for the next poll. Empty, it holds no memory.
type pollingQueue struct {
	items []queuedMessage
	size  int // bytes, as polling packets
}

func (q *pollingQueue) push(key eventloop.Key, m *Message) {
	q.items = append(q.items, queuedMessage{key, m})
	q.size += m.Len()
}

// replace puts m in the place of what waits under key, and reports whether
// there was any.
func (q *pollingQueue) replace(key eventloop.Key, m *Message) bool {
	for i := len(q.items) - 1; i >= 0; i-- {
		if q.items[i].key == key {
			q.size += m.Len() - q.items[i].m.Len()
			q.items[i].m = m
			return true
		}
	}
	return false
}

// take removes as many packets as a payload of limit bytes holds, at least
// one, and returns them; nil if none waits.
func (q *pollingQueue) pop(limit int) []*Message {
	n, size := 0, 0
	for n < len(q.items) {
		next := q.items[n].m.Len()
		if n > 0 && size+1+next > limit {
			break
		}
		size += next + min(n, 1) // the separator
		n++
	}
	if n == 0 {
		return nil
	}
	ms := make([]*Message, n, n+1) // a close packet may follow
	for i := range ms {
		ms[i] = q.items[i].m
		q.size -= ms[i].Len()
	}
	if n == len(q.items) {
		q.items = nil
		return ms
	}
	left := copy(q.items, q.items[n:])
	clear(q.items[left:])
	q.items = q.items[:left]
	return ms
}

func (q *pollingQueue) clear() { *q = pollingQueue{} }
