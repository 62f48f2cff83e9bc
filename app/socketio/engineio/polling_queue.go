package engineio

import "smart-factory-backend/app/websocket/eventloop"

type queuedMessage struct {
	key eventloop.Key
	m   *Message
}

// pollingQueue holds the messages for the next poll. An empty queue holds no
// memory.
type pollingQueue struct {
	account *eventloop.Account // of the session
	items   []queuedMessage
	size    int // bytes, as encoded for polling
}

// cost is what the queue counts against Options.QueueLimit.
func (q *pollingQueue) cost() int { return q.size + len(q.items)*eventloop.ItemCost }

func (q *pollingQueue) push(key eventloop.Key, m *Message) {
	q.items = append(q.items, queuedMessage{key, m})
	q.size += m.Len()
	q.account.Hold(m.frame.Shared(), m.Len())
}

// replace replaces the newest message with the key by m, and reports whether
// there was one.
func (q *pollingQueue) replace(key eventloop.Key, m *Message) bool {
	for i := len(q.items) - 1; i >= 0; i-- {
		if q.items[i].key == key {
			old := q.items[i].m
			q.size += m.Len() - old.Len()
			q.account.Drop(old.frame.Shared(), old.Len())
			q.account.Hold(m.frame.Shared(), m.Len())
			q.items[i].m = m
			return true
		}
	}
	return false
}

// pop removes and returns as many messages as fit into a payload of limit
// bytes, but at least one; nil if the queue is empty.
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
	ms := make([]*Message, n, n+1) // room for a close packet
	for i := range ms {
		ms[i] = q.items[i].m
		q.size -= ms[i].Len()
		q.account.Drop(ms[i].frame.Shared(), ms[i].Len())
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

func (q *pollingQueue) clear() {
	for _, it := range q.items {
		q.account.Drop(it.m.frame.Shared(), it.m.Len())
	}
	*q = pollingQueue{account: q.account}
}
