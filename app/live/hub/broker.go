package hub

import "context"

// Broker carries messages between the hubs of several processes and reports which
// rooms the other processes are interested in. Package hubtest checks the contract.
type Broker interface {
	// Run connects, and reconnects after each loss, until ctx ends; then it
	// returns nil. A second call returns ErrRunning.
	Run(ctx context.Context, l Listener) error
	// Publish sends a message to the processes that have subscribed to the room.
	// It never blocks. Messages are dropped while there is no connection and when
	// too many wait. The message must not be changed afterwards.
	Publish(room string, message []byte)
	// Subscribe requests the messages of a room, Unsubscribe ends that. Neither
	// blocks. Subscriptions outlive connections, and may be made before Run.
	Subscribe(room string)
	Unsubscribe(room string)
}

// Listener receives the reports of a Broker. Its methods are called from one
// goroutine at a time, which holds no lock of the broker that the broker's own
// methods need.
type Listener interface {
	// OnMessage receives what a process has published, possibly this one. The
	// messages of one publisher arrive in order; some may be missing. The message
	// is valid until OnMessage returns.
	OnMessage(room string, message []byte)
	// OnInterest reports that another process has subscribed to a room, possibly
	// repeatedly, or that no other process is subscribed to it any longer.
	OnInterest(room string, interested bool)
	// OnState reports that the broker is connected (nil) or why it is not.
	// Messages may have been missed while it was not. After each connection,
	// OnInterest follows for every room that others are subscribed to.
	OnState(err error)
}
