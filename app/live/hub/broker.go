package hub

import "context"

// Broker carries messages between the hubs of several processes, and tells each
// which rooms the others want. The contract is what package hubtest checks.
type Broker interface {
	// Run connects, and connects again whenever it has to, until ctx ends; it
	// returns nil then. It is called once; the second call returns ErrRunning.
	Run(ctx context.Context, l Listener) error
	// Publish sends a message to the processes that have subscribed the room.
	// It never blocks. While there is no connection, and when too much waits,
	// messages are dropped. message must not be changed afterwards.
	Publish(room string, message []byte)
	// Subscribe asks for the messages of a room, and Unsubscribe for no more
	// of them. Neither blocks; both hold across connections, and may be called
	// before Run.
	Subscribe(room string)
	Unsubscribe(room string)
}

// Listener is told by a Broker, by one goroutine at a time, which holds no lock
// of the broker's.
type Listener interface {
	// Message brings what a process has published, perhaps this one itself.
	// The messages of one publisher come in their order; some may be missing.
	// message is valid until it returns.
	OnMessage(room string, message []byte)
	// Wanted says that another process has subscribed a room, which it may say
	// again at any time, or that no other process has it any more.
	OnInterest(room string, yes bool)
	// State says that the connection stands (nil), or why it does not. While
	// it did not, anything may have been missed. Each time that it stands,
	// Wanted follows for every room that is wanted.
	OnState(err error)
}
